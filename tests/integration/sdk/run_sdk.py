# SPDX-License-Identifier: Apache-2.0
"""Starts a lab and runs one file of tests of Microsoft's JavaScript SDK against it: run_sdk.py LAB NAME.

Without Node or its packages ("npm ci" in this folder) there is nothing to run: skipped, or failed where
KEYDRIFT_REQUIRE_SERVERS=1 says that they must be there.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def missing(why):
    if os.environ.get("KEYDRIFT_REQUIRE_SERVERS") == "1":
        print("Bail out! " + why)
        return 1
    print("1..0 # SKIP " + why)
    return 0


def packages():
    with open(os.path.join(HERE, "package.json"), encoding="utf-8") as file:
        return json.load(file)["dependencies"]


def environment_for(directory):
    # Nothing of the caller's Azure, proxy or Node settings may reach the SDK.
    env = {name: value for name, value in os.environ.items()
           if not name.upper().startswith(("AZURE_", "MSI_", "IDENTITY_", "NODE_", "ARM_"))
           and not name.upper().endswith("_PROXY")}
    env["LAB_DIR"] = directory
    env["NODE_EXTRA_CA_CERTS"] = os.path.join(directory, "ca.pem")
    env["NODE_OPTIONS"] = "--experimental-global-webcrypto"
    return env


def main():
    node = shutil.which("node")
    if not node:
        return missing("node is not installed")
    if not all(os.path.isdir(os.path.join(HERE, "node_modules", name)) for name in packages()):
        return missing("the SDK is not installed: npm ci in tests/integration/sdk")
    directory = tempfile.mkdtemp(prefix="kdsdk-")
    lab = subprocess.Popen([sys.argv[1], "--dir", directory, "--endpoints", "60"], stdout=subprocess.PIPE, text=True)
    try:
        if lab.stdout.readline() != "lab ready\n":
            print("Bail out! the lab did not start")
            return 1
        result = subprocess.run([node, "--test-reporter=tap", os.path.join(HERE, sys.argv[2] + ".test.mjs")],
                                env=environment_for(directory), check=False, stdout=subprocess.PIPE, text=True)
        print(result.stdout)
        print("# counted: %d cases of Microsoft's SDK: %s" % (len(re.findall("^ok ", result.stdout, re.M)), sys.argv[2]))
        return result.returncode
    finally:
        lab.terminate()
        lab.wait(10)
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
