#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`keydrift config check --connect` against a real OpenBao: what the token lacks is named, and the policy that is
printed, given to the role, is all that was missing."""
import json
import os

import harness
from harness import COPY, FIELD

LESS = 'path "kv/metadata/*" { capabilities = ["read"] }\n'


class Connect(harness.Case):
    def setUp(self):
        super().setUp()
        self.bao, given = harness.open_bao()
        self.place.on_close(self.bao.stop)
        self.vault = harness.Vault(given["OPENBAO_ADDR"], given["OPENBAO_CACERT"], given["OPENBAO_ROOT_TOKEN"])
        self.lab = self.place.lab()
        self.vault.write({FIELD: self.lab.keys()["primary"]})
        secret_id = self.place.secret_file("secret-id", given["OPENBAO_SECRET_ID"])
        self.settings = self.place.settings(
            self.lab, approval={"required": 1, "approvers": [self.place.approver("ana")]},
            vault={"address": given["OPENBAO_ADDR"], "ca_file": given["OPENBAO_CACERT"], "timeout": "5s",
                   "auth": {"method": "approle", "role_id": given["OPENBAO_ROLE_ID"], "secret_id": {"file": secret_id}}})

    def policy(self, text):
        self.vault.call("POST", "sys/policies/acl/keydrift", {"policy": text})

    def connect(self, *arguments):
        self.place.configure(self.settings)
        return self.place.keydrift("config", "check", "--connect", *arguments)

    def test_the_printed_policy_is_what_was_missing(self):
        """a right that is missing is named with the policy that grants it, and with that policy nothing is missing"""
        self.assertIn("allowed", self.connect().must(0).out)
        self.policy(LESS)
        refused = self.connect().must(1)
        self.assertIn("lacks read on kv/data/%s, update on kv/data/%s" % (COPY, COPY), refused.out)
        rules = refused.out.split("what is missing:\n\n", 1)[1]
        self.assertEqual(self.connect("-o", "json").must(1).json()["bindings"][0]["vault"]["policy"], rules)
        self.policy(LESS + rules)
        self.assertNotIn("policy", self.connect().must(0).out)

    def test_a_token_without_any_right_gets_a_whole_policy(self):
        """where Vault does not even tell what the mount is, that is said, and the policy is printed all the same"""
        self.policy('path "sys/nothing" { capabilities = ["read"] }\n')
        refused = self.connect().must(1)
        self.assertIn("lacks read on kv/data/%s, update on kv/data/%s, read on kv/metadata/%s" % (COPY, COPY, COPY), refused.out)
        self.assertIn('Vault does not tell whether there is a mount "kv"', refused.out)
        self.policy(refused.out.split("what is missing:\n\n", 1)[1])
        self.assertNotIn("lacks", self.connect().must(0).out)

    def test_what_befell_all_bindings_is_said_once(self):
        """one failure of many bindings is printed once, and each binding refers to it"""
        first = self.settings["bindings"][0]
        self.settings["bindings"] += [{**first, "name": "second", "copy": {**first["copy"], "path": "second/copy"}}]
        self.settings["vault"]["auth"]["role_id"] = "no-such-role"
        refused = self.connect().must(1).out
        self.assertEqual(refused.count("failed (1)"), 2)
        self.assertEqual(refused.count("auth/approle/login"), 1)

    def test_a_log_in_that_is_refused_is_told_apart_from_a_server_that_is_gone(self):
        """a refused log-in is exit 1 and names the method; a server that does not answer is exit 2"""
        self.settings["vault"]["auth"]["role_id"] = "no-such-role"
        refused = self.connect().must(1)
        self.assertIn("approle", refused.out)
        self.bao.process.kill()
        self.assertIn("connection refused", self.connect().must(2).out)

    def test_a_check_leaves_the_secret_id_to_the_daemon(self):
        """a file that is removed once read stays, and a wrapped secret id is looked up and not unwrapped"""
        auth = self.settings["vault"]["auth"]
        auth.update({"role": "keydrift", "remove_secret_id_file_after_reading": True})
        self.assertIn("allowed", self.connect().must(0).out)
        self.assertTrue(os.path.exists(auth["secret_id"]["file"]))
        service, path = self.vault.service, "/v1/auth/approle/role/keydrift/secret-id"
        wrapped = service.call("POST", path, {}, {"X-Vault-Token": self.vault.token, "X-Vault-Wrap-TTL": "120"})
        token = json.loads(wrapped[1])["wrap_info"]["token"]
        auth["secret_id"] = {"file": self.place.secret_file("secret-id", token)}
        auth["wrapped"] = True
        self.assertIn("was not unwrapped, which would use it up", self.connect().must(2).out)
        self.assertIn("was not unwrapped, which would use it up", self.connect().must(2).out)

    def test_a_pods_token_is_looked_for_where_kubernetes_puts_it(self):
        """without a token_path the file of a pod is read, and what keeps it from being read is said"""
        self.settings["vault"]["auth"] = {"method": "kubernetes", "role": "web"}
        self.assertIn("service account token from /var/run/secrets/kubernetes.io/serviceaccount/token",
                      self.connect().must(2).out)

    def test_the_proxy_of_the_environment_is_gone_through(self):
        """HTTPS_PROXY is honoured by the program, though the libraries look at it only when asked"""
        self.settings["vault"]["address"] = "https://vault.invalid:8200"
        self.assertNotIn("through the proxy", self.connect().must(2).out)
        self.place.environment["HTTPS_PROXY"] = "http://127.0.0.1:1"
        self.assertIn("through the proxy", self.connect().must(2).out)

    def test_connect_belongs_to_check(self):
        """--connect with another verb is bad usage"""
        self.place.configure(self.settings)
        self.assertIn("--connect", self.place.keydrift("config", "show", "--connect").must(2).err)


if __name__ == "__main__":
    if not harness.with_openbao.find_server():
        harness.skip_all("OpenBao is not installed: tests/requirements-openbao.txt into .venv")
    harness.main()
