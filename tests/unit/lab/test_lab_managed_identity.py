# SPDX-License-Identifier: Apache-2.0
"""The endpoints by which a machine, an app, a notebook, a shell, a cluster and a connected server get their tokens, and the
stand-in for Azure's command line."""
import hashlib
import http.client
import json
import os
import ssl
import stat
import subprocess
import time
import urllib.parse

import lab_support
from lab_support import claims_of

OTHER = "11111111-0000-0000-0000-000000000000"
ARM = "https://management.azure.com/"


class ManagedIdentityCase(lab_support.LabCase):
    shares_lab = True

    def assertToken(self, answer, lifetime=86399):
        """The answer holds a token that Resource Manager takes, and says truly when it expires."""
        self.assertEqual(answer.status, 200, answer.body)
        body = answer.json()
        token = body["access_token"]
        self.assertEqual(self.lab.endpoint("GET", headers={"Authorization": "Bearer " + token}).status, 200)
        self.assertEqual(int(body["expires_on"]), claims_of(token)["exp"])
        self.assertAlmostEqual(claims_of(token)["exp"], time.time() + lifetime, delta=30)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"))
        return body

    def get(self, url, headers, **query):
        parts = urllib.parse.urlsplit(url)
        return self.lab.call("%s://%s" % parts[:2], "GET", parts.path + "?" + urllib.parse.urlencode(query), headers=headers)


class Machine(ManagedIdentityCase):
    """The instance metadata service."""

    def test_both_times_are_there_as_texts(self):
        body = self.assertToken(self.lab.managed_identity())
        for name in ("expires_on", "expires_in"):
            self.assertIsInstance(body[name], str)
        self.assertEqual(body["expires_in"], "86399")
        self.assertEqual((body["token_type"], body["resource"]), ("Bearer", ARM))

    def test_a_last_slash_and_a_content_type_change_nothing(self):
        path = "/metadata/identity/oauth2/token/"
        self.assertToken(self.lab.managed_identity(path, {"Metadata": "true", "Content-Type": "application/json"}))

    def test_any_host_will_do_and_a_resource_that_is_not_escaped(self):
        url = urllib.parse.urlsplit(self.lab.facts["imds_url"])
        for host in ("169.254.169.254", "metadata.example", "localhost:1"):
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
            connection.request("GET", "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + ARM,
                               headers={"Host": host, "Metadata": "true"})
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    def test_a_probe_without_the_header_is_answered_whatever_it_asks(self):
        for path in ("/metadata/identity/oauth2/token", "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + ARM,
                     "/metadata/identity/oauth2/token/"):
            answer = self.lab.call("imds", "GET", path)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "invalid_request"))

    def test_an_identity_can_be_named_in_three_ways(self):
        for name, good in (("client_id", self.lab.facts["client_id"]), ("object_id", self.lab.facts["object_id"]),
                           ("msi_res_id", self.lab.facts["managed_identity_id"].lower())):
            self.assertToken(self.lab.managed_identity(**{name: good}))
            answer = self.lab.managed_identity(**{name: OTHER})
            self.assertEqual((answer.status, answer.json()["error_description"]), (400, "Identity not found"))

    def test_what_is_missing_or_unknown_is_told(self):
        for changes, error in (({"api-version": None}, "invalid_request"), ({"resource": None}, "invalid_request"),
                               ({"resource": "https://vault.azure.net"}, "invalid_resource")):
            answer = self.lab.managed_identity(**changes)
            self.assertEqual((answer.status, answer.json()["error"]), (400, error))
        self.assertEqual(self.lab.call("imds", "GET", "/metadata/instance", headers={"Metadata": "true"}).status, 404)
        self.assertEqual(self.lab.call("imds", "POST", "/metadata/identity/oauth2/token", headers={"Metadata": "true"}).status, 405)

    def test_an_update_can_be_pretended(self):
        self.lab.fault(target="imds", kind="status", status=410, code="updating", times=1)
        answer = self.lab.managed_identity()
        self.assertEqual((answer.status, answer.json()["error"]), (410, "updating"))


