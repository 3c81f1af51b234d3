# SPDX-License-Identifier: Apache-2.0
"""Who may do what at ARM: roles, deny assignments, and the API that shows them."""
import time

import lab_support

REGENERATE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action"
EVERYONE = "00000000-0000-0000-0000-000000000000"


class RightsCase(lab_support.LabCase):
    options = ("--operation-time", "0s")

    def setUp(self):
        super().setUp()
        self.roles(reset=True)

    def roles(self, **order):
        answer = self.lab.control("POST", "/roles", order)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def only(self, role):
        self.roles(revoke="*")
        self.roles(grant=role)

    def shown(self, what, scope=None, **more):
        scope = self.lab.arm_prefix if scope is None else scope
        return self.lab.arm("GET", scope + "/providers/Microsoft.Authorization/" + what, version="2022-04-01", **more)

    def group(self):
        return self.lab.endpoints.split("/providers/")[0]

    def object_id(self):
        self.lab.endpoint("GET")
        return lab_support.claims_of(self.lab.token)["oid"]

    def ask(self, what):
        lab = self.lab
        group = self.group() + "/providers/"
        return {
            "read": lambda: lab.endpoint("GET"),
            "list keys": lambda: lab.endpoint("POST", "/listKeys"),
            "regenerate": lambda: lab.endpoint("POST", "/regenerateKeys", {"keyType": "Primary"}),
            "write": lambda: lab.endpoint("PATCH", "", {"tags": {}}),
            "read storage": lambda: lab.arm("GET", group + "Microsoft.Storage/storageAccounts/nachetstore", version="2023-05-01"),
            "keys of storage": lambda: lab.arm("POST", group + "Microsoft.Storage/storageAccounts/nachetstore/listKeys",
                                               version="2023-05-01"),
            "log": lambda: lab.arm("GET", lab.arm_prefix + "/providers/Microsoft.Insights/eventtypes/management/values?"
                                   "%24filter=eventTimestamp%20ge%20'" + time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime()) + "'",
                                   version="2015-04-01"),
            "permissions": lambda: self.shown("permissions", self.group()),
        }[what]()


class Roles(RightsCase):
    def test_each_role_allows_what_it_allows_and_no_more(self):
        everything = ["read", "list keys", "regenerate", "write", "read storage", "keys of storage", "log", "permissions"]
        for role, allowed in (("Owner", everything), ("Contributor", everything),
                              ("Reader", ["read", "read storage", "log", "permissions"]),
                              ("AzureML Data Scientist", ["read", "list keys", "regenerate", "write"]),
                              ("Key Watcher", ["read", "list keys", "log", "permissions"]),
                              ("Key Rotator", ["read", "list keys", "regenerate", "log", "permissions"])):
            self.only(role)
            for what in everything:
                with self.subTest(role=role, what=what):
                    answer = self.ask(what)
                    self.assertEqual(answer.status < 400, what in allowed, answer.body)
                    if what not in allowed:
                        self.assertEqual((answer.status, answer.json()["error"]["code"]), (403, "AuthorizationFailed"))

    def test_the_refusal_names_the_caller_the_action_and_the_scope(self):
        self.only("Key Watcher")
        before = self.lab.keys()
        message = self.ask("regenerate").json()["error"]["message"]
        scope = self.lab.endpoints + "/" + self.lab.facts["endpoint"]
        self.assertEqual(message, "The client '%s' with object id '%s' does not have authorization to perform action '%s' over "
                         "scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials."
                         % (self.lab.facts["client_id"], self.object_id(), REGENERATE, scope))
        self.assertEqual(self.lab.keys(), before)

    def test_nobody_learns_whether_a_resource_exists_that_he_may_not_see(self):
        self.roles(revoke="*")
        for name in (self.lab.facts["endpoint"], "no-such"):
            self.assertEqual(self.lab.endpoint("GET", name=name).json()["error"]["code"], "AuthorizationFailed")

    def test_a_role_counts_at_its_scope_and_below_it(self):
        group = self.group()
        for scope, status in ((self.lab.arm_prefix, 200), (group.upper(), 200), (self.lab.endpoints + "/" + self.lab.facts["endpoint"], 200),
                              (self.lab.endpoints + "/nachet", 403), (group + "-other", 403), ("/subscriptions/other", 403)):
            self.roles(revoke="*")
            self.roles(grant="Reader", scope=scope)
            self.assertEqual(self.ask("read").status, status, scope)

    def test_a_grant_may_take_its_time(self):
        self.roles(revoke="*")
        self.roles(grant="Reader", after_ms=3600000)
        self.assertEqual(self.ask("read").status, 403)
        self.roles(grant="Reader", after_ms=0)
        self.assertEqual(self.ask("read").status, 200)

    def test_orders_that_make_no_sense_are_refused(self):
        for order in ({}, {"grant": "King"}, {"revoke": "King"}):
            self.assertEqual(self.lab.control("POST", "/roles", order).status, 400)


