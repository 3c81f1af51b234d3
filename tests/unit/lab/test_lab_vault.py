# SPDX-License-Identifier: Apache-2.0
"""The Vault side: the shapes that OpenBao 2.7.2 was seen to answer."""
import concurrent.futures
import time

import lab_support

MERGE = {"Content-Type": "application/merge-patch+json"}
DENIED = {"errors": ["permission denied"]}
DENIED_BY_POLICY = {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}


class VaultCase(lab_support.LabCase):
    is_for_real_vault_too = True

    def login(self):
        answer = self.lab.vault("POST", "auth/approle/login", {"role_id": self.lab.facts["approle_role_id"],
                                                               "secret_id": self.lab.facts["approle_secret_id"]}, token="")
        self.assertEqual(answer.status, 200)
        return answer.json()["auth"]["client_token"]


class System(VaultCase):
    def test_health_and_seal_status_need_no_token(self):
        body = self.lab.vault("GET", "sys/health", token="").json()
        self.assertEqual((body["initialized"], body["sealed"], body["standby"], body["version"]), (True, False, False, "2.7.2"))
        self.assertEqual(self.lab.vault("HEAD", "sys/health", token="").status, 200)
        self.assertEqual(self.lab.vault("GET", "sys/seal-status", token="").json()["sealed"], False)

    def test_mounts_tell_their_version_below_any_path(self):
        for path, mount, version in (("kv", "kv/", "2"), ("kv/a/b", "kv/", "2"), ("kv1/x", "kv1/", "1")):
            data = self.lab.vault("GET", "sys/internal/ui/mounts/" + path).json()["data"]
            self.assertEqual((data["path"], data["type"], data["options"]), (mount, "kv", {"version": version}))
        answer = self.lab.vault("GET", "sys/internal/ui/mounts/nope/x")
        self.assertEqual((answer.status, answer.json()["errors"]),
                         (403, ["preflight capability check returned 403, please ensure client's policies grant access to "
                                'path "nope/x/"']))
        self.assertEqual(self.lab.vault("GET", "sys/internal/ui/mounts/kv", token="dead").json(), DENIED)

    def test_engines_that_are_not_kv_say_what_they_are(self):
        for mount, kind in (("sys", "system"), ("cubbyhole", "cubbyhole"), ("identity", "identity")):
            data = self.lab.vault("GET", "sys/internal/ui/mounts/" + mount + "/x", token=self.login()).json()["data"]
            self.assertEqual((data["path"], data["type"], data["options"]), (mount + "/", kind, None))

    def test_capabilities_are_those_that_count(self):
        paths = ["kv/data/nachet/backend", "kv/data/forbidden/x", "sys/mounts"]
        data = self.lab.vault("POST", "sys/capabilities-self", {"paths": paths}, token=self.login()).json()["data"]
        self.assertEqual(data, {paths[0]: ["create", "delete", "list", "patch", "read", "update"], paths[1]: ["deny"], paths[2]: ["deny"]})
        data = self.lab.vault("POST", "sys/capabilities-self", {"paths": paths[:1]}).json()
        self.assertEqual(data["data"][paths[0]], ["root"])
        self.assertEqual(data[paths[0]], ["root"])

    def test_an_unknown_namespace_is_not_found(self):
        self.lab.vault("POST", "kv/data/here", {"data": {}})
        for name, status in (("nowhere", 404), ("root", 200), ("", 200)):
            answer = self.lab.vault("GET", "kv/data/here", headers={"X-Vault-Namespace": name})
            self.assertEqual(answer.status, status)
        self.assertEqual(self.lab.vault("GET", "sys/health", headers={"X-Vault-Namespace": "nowhere"}).status, 400)

    def test_the_two_kinds_of_403_and_a_route_to_nowhere(self):
        token = self.login()
        self.assertEqual(self.lab.vault("GET", "kv/data/x", token="s.unknown").json(), DENIED)
        self.assertEqual(self.lab.vault("GET", "kv/data/forbidden/x", token=token).json(), DENIED_BY_POLICY)
        self.assertEqual(self.lab.vault("POST", "kv/data/forbidden/x", {"data": {}}, token=token).status, 403)
        self.assertEqual(self.lab.vault("GET", "nope/x", token=token).json(), DENIED_BY_POLICY)
        answer = self.lab.vault("GET", "nope/x")
        self.assertEqual((answer.status, answer.json()["errors"]),
                         (404, ['no handler for route "nope/x". route entry not found.']))


