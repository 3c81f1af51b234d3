#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the one header that is installed with a library: one_header.py ROOT HEADER VERSION OUTPUT

What the library is, then the declarations of its own header and of those of this tree that it includes, each
once, in order, with the system's headers in front, for C and C++. A header's own part is what it makes visible:
all between "#pragma GCC visibility" push and pop, with the comment it begins with. The tree's words for compiler
extensions are spelt out, so that nothing but the library's names reaches a program. Include guards stay: two such
headers agree in what they share.
"""
import pathlib
import re
import sys

OURS = re.compile(r'#include "([^"]+)"\n')
# What a public part needs of the system; more would reach every program.
SYSTEM = ["<stdbool.h>", "<stddef.h>", "<stdint.h>", "<uv.h>"]
PRIVATE = "base/attributes.h"
HEADER = re.compile(r"""/\*\ SPDX[^\n]*\*/\n
                        (?P<about>/\*.*?\*/\n)
                        \#ifndef\ (?P<guard>\w+)\n
                        .*?\#pragma\ GCC\ visibility\ push\(default\)\n
                        (?P<public>.*?)\#pragma\ GCC\ visibility\ pop\n""", re.DOTALL | re.VERBOSE)
SPELT_OUT = [
    (re.compile(r"\bmust_use\b"), "__attribute__((warn_unused_result))"),
    (re.compile(r"\bprintf_like\((\d+), (\d+)\)"), r"__attribute__((format(printf, \1, \2)))"),
]


def collect(root, name, parts):
    """The headers that `name` needs, then itself: {name: its parts}, in the order they must have."""
    if name in parts or name == PRIVATE:
        return
    text = (root / name).read_text(encoding="utf-8")
    for needed in OURS.findall(text):
        collect(root, needed, parts)
    parts[name] = HEADER.match(text)
    if not parts[name]:
        sys.exit(f"one_header.py: {name} has no comment, guard and public part, in this order")


def declarations(part, about):
    public = part["public"]
    for pattern, words in SPELT_OUT:
        public = pattern.sub(words, public)
    guard = "KEYDRIFT_" + part["guard"]
    return f"{about}#ifndef {guard}\n#define {guard}\n{public}\n#endif\n"


def main(root, header, version, output):
    parts = {}
    collect(pathlib.Path(root), header, parts)
    library = parts.pop(header)
    name = pathlib.Path(header).stem.upper()
    numbers = zip(("MAJOR", "MINOR", "PATCH"), version.split("."))
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */\n", library["about"],
             *(f"#include {include}\n" for include in SYSTEM),
             f'\n#define {name}_VERSION "{version}"\n',
             *(f"#define {name}_VERSION_{part} {number}\n" for part, number in numbers),
             '\n#ifdef __cplusplus\nextern "C" {\n#endif\n\n',
             "\n".join(declarations(part, part["about"]) for part in parts.values()),
             "\n", declarations(library, ""),
             "\n#ifdef __cplusplus\n}\n#endif\n"]
    text = "".join(lines)
    pathlib.Path(output).write_text(re.sub(r"\n{3,}", "\n\n", text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
