#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The libraries as a stranger gets them: installed below a temporary folder, found with pkg-config, used from C
and C++ against a real OpenBao (with_openbao.py starts it) and the lab.

    test_install.py LAB BUILD_DIRECTORY
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv[2])
SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests" / "unit" / "lab"))
import lab_support  # noqa: E402  (it takes the lab from the first argument)

EXAMPLES = SOURCE / "examples" / "library"
LANGUAGES = {"c": ["gcc", "-std=gnu17"], "c++": ["g++", "-x", "c++", "-std=gnu++17", "-Wno-missing-field-initializers"]}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
PROGRAMS = {"vault_read": "vaultclient", "vault_write": "vaultclient", "azure_keys": "azureclient",
            "azure_who": "azureclient"}
VERSION = json.loads(subprocess.check_output(["meson", "introspect", "--projectinfo", BUILD]))["version"]
# Before 1.0 a minor version may change everything.
SOVERSION = re.match(r"0\.\d+|[1-9]\d*", VERSION)[0]


def run(command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed:
    """`meson install` into a folder of its own, once for all cases."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="keydrift-install-")
        self.top = pathlib.Path(self.folder.name)
        run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", self.top])
        self.files = sorted(path.relative_to(self.top).as_posix() for path in self.top.rglob("*") if not path.is_dir())
        self.libraries = next(self.top.rglob("libvaultclient.so")).parent
        self.environment = {**os.environ, "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"),
                            "PKG_CONFIG_SYSROOT_DIR": str(self.top),
                            "LD_LIBRARY_PATH": str(self.libraries)}

    def flags(self, *packages):
        return shlex.split(run(["pkg-config", "--cflags", "--libs", *packages], env=self.environment))

    def compile(self, source, language, *packages, cflags=()):
        program = self.top / f"{source.stem}-{language}"
        run([*LANGUAGES[language], *WARNINGS, *cflags, source, "-o", program, "-x", "none", *self.flags(*packages)])
        return program

    def run(self, program, *arguments, input=None, **environment):
        return run([program, *arguments], input=input, env={**self.environment, **environment})


def environment_of(lab):
    facts = lab.facts
    return {"AZURE_TENANT_ID": facts["tenant"], "AZURE_CLIENT_ID": facts["client_id"],
            "AZURE_CLIENT_SECRET": facts["client_secret"], "AZURE_AUTHORITY_HOST": facts["authority_url"],
            "AZURE_RESOURCE_MANAGER": facts["arm_url"], "AZURE_CA_FILE": facts["ca_file"]}


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installed = Installed()

    def vault(self):
        return {"VAULT_ADDR": os.environ["OPENBAO_ADDR"], "VAULT_CACERT": os.environ["OPENBAO_CACERT"],
                "VAULT_TOKEN": os.environ["OPENBAO_ROOT_TOKEN"]}

    def test_what_is_installed_is_the_program_and_for_each_library_what_belongs_to_one(self):
        prefix = self.installed.libraries.relative_to(self.installed.top).as_posix()
        usr = next(self.installed.top.rglob("include")).parent.relative_to(self.installed.top).as_posix()
        expected = [f"{usr}/bin/keydrift"]
        for name in ("azureclient", "vaultclient"):
            expected += [f"{usr}/include/{name}.h", f"{prefix}/pkgconfig/{name}.pc", f"{prefix}/lib{name}.so",
                         f"{prefix}/lib{name}.so.{SOVERSION}", f"{prefix}/lib{name}.so.{VERSION}"]
        self.assertEqual(self.installed.files, sorted(expected))

    def test_a_library_shows_what_its_header_declares_and_nothing_else(self):
        for name in ("azureclient", "vaultclient"):
            header = next(self.installed.top.rglob(name + ".h")).read_text()
            text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
            text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
            text = re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)", "", text)
            while re.search(r"\{[^{}]*\}", text.replace('extern "C" {', "")):
                text = re.sub(r"\{[^{}]*\}", "", text.replace('extern "C" {', ""))
            declared = set()
            for statement in text.split(";"):
                function = re.search(r"\b(\w+)\s*\((?!\*)", statement)
                if function and "typedef" not in statement:
                    declared.add(function.group(1))
            symbols = run(["nm", "-D", "--defined-only", self.installed.libraries / f"lib{name}.so"])
            self.assertEqual({line.split()[-1] for line in symbols.splitlines()}, declared)

    def test_the_header_and_pkg_config_agree_on_the_version(self):
        for name in ("azureclient", "vaultclient"):
            header = next(self.installed.top.rglob(name + ".h")).read_text()
            self.assertIn(f'#define {name.upper()}_VERSION "{VERSION}"', header)
            numbers = re.findall(rf"#define {name.upper()}_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\n", header)
            self.assertEqual(".".join(numbers), VERSION)
            self.assertEqual(run(["pkg-config", "--modversion", name], env=self.installed.environment).strip(), VERSION)

    def test_a_header_needs_nothing_of_this_tree(self):
        for name in ("azureclient", "vaultclient"):
            header = next(self.installed.top.rglob(name + ".h"))
            self.assertNotRegex(header.read_text(), r"\b(base|net|agent|vaultclient|azureclient)/\w+\.[ch]\b(?!, shown)")
            for compiler in (["gcc", "-std=c99", "-x", "c"], ["gcc", "-std=c2x", "-x", "c"],
                             ["g++", "-std=c++11", "-x", "c++"], ["g++", "-std=c++20", "-x", "c++"]):
                run([*compiler, *WARNINGS, "-D_POSIX_C_SOURCE=200809L", "-fsyntax-only", "-include", header, "/dev/null"])

    def test_the_examples_compile_as_c_and_as_cpp(self):
        for name, package in PROGRAMS.items():
            for language in LANGUAGES:
                with self.subTest(name=name, language=language):
                    self.installed.compile(EXAMPLES / (name + ".c"), language, package)

    def test_vault_write_replaces_one_field_and_vault_read_reads_it(self):
        for language in LANGUAGES:
            read = self.installed.compile(EXAMPLES / "vault_read.c", language, "vaultclient")
            write = self.installed.compile(EXAMPLES / "vault_write.c", language, "vaultclient")
            path = "install/" + ("c" if language == "c" else "cpp")
            run_it = lambda program, field, value=None: self.installed.run(
                program, "kv", path, field, input=value, **self.vault())
            self.assertEqual(run_it(write, "sibling", "stays"), "version 1\n")
            self.assertEqual(run_it(write, "key", "new value"), "version 2\n")
            self.assertEqual(run_it(read, "key"), "new value")
            self.assertEqual(run_it(read, "sibling"), "stays")

    def test_vault_read_says_what_is_wrong(self):
        read = self.installed.compile(EXAMPLES / "vault_read.c", "c", "vaultclient")
        done = subprocess.run([read, "kv", "no/such", "key"], env={**self.installed.environment, **self.vault()},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^vault-read: .*kv/.*no/such")

    def test_azure_keys_and_azure_who_speak_to_the_lab(self):
        lab = lab_support.Lab()
        self.addCleanup(lab.stop)
        endpoint = lab.endpoints + "/" + lab.facts["endpoint"]
        keys = self.installed.compile(EXAMPLES / "azure_keys.c", "c", "azureclient")
        who = self.installed.compile(EXAMPLES / "azure_who.c", "c++", "azureclient")
        listed = self.installed.run(keys, "azureml-online-endpoint", endpoint, **environment_of(lab))
        self.assertRegex(listed, r"^primary: \d+ bytes\nsecondary: \d+ bytes\n$")
        self.assertRegex(self.installed.run(who, endpoint, **environment_of(lab)), r"^nobody")

    def test_a_program_with_libcurl_jansson_and_signals_of_its_own_is_left_alone(self):
        program = self.installed.compile(SOURCE / "tests/integration/install/host.c", "c", "libcurl", "jansson",
                                         "libuv", cflags=["-rdynamic", f"-I{next(self.installed.top.rglob('vaultclient.h')).parent}"])
        said = self.installed.run(program, self.installed.libraries / "libvaultclient.so")
        self.assertEqual(said, f"read twice, SIGPIPE as it was, 0 calls mistaken, version {VERSION}\n")

    def test_both_libraries_live_in_one_program(self):
        program = self.installed.compile(SOURCE / "tests/integration/install/both.cc", "c++", "vaultclient",
                                         "azureclient")
        self.assertEqual(self.installed.run(program), "in the program's memory\nboth closed\n0 blocks held\n")


if __name__ == "__main__":
    lab_support.main()