class Tokens(VaultCase):
    def test_lookup_of_root_and_of_a_login(self):
        data = self.lab.vault("GET", "auth/token/lookup-self").json()["data"]
        self.assertEqual((data["ttl"], data["expire_time"], data["policies"], data["renewable"]), (0, None, ["root"], False))
        data = self.lab.vault("GET", "auth/token/lookup-self", token=self.login()).json()["data"]
        self.assertEqual((data["display_name"], data["policies"], data["renewable"]), ("approle", ["default", "keydrift"], True))
        self.assertTrue(600 < data["ttl"] <= 3600)
        self.assertEqual(self.lab.vault("GET", "auth/token/lookup-self", token="x").json(), DENIED)

    def test_renewal_until_the_end_and_what_cannot_be_renewed(self):
        answer = self.lab.vault("POST", "auth/token/renew-self", {})
        self.assertEqual((answer.status, answer.json()["errors"]), (400, ["lease is not renewable"]))
        token = self.lab.vault("POST", "auth/token/create", {"ttl": "30s", "explicit_max_ttl": 60}).json()["auth"]["client_token"]
        body = self.lab.vault("POST", "auth/token/renew-self", {"increment": "45s"}, token=token).json()
        self.assertEqual((body["auth"]["lease_duration"], body["warnings"]), (45, None))
        body = self.lab.vault("POST", "auth/token/renew-self", {"increment": 3600}, token=token).json()
        self.assertTrue(55 <= body["auth"]["lease_duration"] <= 60)
        self.assertIn("exceeded the effective max_ttl", body["warnings"][0])

    def test_a_token_ends(self):
        token = self.lab.vault("POST", "auth/token/create", {"ttl": "1s"}).json()["auth"]["client_token"]
        time.sleep(1.1)
        self.assertEqual(self.lab.vault("GET", "auth/token/lookup-self", token=token).json(), DENIED)
        token = self.login()
        self.assertEqual(self.lab.vault("POST", "auth/token/revoke-self", token=token).status, 204)
        self.assertEqual(self.lab.vault("GET", "auth/token/lookup-self", token=token).status, 403)

    def test_a_bearer_header_is_a_token_too(self):
        answer = self.lab.call("vault", "GET", "/v1/auth/token/lookup-self",
                               headers={"Authorization": "Bearer " + self.lab.facts["vault_token"]})
        self.assertEqual(answer.status, 200)


