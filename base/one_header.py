#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the one header that is installed with a library: one_header.py ROOT HEADER VERSION OUTPUT

The library's own header and those of this tree that it includes, each once, in order, with the system's
headers in front, for C and C++. The tree's words for compiler extensions are spelt out, so that nothing but
the library's names reaches a program. Include guards stay: two such headers agree in what they share.
"""
import pathlib
import re
import sys

OURS = re.compile(r'#include "([^"]+)"\n')
SYSTEM = re.compile(r"#include (<[^>]+>)\n")
PRIVATE = "base/attributes.h"
SPELT_OUT = [
    (re.compile(r"\bmust_use\b"), "__attribute__((warn_unused_result))"),
    (re.compile(r"\bprintf_like\((\d+), (\d+)\)"), r"__attribute__((format(printf, \1, \2)))"),
]


def collect(root, name, parts):
    """The headers that `name` needs, then itself: {name: text}, in the order they must have."""
    if name in parts:
        return
    text = (root / name).read_text(encoding="utf-8")
    for needed in OURS.findall(text):
        collect(root, needed, parts)
    parts[name] = text


def body_of(text):
    text = text.removeprefix("/* SPDX-License-Identifier: Apache-2.0 */\n")
    text = SYSTEM.sub("", OURS.sub("", text))
    text = re.sub(r"#pragma GCC visibility .*\n", "", text)
    for pattern, words in SPELT_OUT:
        text = pattern.sub(words, text)
    return re.sub(r"\n{3,}", "\n\n", text)


def main(root, header, version, output):
    parts = {}
    collect(pathlib.Path(root), header, parts)
    parts.pop(PRIVATE)
    system = sorted({include for text in parts.values() for include in SYSTEM.findall(text)})
    name = pathlib.Path(header).stem
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */\n",
             *(f"#include {include}\n" for include in system),
             f'\n#define {name.upper()}_VERSION "{version}"\n',
             '\n#ifdef __cplusplus\nextern "C" {\n#endif\n\n',
             "\n".join(body_of(text) for text in parts.values()),
             "\n#ifdef __cplusplus\n}\n#endif\n"]
    pathlib.Path(output).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
