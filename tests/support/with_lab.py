#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program beside the lab's Vault.

    with_lab.py LAB [--] PROGRAM [ARGUMENT...]

The program finds in its environment what with_openbao.py would tell it, as far as the lab has it:

    OPENBAO_ADDR OPENBAO_CACERT OPENBAO_ROOT_TOKEN OPENBAO_ROLE_ID OPENBAO_SECRET_ID OPENBAO_VERSION
    OPENBAO_PRODUCT

so that one suite runs against the real server and against the one that plays it. This program ends with its
exit status, or with 1 when the lab did not end cleanly.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

PLAYS = "2.7.2"


def main():
    lab, *command = sys.argv[1:] or sys.exit(__doc__)
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        sys.exit(__doc__)
    # So that `finally` stops the lab when the test runner stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix="keydrift-lab-")
    process = subprocess.Popen([lab, "--dir", directory], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "lab ready\n":
            sys.exit("with_lab.py: the lab did not start")
        facts = json.loads(pathlib.Path(directory, "lab.json").read_text())
        status = subprocess.call(command, env={
            **os.environ, "OPENBAO_ADDR": facts["vault_url"], "OPENBAO_CACERT": facts["ca_file"],
            "OPENBAO_ROOT_TOKEN": facts["vault_token"], "OPENBAO_ROLE_ID": facts["approle_role_id"],
            "OPENBAO_SECRET_ID": facts["approle_secret_id"], "OPENBAO_VERSION": PLAYS,
            "OPENBAO_PRODUCT": "openbao"})
    finally:
        process.terminate()
        ended = process.wait()
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(status if status > 0 else 128 - status if status else ended and 1)


if __name__ == "__main__":
    main()