class LockOut(VaultCase):
    # Locking the role would be a nuisance for whatever comes after.
    is_for_real_vault_too = False

    def attempt(self, role_id, secret_id):
        return self.lab.vault("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id}, token="")

    def test_five_wrong_logins_lock_the_role_and_a_good_one_resets_the_count(self):
        role_id, secret_id = self.lab.facts["approle_role_id"], self.lab.facts["approle_secret_id"]
        for _ in range(4):
            answer = self.attempt(role_id, "wrong")
            self.assertEqual((answer.status, answer.json()["errors"]), (400, ["invalid role or secret ID"]))
        self.assertEqual(self.attempt(role_id, secret_id).status, 200)
        for _ in range(5):
            self.assertEqual(self.attempt(role_id, "wrong").status, 400)
        answer = self.attempt(role_id, secret_id)
        self.assertEqual((answer.status, answer.json()), (403, DENIED))


class AppRole(VaultCase):
    is_for_real_vault_too = False

    def test_a_login_cannot_be_renewed_past_its_end(self):
        self.lab.vault("POST", "auth/approle/role/keydrift", {"token_ttl": "1s", "token_max_ttl": "1s"})
        token = self.login()
        self.lab.vault("POST", "auth/approle/role/keydrift", {"token_ttl": "1h", "token_max_ttl": "4h"})
        answer = self.lab.vault("POST", "auth/token/renew-self", token=token)
        self.assertIn((answer.status, answer.json()["errors"]),
                      ((500, ["past the max TTL, cannot renew"]), (403, ["permission denied"])))

    def test_missing_parts_and_unknown_mounts(self):
        self.assertEqual(self.lab.vault("POST", "auth/approle/login", {"role_id": "x"}, token="").status, 400)
        self.assertEqual(self.lab.vault("POST", "auth/approle/login", {"secret_id": "x"}, token="").status, 500)
        self.assertEqual(self.lab.vault("POST", "auth/other/login", {"role_id": "x"}, token="").json(), DENIED)


class Wrapping(VaultCase):
    def wrap(self):
        info = self.lab.vault("POST", "auth/approle/role/keydrift/secret-id", {}, headers={"X-Vault-Wrap-TTL": "60s"}).json()
        self.assertIsNone(info["data"])
        self.assertEqual((info["request_id"], info["wrap_info"]["ttl"]), ("", 60))
        return info["wrap_info"]["token"]

    def test_a_wrapped_secret_id_is_looked_up_unwrapped_once_and_logs_in(self):
        token = self.wrap()
        data = self.lab.vault("POST", "sys/wrapping/lookup", {"token": token}, token="").json()["data"]
        self.assertEqual((data["creation_path"], data["creation_ttl"]), ("auth/approle/role/keydrift/secret-id", 60))
        answer = self.lab.vault("POST", "sys/wrapping/unwrap", token=token)
        secret_id = answer.json()["data"]["secret_id"]
        again = self.lab.vault("POST", "sys/wrapping/unwrap", token=token)
        self.assertEqual((again.status, again.json()["errors"]), (400, ["wrapping token is not valid or does not exist"]))
        login = self.lab.vault("POST", "auth/approle/login", {"role_id": self.lab.facts["approle_role_id"],
                                                              "secret_id": secret_id}, token="")
        self.assertEqual(login.status, 200)

    def test_only_one_of_many_unwraps_gets_it(self):
        token = self.wrap()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: self.lab.vault("POST", "sys/wrapping/unwrap", token=token).status, range(8)))
        self.assertEqual(sorted(statuses), [200] + [400] * 7)

    def test_any_other_authenticated_request_burns_it(self):
        token = self.wrap()
        self.lab.vault("GET", "sys/internal/ui/mounts/kv", token=token)
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/lookup", {"token": token}, token="").status, 200)
        self.assertEqual(self.lab.vault("GET", "auth/token/lookup-self", token=token).status, 403)
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/unwrap", token=token).status, 400)

    def test_what_anybody_wraps_has_another_creation_path(self):
        answer = self.lab.vault("POST", "sys/wrapping/wrap", {"secret_id": "evil"}, headers={"X-Vault-Wrap-TTL": "1m"})
        self.assertEqual(answer.json()["wrap_info"]["creation_path"], "sys/wrapping/wrap")
        token = answer.json()["wrap_info"]["token"]
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/unwrap", token=token).json()["data"], {"secret_id": "evil"})
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/lookup", {}, token="").status, 403)
        answer = self.lab.vault("POST", "sys/wrapping/wrap", {}, headers={"X-Vault-Wrap-TTL": "zz"})
        self.assertEqual(answer.json()["errors"], ['error parsing X-Vault-Wrap-TTL header: time: invalid duration "zz"'])

    def test_a_lookup_of_anything_else_is_no_wrapping_token(self):
        for token in ("s.unknown", self.lab.facts["vault_token"], self.login()):
            answer = self.lab.vault("POST", "sys/wrapping/lookup", {"token": token}, token="")
            self.assertEqual((answer.status, answer.json()["errors"]), (400, ["wrapping token is not valid or does not exist"]))

    def test_a_wrapped_read_tells_its_path_and_what_is_absent_is_not_wrapped(self):
        self.lab.vault("POST", "kv/data/wrapped", {"data": {"k": "v"}})
        wrap = {"X-Vault-Wrap-TTL": "90s"}
        info = self.lab.vault("GET", "kv/data/wrapped", headers=wrap).json()["wrap_info"]
        self.assertEqual((info["creation_path"], info["ttl"]), ("kv/data/wrapped", 90))
        body = self.lab.vault("POST", "sys/wrapping/unwrap", token=info["token"]).json()
        self.assertEqual(body["data"]["data"], {"k": "v"})
        self.assertEqual(self.lab.vault("GET", "kv/data/never", headers=wrap).json(), {"errors": []})
        self.assertEqual(self.lab.vault("DELETE", "kv/data/wrapped", headers=wrap).status, 204)

    def test_with_a_token_of_ones_own_it_goes_into_the_body(self):
        token = self.wrap()
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/unwrap", {"token": token}, token="").status, 403)
        self.assertEqual(self.lab.vault("POST", "sys/wrapping/unwrap", {"token": token}).status, 200)