class App(ManagedIdentityCase):
    """App Service, Functions, Container Apps."""

    def ask(self, header=None, **query):
        asked = {"api-version": "2019-08-01", "resource": ARM}
        asked.update(query)
        return self.get(self.lab.facts["app_service_url"],
                        {"X-IDENTITY-HEADER": header or self.lab.facts["app_service_header"]}, **asked)

    def test_the_header_of_the_app_gets_a_token(self):
        body = self.assertToken(self.ask())
        self.assertIsInstance(body["expires_on"], str)
        self.assertNotIn("expires_in", body)

    def test_an_identity_can_be_named_in_its_own_ways(self):
        for name, good in (("client_id", self.lab.facts["client_id"]), ("principal_id", self.lab.facts["object_id"]),
                           ("object_id", self.lab.facts["object_id"]), ("mi_res_id", self.lab.facts["managed_identity_id"])):
            self.assertToken(self.ask(**{name: good}))
            self.assertEqual(self.ask(**{name: OTHER}).status, 400)

    def test_another_header_or_version_is_refused(self):
        answer = self.ask("wrong")
        self.assertEqual((answer.status, answer.json()["statusCode"]), (401, 401))
        self.assertEqual(self.ask(**{"api-version": "2017-09-01"}).status, 400)


class Notebook(ManagedIdentityCase):
    """Azure ML compute."""

    def ask(self, secret=None, **query):
        asked = {"api-version": "2017-09-01", "resource": ARM}
        asked.update(query)
        return self.get(self.lab.facts["azure_ml_url"], {"secret": secret or self.lab.facts["azure_ml_secret"], "Metadata": "true"},
                        **asked)

    def test_the_secret_gets_a_token(self):
        self.assertToken(self.ask())
        self.assertToken(self.ask(clientid=self.lab.facts["client_id"]))

    def test_anything_else_gets_none(self):
        self.assertEqual(self.ask("wrong").status, 401)
        self.assertEqual(self.ask(clientid=OTHER).status, 400)


class Shell(ManagedIdentityCase):
    """Cloud Shell."""

    def ask(self, form, headers=None):
        parts = urllib.parse.urlsplit(self.lab.facts["cloud_shell_url"])
        return self.lab.call("%s://%s" % parts[:2], "POST", parts.path, urllib.parse.urlencode(form),
                             {"Content-Type": "application/x-www-form-urlencoded", "Metadata": "true"} if headers is None else headers)

    def test_a_form_gets_a_token(self):
        self.assertEqual(self.assertToken(self.ask({"resource": ARM}))["expires_in"], "86399")

    def test_an_identity_cannot_be_chosen(self):
        answer = self.ask({"resource": ARM, "client_id": self.lab.facts["client_id"]})
        self.assertEqual((answer.status, answer.json()["error"]["code"]), (400, "invalid_request"))
        self.assertEqual(self.ask({"resource": ARM}, {}).status, 400)


class Cluster(ManagedIdentityCase):
    """Service Fabric."""

    def ask(self, secret=None, **query):
        asked = {"api-version": "2019-07-01-preview", "resource": ARM}
        asked.update(query)
        return self.get(self.lab.facts["service_fabric_url"], {"secret": secret or self.lab.facts["service_fabric_header"]}, **asked)

    def test_the_secret_gets_a_token_with_its_time_as_a_number(self):
        self.assertIsInstance(self.assertToken(self.ask())["expires_on"], int)

    def test_the_thumbprint_is_that_of_the_certificate(self):
        url = urllib.parse.urlsplit(self.lab.facts["service_fabric_url"])
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((url.hostname, url.port)))
        self.assertEqual(hashlib.sha1(der).hexdigest(), self.lab.facts["service_fabric_thumbprint"])

    def test_anything_else_gets_none(self):
        self.assertEqual(self.ask("wrong").json()["error"]["code"], "SecretHeaderNotFound")
        self.assertEqual(self.ask(client_id=self.lab.facts["client_id"]).status, 400)
        self.assertEqual(self.ask(**{"api-version": "2019-08-01"}).json()["error"]["code"], "InvalidApiVersion")