class DenyAssignments(RightsCase):
    def test_a_deny_assignment_beats_every_role(self):
        self.only("Owner")
        self.roles(deny=REGENERATE, name="Only keydrift rotates")
        before = self.lab.keys()
        answer = self.ask("regenerate")
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (403, "DenyAssignmentAuthorizationFailed"))
        self.assertIn("Only keydrift rotates", answer.json()["error"]["message"])
        self.assertEqual(self.lab.keys(), before)
        self.assertEqual(self.ask("list keys").status, 200)

    def test_who_is_excluded_may(self):
        self.roles(deny=REGENERATE, **{"except": self.object_id()})
        self.assertEqual(self.ask("regenerate").status, 202)

    def test_it_can_be_for_one_principal_at_one_scope(self):
        self.roles(deny=REGENERATE, principal="11111111-2222-3333-4444-555555555555")
        self.assertEqual(self.ask("regenerate").status, 202)
        self.roles(deny="*/action", principal=self.object_id(), scope=self.lab.endpoints + "/other")
        self.assertEqual(self.ask("list keys").status, 200)
        self.roles(deny="*/action", principal=self.object_id(), scope=self.lab.endpoints)
        self.assertEqual(self.ask("list keys").status, 403)

    def test_the_list_shows_it_where_it_counts(self):
        self.roles(deny=REGENERATE, name="Mine", **{"except": self.object_id()})
        scope = self.lab.endpoints + "/" + self.lab.facts["endpoint"]
        for where in (scope, self.group(), self.lab.arm_prefix):
            listed = self.shown("denyAssignments", where).json()["value"]
            self.assertEqual(len(listed), 1)
            properties = listed[0]["properties"]
            self.assertEqual(properties["denyAssignmentName"], "Mine")
            self.assertEqual(properties["permissions"][0]["actions"], [REGENERATE])
            self.assertEqual(properties["principals"], [{"id": EVERYONE, "type": "SystemDefined"}])
            self.assertEqual(properties["excludePrincipals"][0]["id"], self.object_id())
        one = self.shown("denyAssignments/" + listed[0]["name"])
        self.assertEqual(one.json(), listed[0])
        self.assertEqual(self.shown("denyAssignments/" + EVERYONE).status, 404)


class Shown(RightsCase):
    def test_permissions_are_those_of_the_caller_at_the_scope(self):
        scope = self.lab.endpoints + "/" + self.lab.facts["endpoint"]
        self.only("Key Rotator")
        value = self.shown("permissions", scope).json()["value"]
        self.assertEqual(len(value), 1)
        self.assertIn(REGENERATE, value[0]["actions"])
        self.roles(grant="Contributor", scope=self.lab.endpoints + "/other")
        self.assertEqual(len(self.shown("permissions", scope).json()["value"]), 1)
        self.assertEqual(set(value[0]), {"actions", "notActions", "dataActions", "notDataActions"})

    def test_assignments_name_everybody_and_roles_say_what_they_allow(self):
        assignments = self.shown("roleAssignments").json()["value"]
        self.assertEqual([one["properties"]["principalType"] for one in assignments], ["ServicePrincipal", "User", "Group"])
        roles = {one["id"]: one["properties"] for one in self.shown("roleDefinitions").json()["value"]}
        names = [roles[one["properties"]["roleDefinitionId"]]["roleName"] for one in assignments]
        self.assertEqual(names, ["Contributor", "Owner", "AzureML Data Scientist"])
        self.assertEqual({role["type"] for role in roles.values()}, {"BuiltInRole", "CustomRole"})
        guid = assignments[0]["properties"]["roleDefinitionId"].rsplit("/", 1)[1]
        self.assertEqual(self.shown("roleDefinitions/" + guid).json()["properties"]["roleName"], "Contributor")

    def test_filters(self):
        me = self.object_id()
        endpoint = self.lab.endpoints + "/" + self.lab.facts["endpoint"]
        for text, count in (("principalId%20eq%20'" + me + "'", 1), ("assignedTo('" + me + "')", 1), ("atScope()", 2)):
            answer = self.shown("roleAssignments?%24filter=" + text)
            self.assertEqual((answer.status, len(answer.json()["value"])), (200, count), text)
        self.assertEqual(len(self.shown("roleAssignments?$filter=atScope()", endpoint).json()["value"]), 3)
        self.assertEqual(len(self.shown("roleDefinitions?$filter=roleName%20eq%20'Reader'").json()["value"]), 1)
        self.assertEqual(self.shown("roleAssignments?$filter=nonsense").status, 400)

    def test_it_shows_and_does_not_change(self):
        answer = self.lab.arm("PUT", self.lab.arm_prefix + "/providers/Microsoft.Authorization/roleAssignments/x", {},
                              version="2022-04-01")
        self.assertEqual(answer.status, 405)
        self.assertEqual(self.shown("nothing").status, 404)


if __name__ == "__main__":
    lab_support.main()
