#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and twice: check_headers.py SOURCE_ROOT COMPILER...

A header that needs another one included first works only by luck, and breaks the day an include is sorted.
Prints TAP, one case a header.
"""
import concurrent.futures
import pathlib
import subprocess
import sys

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only"]


def compile_alone(root, compiler, header):
    twice = f'#include "{header}"\n' * 2
    return subprocess.run([*compiler, *FLAGS, f"-I{root}", f"-isystem{root}/third_party/llhttp/include",
                           "-x", "c", "-"], input=twice, capture_output=True, text=True, check=False)


def main(root, *compiler):
    root = pathlib.Path(root)
    tops = ("agent", "azureclient", "base", "examples", "net", "tests", "vaultclient")
    headers = sorted(header.relative_to(root).as_posix() for top in tops for header in (root / top).rglob("*.h")
                     if "node_modules" not in header.parts)
    print(f"1..{len(headers)}")
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda header: compile_alone(root, compiler, header), headers)
        for number, (header, answer) in enumerate(zip(headers, answers), 1):
            print(f"{'not ok' if answer.returncode else 'ok'} {number} - {header}")
            print("".join(f"# {line}\n" for line in answer.stderr.splitlines()), end="")
            bad += answer.returncode != 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
