#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`keydrift check` beside the lab alone, with the configuration the lab wrote: each verdict, each exit code."""
import json

import harness
from harness import COPY, FIELD

DOCUMENT = {"checked_at", "in_sync", "not_in_sync", "unknown", "bindings"}
BINDING = {"name", "verdict", "in_sync", "matched_slot", "why", "source", "copy"}
SOURCE = {"kind", "id", "slots"}
COPY_MEMBERS = {"address", "mount", "path", "field", "version", "fingerprint"}
FINGERPRINT = r"^[0-9a-f]{12}$"


class Check(harness.Case):
    def test_a_match_then_stale_then_unknown(self):
        """the lab's own configuration: match and exit 0, stale and 1 after a regeneration, unknown and 2 without the lab"""
        lab = self.place.lab()
        self.place.file = lab.directory / "keydrift.yaml"
        document = self.place.keydrift("check", "-o", "json").must(0).json()
        self.assertEqual((1, 0, 0), (document["in_sync"], document["not_in_sync"], document["unknown"]))
        binding = document["bindings"][0]
        self.assertEqual(("nachet", "match", True, "primary"),
                         (binding["name"], binding["verdict"], binding["in_sync"], binding["matched_slot"]))

        lab.regenerate("primary")
        document = self.place.keydrift("check", "-o", "json").must(1).json()
        self.assertEqual((0, 1, 0), (document["in_sync"], document["not_in_sync"], document["unknown"]))
        stale = document["bindings"][0]
        self.assertEqual(("stale", False, None), (stale["verdict"], stale["in_sync"], stale["matched_slot"]))
        self.assertEqual(binding["copy"], stale["copy"], "only the source changed")
        self.assertEqual(binding["source"]["slots"]["secondary"], stale["source"]["slots"]["secondary"])
        self.assertNotEqual(binding["source"]["slots"]["primary"], stale["source"]["slots"]["primary"])
        self.assertRegex(stale["why"], "callers get 401")

        self.assertEqual(0, lab.stop())
        document = self.place.keydrift("check", "-o", "json", seconds=75).must(2).json()
        self.assertEqual((0, 0, 1), (document["in_sync"], document["not_in_sync"], document["unknown"]))
        gone = document["bindings"][0]
        self.assertEqual(("unknown", None, None), (gone["verdict"], gone["in_sync"], gone["matched_slot"]))
        self.assertRegex(gone["why"], r"^the source .*refused.* and the copy in Vault .*refused.*: what callers get is not known$")

    def test_the_document_has_the_members_that_were_promised(self):
        """check -o json has exactly the promised members, and so it has for a binding that cannot be read"""
        lab = self.with_lab()
        for wanted in (0, 2):
            document = self.place.keydrift("check", "-o", "json").must(wanted).json()
            binding = document["bindings"][0]
            self.assertEqual(DOCUMENT, set(document))
            self.assertEqual(BINDING, set(binding))
            self.assertEqual(SOURCE, set(binding["source"]))
            self.assertEqual(COPY_MEMBERS, set(binding["copy"]))
            self.assertEqual({"primary", "secondary"}, set(binding["source"]["slots"]))
            self.assertRegex(document["checked_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
            self.assertEqual("azureml-online-endpoint", binding["source"]["kind"])
            self.assertTrue(binding["source"]["id"].startswith("/subscriptions/"))
            self.assertEqual((lab.facts["vault_url"], "kv", COPY, FIELD),
                             tuple(binding["copy"][name] for name in ("address", "mount", "path", "field")))
            if wanted == 0:
                self.assertEqual(1, binding["copy"]["version"])
                for fingerprint in (*binding["source"]["slots"].values(), binding["copy"]["fingerprint"]):
                    self.assertRegex(fingerprint, FINGERPRINT)
                lab.fault(target="arm", kind="status", status=403)
            else:
                self.assertEqual({"primary": None, "secondary": None}, binding["source"]["slots"])

    def test_results_go_to_standard_output_and_nothing_else_does(self):
        """check prints its table on standard output and says nothing else where all is well"""
        self.with_lab()
        result = self.place.keydrift("check").must(0)
        self.assertIn("match", result.out)
        self.assertEqual("", result.err)
        self.assertNotIn("\x1b", result.out)
        quiet = self.place.keydrift("check", "-o", "json", "-q").must(0)
        self.assertEqual("", quiet.err)
        json.loads(quiet.out)

    def test_the_other_slot(self):
        """wrong_slot: the copy is the primary key and the binding pins the secondary one"""
        lab = self.place.lab()
        settings = self.place.settings(lab)
        settings["bindings"][0]["slot"] = "secondary"
        self.place.configure(settings)
        binding = self.place.check(1)
        self.assertEqual(("wrong_slot", False, "primary"),
                         (binding["verdict"], binding["in_sync"], binding["matched_slot"]))
        self.assertIn("pins secondary", binding["why"])

    def test_a_copy_that_is_not_there(self):
        """missing: no field of that name, then no secret at that path"""
        lab = self.with_lab()
        lab.vault.write({"other": "x"})
        binding = self.place.check(1)
        self.assertEqual(("missing", False), (binding["verdict"], binding["in_sync"]))
        self.assertIn("lacks", binding["why"])
        self.assertIsNone(binding["copy"]["fingerprint"])
        lab.vault.call("DELETE", "kv/metadata/" + COPY)
        binding = self.place.check(1)
        self.assertEqual("missing", binding["verdict"])
        self.assertIn("no secret", binding["why"])
        self.assertIsNone(binding["copy"]["version"])

    def test_a_copy_that_was_deleted_then_destroyed(self):
        """deleted, then destroyed: told apart, and the version named"""
        lab = self.with_lab()
        lab.vault.call("DELETE", "kv/data/" + COPY)
        binding = self.place.check(1)
        self.assertEqual(("deleted", 1), (binding["verdict"], binding["copy"]["version"]))
        self.assertIn("undeleted", binding["why"])
        lab.vault.call("POST", "kv/destroy/" + COPY, {"versions": [1]})
        binding = self.place.check(1)
        self.assertEqual(("destroyed", 1), (binding["verdict"], binding["copy"]["version"]))
        self.assertIn("cannot come back", binding["why"])

    def test_a_binding_that_does_not_exist(self):
        """a misspelt binding is bad usage, and the nearest one is named"""
        self.with_lab()
        result = self.place.keydrift("check", "nachte").must(2)
        self.assertIn('"nachet"', result.err)
        self.assertEqual("", result.out)


if __name__ == "__main__":
    harness.main(parallel=3)
