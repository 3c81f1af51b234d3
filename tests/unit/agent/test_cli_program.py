# SPDX-License-Identifier: Apache-2.0
"""The built keydrift where it needs no service: usage, help, files, exit codes. Prints TAP."""
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
COMMANDS = ["run", "check", "status", "incidents", "show", "plan", "approve", "apply", "rotate", "config",
            "keygen", "version"]
PLAN = "3fa9c1" + "0" * 58
CONFIG = """
vault:
  address: https://127.0.0.1:1
  auth: { method: token_file, token_file: vault-token }
azure:
  cloud: public
  credential: { method: client_secret, tenant_id: t, client_id: c, client_secret: { file: client-secret } }
bindings:
  - name: nachet
    source: { kind: azureml-online-endpoint, subscription: s, resource_group: rg, workspace: w, endpoint: e }
    copy: { mount: kv, path: nachet/backend, field: key }
state: sqlite:state.db
api: { listen: [ "unix:keydrift.sock" ] }
"""


class Folder(unittest.TestCase):
    """Every case has a folder of its own, which is also where it stands."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kdcli-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return name

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def call(self, *words, code=0, **more):
        kinds = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **more}
        done = subprocess.run([PROGRAM, *words], cwd=self.folder.name, text=True, timeout=30, check=False, **kinds)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done

    def refused(self, *words, says):
        done = self.call(*words, code=2)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("keydrift: "), done.stderr)
        self.assertIn(says, done.stderr)


class Usage(Folder):
    def test_an_unknown_command_is_answered_with_the_nearest(self):
        self.refused("chekc", says='no command "chekc"; did you mean "check"?')
        self.refused("frobnicate", says='no command "frobnicate"\n')
        self.refused("help", "rotat", says='did you mean "rotate"?')

    def test_an_unknown_option_is_answered_with_the_nearest(self):
        self.refused("check", "--conifg", "x", says='unknown option "--conifg"; did you mean "--config"?')
        self.refused("apply", PLAN, "--aproval", "x", says='did you mean "--approval"?')
        self.refused("--outptu", "json", "check", says='did you mean "--output"?')
        self.refused("check", "-x", says='unknown option "-x"')

    def test_a_value_behind_an_unknown_option_is_not_repeated(self):
        done = self.call("apply", PLAN, "--aproval=eyJhbGciOi", code=2)
        self.assertNotIn("eyJhbGciOi", done.stderr)

    def test_the_wrong_number_of_arguments_is_answered_with_the_usage_line(self):
        self.refused("show", says="usage: keydrift show ID")
        self.refused("plan", says="too few arguments")
        self.refused("plan", "a", "b", says='too many arguments: "b"')
        self.refused("status", "x", says="too many arguments")

    def test_an_option_without_its_value_is_refused(self):
        self.refused("check", "-c", says='option "-c" needs a value')
        self.refused("check", "--quiet=3", says="takes no value")
        self.refused("check", "-o", "yaml", says='no output format "yaml": text or json')
        self.refused("approve", PLAN, "--as", "ana", says="--key FILE is missing")
        self.refused("approve", PLAN, "--key", "f", says="--as NAME is missing")
        self.refused("keygen", "approver", "ana", says="--out is missing")

    def test_values_that_make_no_sense_are_refused_before_anything_is_read(self):
        self.refused("show", "../../etc", says="is not an id")
        self.refused("show", "abc", says="is not an id")
        self.refused("show", "a" * 5000, says="too long")
        self.refused("apply", PLAN, "--wait", "10", says="--wait")
        self.refused("approve", PLAN, "--as", "a", "--key", "f", "--life", "8d", says="1s to 7d")
        self.refused("plan", "nachet", "--action", "writeback", says='did you mean "write_back"?')
        self.refused("plan", "nachet", "--action", "restore", says="known here: write_back, rotate")
        self.refused("incidents", "lst", says="list")
        self.refused("config", "chek", says='did you mean "check"?')
        self.refused("keygen", "aprover", "ana", "--out", ".", says='did you mean "approver"?')

    def test_no_command_at_all_is_refused(self):
        self.refused(says="no command given")

    def test_options_may_stand_before_the_command(self):
        done = self.call("-o", "json", "version")
        self.assertEqual(self.call("version", "-o", "json").stdout, done.stdout)


class Help(Folder):
    def test_every_command_is_in_the_list(self):
        text = self.call("--help").stdout
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", text)
        self.assertEqual(self.call("help").stdout, text)

    def test_every_command_has_usage_options_exit_codes_and_an_example(self):
        for command in COMMANDS:
            text = self.call(command, "--help").stdout
            self.assertTrue(text.startswith(f"usage: keydrift {command}"), text)
            for part in ["--config=FILE", "--output=FORMAT", "--no-color", "\nExit codes:\n  0  ", "\nExample"]:
                self.assertIn(part, text, command)
            self.assertIn(f"  keydrift {command}", text.split("\nExample")[1])
            self.assertEqual(self.call("help", command).stdout, text)

    def test_no_line_is_wider_than_a_terminal(self):
        for words in [["--help"], *([command, "--help"] for command in COMMANDS)]:
            for line in self.call(*words).stdout.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_help_says_how_to_keep_a_token_out_of_the_process_list(self):
        for command in ["apply", "rotate"]:
            self.assertIn("process list", self.call(command, "--help").stdout)
            self.assertIn("--approval-file=FILE", self.call(command, "--help").stdout)

    def test_help_wins_over_missing_arguments(self):
        self.call("show", "--help")
        self.call("--help", "show")


class Output(Folder):
    def test_a_full_disk_is_a_failure_with_a_sentence(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for words in [["version"], ["--help"], ["config", "schema"]]:
                done = self.call(*words, code=1, stdout=full)
                self.assertIn("No space left on device", done.stderr)

    def test_a_reader_that_has_gone_is_a_failure_with_a_sentence(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = self.call("version", code=1, stdout=writer)
        os.close(writer)
        self.assertIn("Broken pipe", done.stderr)

    def test_the_version_names_the_libraries_in_use(self):
        document = json.loads(self.call("version", "-o", "json").stdout)
        self.assertEqual(sorted(document), ["libraries", "version"])
        for name in ["libcurl", "libuv", "openssl", "sqlite", "jansson"]:
            self.assertRegex(document["libraries"][name], r"^\d+\.\d+")
        self.assertIn("keydrift " + document["version"], self.call("--version").stdout)


class Configuration(Folder):
    def test_without_a_configuration_it_says_where_it_looked(self):
        if os.path.exists("/etc/keydrift/keydrift.yaml"):
            return
        for command in [["check"], ["status"], ["config", "show"], ["plan", "nachet"], ["run"]]:
            self.refused(*command, says="neither ./keydrift.yaml nor /etc/keydrift/keydrift.yaml")

    def test_the_file_in_this_folder_is_the_default(self):
        self.write("keydrift.yaml", CONFIG)
        self.assertIn("keydrift.yaml is valid: 1 binding", self.call("config", "check").stdout)

    def test_a_named_file_comes_before_the_default(self):
        self.write("keydrift.yaml", "nonsense: 1\n")
        self.write("other.yaml", CONFIG)
        self.call("config", "check", code=2)
        self.call("config", "check", "-c", "other.yaml")
        self.call("-c", "other.yaml", "config", "check")
        self.assertIn("absent.yaml", self.call("check", "-c", "absent.yaml", code=2).stderr)

    def test_every_error_is_reported_with_its_place(self):
        self.write("keydrift.yaml", CONFIG.replace("mount:", "mont:").replace("endpoint: e", "endpoint: 7"))
        done = self.call("config", "check", code=2)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"keydrift\.yaml:\d+:\d+: error: .*mont")
        self.assertRegex(done.stderr, r"keydrift: keydrift\.yaml is not usable: \d errors?")
        document = json.loads(self.call("config", "check", "-o", "json", code=2).stdout)
        self.assertFalse(document["valid"])
        self.assertEqual(document["errors"], len([p for p in document["problems"] if ": error: " in p]))
        self.assertIn("is not usable", self.call("check", code=2).stderr)

    def test_the_schema_needs_no_file(self):
        self.assertIn("$schema", json.loads(self.call("config", "schema").stdout))

    def test_the_effective_configuration_is_json_that_is_valid_again(self):
        self.write("keydrift.yaml", CONFIG)
        shown = self.call("config", "show").stdout
        self.assertEqual(json.loads(shown)["bindings"][0]["name"], "nachet")
        self.write("again.yaml", shown)
        self.assertEqual(self.call("config", "show", "-c", "again.yaml").stdout, shown)

    def test_without_a_daemon_status_cannot_tell(self):
        self.write("keydrift.yaml", CONFIG)
        done = self.call("status", code=2)
        self.assertIn("no keydrift daemon listens at", done.stderr)
        self.assertIn("run", done.stderr)


class Keys(Folder):
    def mode(self, name):
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def test_an_approvers_pair_goes_into_the_configuration(self):
        done = self.call("keygen", "approver", "ana", "--out", ".")
        self.assertEqual(self.mode("ana.key"), 0o600)
        self.assertIn("BEGIN PRIVATE KEY", self.read("ana.key"))
        public = self.read("ana.pub").strip()
        self.assertIn(f'{{ name: ana, public_key: "{public}" }}', done.stdout)
        snippet = done.stdout.split("For the configuration:\n")[1]
        self.write("keydrift.yaml", CONFIG + snippet)
        self.call("config", "check")

    def test_a_folder_that_is_not_there_yet_is_made(self):
        self.call("keygen", "approver", "ana", "--out", "fresh")
        self.assertEqual(self.mode("fresh"), 0o700)
        self.assertEqual(self.mode("fresh/ana.key"), 0o600)

    def test_nothing_is_overwritten(self):
        self.call("keygen", "approver", "ana", "--out", ".")
        before = self.read("ana.key")
        done = self.call("keygen", "approver", "ana", "--out", ".", code=1)
        self.assertIn("exists", done.stderr)
        self.assertEqual(self.read("ana.key"), before)
        self.call("keygen", "fingerprint", "--out", "f.key")
        self.call("keygen", "fingerprint", "--out", "f.key", code=1)
        self.assertEqual(self.mode("f.key"), 0o600)

    def test_no_private_key_is_ever_printed(self):
        for words in [["approver", "ana"], ["approver", "bo", "-o", "json"]]:
            done = self.call("keygen", *words, "--out", ".")
            secret = self.read(words[1] + ".key").splitlines()[1]
            self.assertNotIn(secret, done.stdout + done.stderr)
        done = self.call("keygen", "fingerprint", "--out", "f.key", "-o", "json")
        self.assertNotIn(self.read("f.key").strip(), done.stdout + done.stderr)

    def test_a_name_that_is_no_name_and_a_folder_that_is_none_are_refused(self):
        self.refused("keygen", "approver", "../ana", "--out", ".", says="approver's name")
        self.call("keygen", "approver", "ana", "--out", "absent/deeper", code=1)
        self.refused("keygen", "approver", "--out", ".", says="needs a NAME")
        self.refused("keygen", "fingerprint", "x", "--out", "f", says='takes no "x"')


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    failed = 0
    cases = [case for group in suite for case in group]
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        result = unittest.TestResult()
        case.run(result)
        name = case.id().split(".", 1)[1]
        print(f"{'ok' if result.wasSuccessful() else 'not ok'} {number} - {name}", flush=True)
        for _, trace in result.failures + result.errors:
            failed += 1
            print("".join("# " + line + "\n" for line in trace.splitlines()), end="")
    sys.exit(failed > 0)


main()