class ConnectedServer(ManagedIdentityCase):
    """Azure Arc."""

    def ask(self, authorization=None, **query):
        headers = {"Metadata": "true"}
        if authorization:
            headers["Authorization"] = authorization
        asked = {"api-version": "2020-06-01", "resource": ARM}
        asked.update(query)
        return self.get(self.lab.facts["arc_url"], headers, **asked)

    def challenge(self):
        answer = self.ask()
        self.assertEqual(answer.status, 401)
        scheme, _, path = answer.headers["WWW-Authenticate"].partition(" realm=")
        self.assertEqual(scheme, "Basic")
        return path

    def test_the_contents_of_the_file_get_one_token(self):
        path = self.challenge()
        self.assertEqual(os.path.dirname(path), self.lab.facts["arc_directory"])
        self.assertTrue(path.endswith(".key"))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="ascii") as file:
            contents = file.read()
        self.assertLessEqual(len(contents), 4096)
        self.assertToken(self.ask("Basic " + contents))
        self.assertEqual(self.ask("Basic " + contents).status, 401)
        self.assertFalse(os.path.exists(path))

    def test_several_challenges_can_be_outstanding(self):
        for path in [self.challenge() for _ in range(3)]:
            with open(path, encoding="ascii") as file:
                self.assertToken(self.ask("Basic " + file.read()))

    def test_old_challenges_are_forgotten(self):
        first = self.challenge()
        for _ in range(16):
            self.challenge()
        self.assertFalse(os.path.exists(first))
        self.assertEqual(len(os.listdir(self.lab.facts["arc_directory"])), 16)

    def test_anything_else_gets_none(self):
        self.assertEqual(self.ask("Basic wrong").status, 401)
        self.assertEqual(self.ask("Basic ").status, 401)


class CommandLine(ManagedIdentityCase):
    def az(self, *arguments):
        return subprocess.run([os.path.join(self.lab.facts["az_directory"], "az"), *arguments], capture_output=True, text=True,
                              timeout=20, env={"PATH": self.lab.facts["az_directory"]}, cwd="/bin", check=False)

    def token(self, *arguments):
        return self.az("account", "get-access-token", "--output", "json", *arguments)

    def test_it_prints_a_token_in_the_form_of_the_real_one(self):
        result = self.token("--resource", ARM, "--tenant", self.lab.facts["tenant"], "--subscription", "a subscription")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        body = json.loads(result.stdout)
        self.assertEqual(set(body), {"accessToken", "expiresOn", "expires_on", "subscription", "tenant", "tokenType"})
        answer = self.lab.endpoint("GET", headers={"Authorization": "Bearer " + body["accessToken"]})
        self.assertEqual(answer.status, 200)
        self.assertEqual(claims_of(body["accessToken"])["exp"], body["expires_on"])
        self.assertEqual(time.mktime(time.strptime(body["expiresOn"], "%Y-%m-%d %H:%M:%S.000000")), body["expires_on"])

    def test_a_scope_will_do_as_well(self):
        result = self.token("--scope", "https://management.azure.com/.default")
        self.assertEqual(claims_of(json.loads(result.stdout)["accessToken"])["aud"], "https://management.azure.com")

    def test_what_it_cannot_do_it_says_on_standard_error(self):
        for arguments, word in ((("--tenant", OTHER), "AADSTS90002"), (("--resource", "https://vault.azure.net"), "AADSTS500011"),
                                (("--colour", "red"), "--colour")):
            result = self.token(*arguments)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, "")
            self.assertIn(word, result.stderr)
        self.assertEqual(self.az("login").returncode, 2)

    def test_it_can_be_logged_out(self):
        self.lab.fault(target="imds", kind="status", status=401, times=1, path="/az")
        result = self.token()
        self.assertEqual(result.returncode, 1)
        self.assertIn("az login", result.stderr)
        self.assertEqual(self.token().returncode, 0)


class Lifetime(ManagedIdentityCase):
    options = ("--token-lifetime", "3h")

    def test_every_issuer_keeps_to_it(self):
        self.assertToken(self.lab.managed_identity(), 3 * 3600)
        self.assertEqual(self.lab.ask_token().json()["refresh_in"], 5400)


if __name__ == "__main__":
    lab_support.main()