class Kv2(VaultCase):
    def write(self, path, data, **options):
        body = {"data": data}
        if options:
            body["options"] = options
        return self.lab.vault("POST", "kv/data/" + path, body)

    def read(self, path, **more):
        return self.lab.vault("GET", "kv/data/" + path, **more)

    def test_values_come_sorted_and_escaped_as_go_writes_them(self):
        self.write("go", {"z": "<&>\u2028\u2029", "a": {"y": 1, "b": 2}})
        self.assertIn(b'"data":{"a":{"b":2,"y":1},"z":"\\u003c\\u0026\\u003e\\u2028\\u2029"}', self.read("go").body)

    def test_siblings_come_back_with_their_types(self):
        data = {"s": "a", "i": 7, "f": 1.5, "g": 0.1, "t": True, "n": None, "o": {"x": [1, "2", None]}, "u": "\u00e9\u0000"}
        self.write("types", data)
        self.assertEqual(self.read("types").json()["data"]["data"], data)
        self.write("types", {"big": 9007199254740993, "real": 2.0})
        self.assertEqual(self.read("types").body.count(b"9007199254740992"), 1)
        self.assertIn(b'"real":2}', self.read("types").body)

    def test_never_existed_is_404_with_an_empty_list(self):
        self.write("shapes/one", {"a": 1})
        for path in ("data/none", "data/shapes/one?version=9", "metadata/none"):
            answer = self.lab.vault("GET", "kv/" + path)
            self.assertEqual((answer.status, answer.json()), (404, {"errors": []}))

    def test_deleted_and_destroyed_are_404_with_their_metadata(self):
        self.write("gone", {"a": 1})
        self.assertEqual(self.lab.vault("DELETE", "kv/data/gone").status, 204)
        answer = self.read("gone")
        data = answer.json()["data"]
        self.assertEqual((answer.status, data["data"], data["metadata"]["destroyed"]), (404, None, False))
        self.assertTrue(data["metadata"]["deletion_time"])
        self.assertEqual(self.lab.vault("POST", "kv/undelete/gone", {"versions": [1]}).status, 204)
        self.assertEqual(self.read("gone").status, 200)
        self.assertEqual(self.lab.vault("PUT", "kv/destroy/gone", {"versions": [1, 5]}).status, 204)
        answer = self.read("gone")
        self.assertEqual((answer.status, answer.json()["data"]["data"], answer.json()["data"]["metadata"]["destroyed"]),
                         (404, None, True))
        self.assertNotIn("errors", answer.json())
        self.assertEqual(self.lab.vault("POST", "kv/delete/gone", {"versions": []}).status, 400)

    def test_a_path_in_the_form_of_version_1_is_told_so(self):
        for method, verb in (("GET", "get"), ("POST", "put"), ("DELETE", "delete")):
            answer = self.lab.vault(method, "kv/nachet/backend", {} if method == "POST" else None)
            self.assertEqual((answer.status, answer.json()["data"]), (404, None))
            self.assertEqual(answer.json()["warnings"], [
                "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. "
                "If using the OpenBao CLI, use 'bao kv %s' for this operation." % verb])
        self.assertIn("Non-listing operations", self.lab.vault("GET", "kv/data").json()["warnings"][0])
        self.assertEqual(self.lab.vault("GET", "kv/data/?list=true").status, 405)

    def test_check_and_set(self):
        wrong = {"errors": ["check-and-set parameter did not match the current version"]}
        self.assertEqual(self.write("cas", {"a": 1}, cas=1).json(), wrong)
        self.assertEqual(self.write("cas", {"a": 1}, cas=0).json()["data"]["version"], 1)
        self.assertEqual(self.write("cas", {"a": 2}, cas=0).json(), wrong)
        self.assertEqual(self.write("cas", {"a": 2}, cas=-1).json(), wrong)
        self.assertEqual(self.write("cas", {"a": 2}, cas="1").json()["data"]["version"], 2)
        for value in (1.5, "one", [], {}):
            self.assertEqual(self.write("cas", {}, cas=value).json(), {"errors": ["error parsing check-and-set parameter"]})
        self.lab.vault("POST", "kv/metadata/cas", {"cas_required": True})
        self.assertEqual(self.write("cas", {}).json(), {"errors": ["check-and-set parameter required for this call"]})
        answer = self.lab.vault("POST", "kv/data/cas-outside", {"data": {}, "zz": 1, "cas": 7})
        self.assertEqual((answer.status, answer.json()["warnings"]),
                         (200, ["Endpoint ignored these unrecognized parameters: [cas zz]"]))

    def test_of_many_writers_with_one_cas_one_wins(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: self.write("race", {"n": n}, cas=0).status, range(8)))
        self.assertEqual(sorted(statuses), [200] + [400] * 7)

    def test_bodies_that_make_no_sense(self):
        for body, word in ((("[1]"), "failed to decode JSON input"), ("{", "failed to decode JSON input"),
                           ({}, "no data provided"), ({"data": [1]}, "error converting input for field \"data\"")):
            answer = self.lab.vault("POST", "kv/data/nonsense", body)
            self.assertEqual(answer.status, 400)
            self.assertIn(word, answer.json()["errors"][0])
        self.assertEqual(self.lab.vault("GET", "kv/data/nachet/backend?version=x").status, 400)
        self.assertEqual(self.lab.vault("GET", "kv/metadata/?list=zzz").json(), {"errors": []})
        self.assertEqual(self.lab.vault("HEAD", "kv/data/nachet/backend").status, 405)

    def test_null_data_is_a_live_version(self):
        self.assertEqual(self.write("null", None).status, 200)
        answer = self.read("null")
        self.assertEqual((answer.status, answer.json()["data"]["data"]), (200, None))
        answer = self.lab.vault("PATCH", "kv/data/null", {"data": {"a": 1}}, headers=MERGE)
        self.assertEqual((answer.status, answer.json()["errors"]), (500, ["1 error occurred:\n\t* resource does not exist\n\n"]))

    def test_patch_merges_removes_and_refuses(self):
        self.write("patch", {"keep": 1, "drop": 2, "deep": {"a": 1, "b": 2}})
        patch = {"data": {"drop": None, "new": "x", "deep": {"b": None, "c": 3}}, "options": {"cas": 1}}
        answer = self.lab.vault("PATCH", "kv/data/patch", patch, headers={"Content-Type": "application/merge-patch+json; charset=utf-8"})
        self.assertEqual((answer.status, answer.json()["data"]["version"]), (200, 2))
        self.assertEqual(self.read("patch").json()["data"]["data"], {"keep": 1, "new": "x", "deep": {"a": 1, "c": 3}})
        self.assertEqual(self.lab.vault("PATCH", "kv/data/patch", patch, headers=MERGE).status, 400)
        self.assertEqual(self.lab.vault("PATCH", "kv/data/patch", patch, headers={"Content-Type": "application/json"}).status, 415)
        absent = self.lab.vault("PATCH", "kv/data/absent", {"data": {"a": 1}}, headers=MERGE)
        self.assertEqual((absent.status, absent.body), (404, b""))
        self.lab.vault("DELETE", "kv/data/patch")
        answer = self.lab.vault("PATCH", "kv/data/patch", {"data": {"a": 1}}, headers=MERGE)
        self.assertEqual((answer.status, answer.json()["data"]["version"]), (404, 2))

    def test_metadata_tells_everything_but_the_value(self):
        self.write("meta", {"a": "value-of-a"})
        self.write("meta", {"a": "value-of-a"})
        answer = self.lab.vault("GET", "kv/metadata/meta")
        data = answer.json()["data"]
        self.assertNotIn(b"value-of-a", answer.body)
        self.assertEqual((data["current_version"], sorted(data["versions"]), data["oldest_version"]), (2, ["1", "2"], 0))
        self.assertEqual(data["updated_time"], data["versions"]["2"]["created_time"])
        updated = data["updated_time"]
        self.lab.vault("DELETE", "kv/data/meta")
        data = self.lab.vault("GET", "kv/metadata/meta").json()["data"]
        self.assertEqual(data["updated_time"], updated)
        self.assertTrue(data["versions"]["2"]["deletion_time"])

    def test_ten_versions_are_kept(self):
        for number in range(12):
            self.write("many", {"n": number})
        data = self.lab.vault("GET", "kv/metadata/many").json()["data"]
        self.assertEqual((data["oldest_version"], len(data["versions"])), (3, 10))
        self.assertEqual(self.read("many?version=2").json(), {"errors": []})
        self.assertEqual(self.read("many?version=3").json()["data"]["data"], {"n": 2})

    def test_removing_the_metadata_starts_the_count_anew(self):
        self.write("aba", {"a": 1})
        created = self.lab.vault("GET", "kv/metadata/aba").json()["data"]["created_time"]
        self.assertEqual(self.lab.vault("DELETE", "kv/metadata/aba").status, 204)
        self.assertEqual(self.read("aba").json(), {"errors": []})
        self.assertEqual(self.write("aba", {"a": 2}, cas=0).json()["data"]["version"], 1)
        self.assertNotEqual(self.lab.vault("GET", "kv/metadata/aba").json()["data"]["created_time"], created)

    def test_a_version_can_be_told_to_go_later(self):
        self.lab.vault("POST", "kv/metadata/later", {"delete_version_after": "1h5s"})
        data = self.write("later", {"a": 1}).json()["data"]
        self.assertGreater(data["deletion_time"], data["created_time"])
        self.assertEqual(data["deletion_time"][19:], data["created_time"][19:])
        self.assertEqual(self.read("later").status, 200)
        self.assertEqual(self.lab.vault("GET", "kv/metadata/later").json()["data"]["delete_version_after"], "1h0m5s")
        self.lab.vault("POST", "kv/metadata/later", {"delete_version_after": "1s"})
        self.write("later", {"a": 2})
        time.sleep(1.1)
        self.assertEqual((self.read("later").status, self.read("later?version=1").status), (404, 200))

    def test_metadata_without_versions(self):
        self.assertEqual(self.lab.vault("POST", "kv/metadata/nothing", {}).status, 204)
        self.assertEqual(self.lab.vault("GET", "kv/metadata/nothing").status, 404)
        self.assertEqual(self.lab.vault("POST", "kv/metadata/empty", {"custom_metadata": {"owner": "x"}}).status, 204)
        data = self.lab.vault("GET", "kv/metadata/empty").json()["data"]
        self.assertEqual((data["current_version"], data["versions"], data["custom_metadata"]), (0, {}, {"owner": "x"}))
        self.assertEqual(self.read("empty").json(), {"errors": []})

    def test_lists_are_sorted_and_show_folders_once(self):
        for path in ("list/b", "list/a/x", "list/a/y", "list/c"):
            self.write(path, {})
        self.assertEqual(self.lab.vault("GET", "kv/metadata/list/?list=true").json()["data"]["keys"], ["a/", "b", "c"])
        self.assertEqual(self.lab.vault("GET", "kv/metadata/none/?list=true").json(), {"errors": []})

    def test_lists_come_in_pages(self):
        for path in ("page/z", "page/a", "page/a/x", "page/a-b", "page/b"):
            self.write(path, {})
        everything = ["a", "a-b", "a/", "b", "z"]
        for query, keys in (("", everything), ("&limit=2", everything[:2]), ("&limit=0", everything), ("&limit=-1", everything),
                            ("&after=a", everything[1:]), ("&after=a-b&limit=2", everything[2:4]), ("&after=a/", everything[3:])):
            for folder in ("kv/metadata/page/", "kv/metadata/page"):
                answer = self.lab.vault("GET", folder + "?list=true" + query).json()
                self.assertEqual((answer["data"]["keys"], answer["warnings"]), (keys, None))
        answer = self.lab.vault("GET", "kv/metadata/page/?list=true&after=z")
        self.assertEqual((answer.status, answer.json()), (404, {"errors": []}))
        answer = self.lab.vault("GET", "kv/metadata/page/?list=true&limit=x")
        self.assertEqual((answer.status, len(answer.json()["errors"])), (400, 1))
        self.assertEqual(self.lab.vault("GET", "kv/metadata/page/b/?list=true").json(), {"errors": []})

    def test_a_detailed_list_has_the_metadata_of_each(self):
        for path in ("detail/a", "detail/b/x", "detail/c"):
            self.write(path, {"k": "v"})
        for query, keys in (("", ["a", "b/", "c"]), ("&limit=2", ["a", "b/"]), ("&after=b/", ["c"])):
            data = self.lab.vault("GET", "kv/detailed-metadata/detail/?list=true" + query).json()["data"]
            self.assertEqual((data["keys"], sorted(data["key_info"])), (keys, keys))
        data = self.lab.vault("GET", "kv/detailed-metadata/detail/?list=true").json()["data"]
        self.assertEqual(data["key_info"]["b/"], {})
        self.assertEqual(data["key_info"]["a"], self.lab.vault("GET", "kv/metadata/detail/a").json()["data"])
        self.assertEqual(self.lab.vault("GET", "kv/detailed-metadata/none/?list=true").json(), {"errors": []})

    def notes(self, path, body, method="POST", **more):
        return self.lab.vault(method, "kv/metadata/" + path, body, **more)

    def test_custom_metadata_is_replaced_merged_and_taken_away(self):
        def now():
            data = self.lab.vault("GET", "kv/metadata/notes").json()["data"]
            return data["custom_metadata"], data["current_metadata_version"]
        self.write("notes", {})
        self.assertEqual(now(), (None, 0))
        self.assertEqual(self.notes("notes", {"custom_metadata": {"who": "ana", "n": 7, "t": True}}).status, 204)
        self.assertEqual(now(), ({"who": "ana", "n": "7", "t": "1"}, 1))
        self.notes("notes", {"custom_metadata": {"who": "bo"}})
        self.assertEqual(now(), ({"who": "bo"}, 2))
        self.notes("notes", {"custom_metadata": {"why": "x", "who": None}}, "PATCH", headers=MERGE)
        self.assertEqual(now(), ({"why": "x"}, 3))
        self.assertEqual(self.read("notes").json()["data"]["metadata"]["custom_metadata"], {"why": "x"})
        self.notes("notes", {"custom_metadata": {}})
        self.assertEqual(now(), (None, 4))
        answer = self.notes("notes", {"custom_metadata": {}}, "PATCH", headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 415)
        absent = self.notes("notes/none", {"custom_metadata": {"a": "b"}}, "PATCH", headers=MERGE)
        self.assertEqual((absent.status, absent.body), (404, b""))

    def test_metadata_has_a_check_and_set_of_its_own(self):
        mismatch = {"errors": ["metadata check-and-set parameter does not match the current version"]}
        self.assertEqual(self.notes("own", {"metadata_cas": 1, "max_versions": 3}).json(),
                         {"errors": ["metadata_cas must be 0 when creating new metadata"]})
        self.assertEqual(self.notes("own", {"metadata_cas": 0, "max_versions": 3}).status, 204)
        self.assertEqual(self.notes("own", {"metadata_cas": 0, "max_versions": 4}).json(), mismatch)
        self.assertEqual(self.notes("own", {"metadata_cas": 1, "max_versions": 4}).status, 204)
        self.assertEqual(self.notes("own", {"metadata_cas": 1, "max_versions": 5}, "PATCH", headers=MERGE).json(), mismatch)
        self.assertEqual(self.notes("own", {"metadata_cas": 2, "metadata_cas_required": True}).status, 204)
        self.assertEqual(self.notes("own", {"max_versions": 5}).json(),
                         {"errors": ["metadata check-and-set parameter required for this call"]})
        data = self.lab.vault("GET", "kv/metadata/own").json()["data"]
        self.assertEqual((data["max_versions"], data["current_metadata_version"], data["metadata_cas_required"]), (4, 3, True))

    def test_custom_metadata_has_its_limits(self):
        self.write("limits", {})
        for notes, words in (({"n": "x" * 513}, 'length of value for key "n" is 513'), ({"n": ""}, 'length of value for key "n" is 0'),
                             ({"k" * 129: "x"}, "is 129 but must be"), ({"": "x"}, 'length of key "" is 0'),
                             ({"n": "a\nb"}, "unprintable"), ({str(i): "x" for i in range(65)}, "at most 64 keys, provided 65"),
                             ({"n": {"x": 1}}, "expected type 'string'"), ("x", "custom_metadata")):
            answer = self.notes("limits", {"custom_metadata": notes})
            self.assertEqual(answer.status, 400)
            self.assertIn(words, answer.json()["errors"][0])
        self.assertIsNone(self.lab.vault("GET", "kv/metadata/limits").json()["data"]["custom_metadata"])
        most = {"k" * 120 + "%02d" % i: "x" * 512 for i in range(64)}
        self.assertEqual(self.notes("limits", {"custom_metadata": most}).status, 204)

    def test_versions_are_deleted_undeleted_and_destroyed_with_204_for_all(self):
        def state(number):
            version = self.lab.vault("GET", "kv/metadata/states").json()["data"]["versions"][str(number)]
            return bool(version["deletion_time"]), version["destroyed"]
        self.write("states", {"a": 1})
        self.write("states", {"a": 2})
        for verb, expected in (("delete", (True, False)), ("undelete", (False, False)), ("delete", (True, False)),
                               ("destroy", (True, True)), ("undelete", (True, True))):
            self.assertEqual(self.lab.vault("POST", "kv/%s/states" % verb, {"versions": [1]}).status, 204)
            self.assertEqual(state(1), expected)
            self.assertEqual(state(2), (False, False))
        for verb in ("delete", "undelete", "destroy"):
            self.assertEqual(self.lab.vault("PUT", "kv/%s/states" % verb, {"versions": [9]}).status, 204)
            self.assertEqual(self.lab.vault("PUT", "kv/%s/never" % verb, {"versions": [1]}).status, 204)
            self.assertEqual(self.lab.vault("POST", "kv/%s/states" % verb, {"versions": []}).json(),
                             {"errors": ["%so version number provided" % ("n" if verb == "destroy" else "N")]})
        self.assertEqual(self.lab.vault("GET", "kv/metadata/never").status, 404)
        self.assertEqual(self.lab.vault("DELETE", "kv/data/never").status, 204)
        self.assertEqual(self.lab.vault("DELETE", "kv/metadata/never").status, 204)

    def test_a_request_with_too_many_strings_is_refused_and_a_patch_goes_on(self):
        def fields(first, count):
            return {"k%d" % i: "v" for i in range(first, first + count)}
        refused = {"errors": ["refused JSON input due to high complexity: exceeded maximum number of strings"]}
        self.assertEqual(self.write("crowd", fields(0, 499)).status, 200)
        self.assertEqual(self.write("crowd", fields(0, 500)).json(), refused)
        self.assertEqual(self.lab.vault("PATCH", "kv/data/crowd", {"data": fields(499, 400)}, headers=MERGE).status, 200)
        self.assertEqual(len(self.read("crowd").json()["data"]["data"]), 899)
        self.assertEqual(self.lab.vault("POST", "kv1/crowd", fields(0, 500)).status, 204)
        self.assertEqual(self.lab.vault("POST", "kv1/crowd", fields(0, 501)).json(), refused)

    def test_numbers_come_back_as_go_writes_them(self):
        numbers = {"1.10": "1.1", "1e300": "1e+300", "1.5e-7": "1.5e-7", "1e20": "100000000000000000000", "1E+21": "1e+21",
                   "0.1": "0.1", "100.0": "100", "5e-324": "5e-324", "-2.50": "-2.5", "0.000001": "0.000001", "0.0": "0",
                   "3.141592653589793238": "3.141592653589793", "9007199254740993": "9007199254740992",
                   "123456789012345678901": "123456789012345680000", "-9223372036854775808": "-9223372036854776000"}
        for number, told in numbers.items():
            answer = self.lab.vault("POST", "kv/data/number", '{"data":{"n":[%s]}}' % number)
            self.assertEqual(answer.status, 200, number)
            self.assertIn(b'"n":[%s]}' % told.encode(), self.read("number").body)

    def test_a_body_may_have_up_to_32_mib(self):
        self.assertEqual(self.write("large", {"k": "x" * (9 << 20)}).status, 200)
        self.assertEqual(len(self.read("large").json()["data"]["data"]["k"]), 9 << 20)
        self.assertEqual(self.lab.vault("DELETE", "kv/metadata/large").status, 204)

    def test_names_that_differ_by_normal_form_are_two(self):
        data = {"\u00e9": "one", "e\u0301": "two"}
        self.write("norm", data)
        self.assertEqual(self.read("norm").json()["data"]["data"], data)
        self.lab.vault("PATCH", "kv/data/norm", {"data": {"\u00e9": "new"}}, headers=MERGE)
        self.assertEqual(self.read("norm").json()["data"]["data"], {"\u00e9": "new", "e\u0301": "two"})

    def test_a_trailing_slash_is_the_trap_it_is(self):
        self.write("slash", {"a": 1})
        self.assertEqual(self.read("slash/").status, 500)
        self.assertEqual(self.lab.vault("POST", "kv/data/slash/", {"data": {}}).status, 400)
        self.assertEqual(self.lab.vault("DELETE", "kv/data/slash/").status, 204)
        self.assertEqual(self.read("slash").status, 404)
        self.assertEqual(self.lab.vault("GET", "kv/data/%2e%2e/x").status, 400)


class Kv1(VaultCase):
    def test_fields_stand_directly_in_data(self):
        self.assertEqual(self.lab.vault("POST", "kv1/plain", {"b": 1, "a": "x"}).status, 204)
        body = self.lab.vault("GET", "kv1/plain").json()
        self.assertEqual(body["data"], {"a": "x", "b": 1})
        self.assertEqual(body["lease_duration"], 2764800)

    def test_write_list_delete(self):
        self.assertEqual(self.lab.vault("PUT", "kv1/dir/a", {"x": 1}).status, 204)
        self.assertEqual(self.lab.vault("GET", "kv1/dir/?list=true").json()["data"]["keys"], ["a"])
        self.assertEqual(self.lab.vault("POST", "kv1/dir/a", {}).json(), {"errors": ["missing data fields"]})
        self.assertEqual(self.lab.vault("PATCH", "kv1/dir/a", {"x": 2}, headers=MERGE).status, 405)
        self.assertEqual(self.lab.vault("DELETE", "kv1/dir/a").status, 204)
        self.assertEqual(self.lab.vault("GET", "kv1/dir/a").json(), {"errors": []})

    def test_pages_are_not_understood(self):
        for name in ("b", "a", "a/x"):
            self.lab.vault("POST", "kv1/page/" + name, {"x": 1})
        for query, warnings in (("", None), ("&limit=1", ["Endpoint ignored these unrecognized parameters: [limit]"]),
                                ("&limit=1&after=a", ["Endpoint ignored these unrecognized parameters: [after limit]"])):
            for folder in ("kv1/page/", "kv1/page"):
                answer = self.lab.vault("GET", folder + "?list=true" + query).json()
                self.assertEqual((answer["data"]["keys"], answer["warnings"]), (["a", "a/", "b"], warnings))

    def test_a_write_in_the_form_of_version_2_is_204_and_unprotected(self):
        self.assertEqual(self.lab.vault("POST", "kv1/data/a", {"data": {"x": 1}, "options": {"cas": 9}}).status, 204)
        self.assertEqual(self.lab.vault("GET", "kv1/data/a").json()["data"], {"data": {"x": 1}, "options": {"cas": 9}})


if __name__ == "__main__":
    lab_support.main()
