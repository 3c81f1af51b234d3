# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: where Microsoft's OpenAPI files and the JSON Schema library are (without
either, need() says so in TAP and leaves), and TAP itself.

The files are no part of this tree: KEYDRIFT_CONTRACTS names the folder that has azure/spec, else it stands
beside the tree, in ../shared/contracts. The library is in .venv ("./run deps test").
"""
import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
SPECIFICATION = pathlib.Path(os.environ.get("KEYDRIFT_CONTRACTS") or TOP.parent / "shared" / "contracts") / "azure" / "spec"


class Tap:
    number, failed = 0, 0

    def tell(self, good, name, why=""):
        self.number += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.number, name))
        if not good:
            print("# " + why)

    def end(self):
        print("1..%d" % self.number)
        return 1 if self.failed else 0


def leave(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def need():
    if not SPECIFICATION.is_dir():
        leave("no %s: Microsoft's OpenAPI files are not here" % SPECIFICATION)
    sys.path[:0] = [str(path) for path in TOP.glob(".venv/lib/python3*/site-packages")]
    try:
        import fastjsonschema  # noqa: F401
    except ImportError:
        if os.environ.get("KEYDRIFT_REQUIRE_SERVERS") == "1":
            print("Bail out! fastjsonschema is not installed: ./run deps test")
            sys.exit(1)
        leave("fastjsonschema is not installed: ./run deps test")
    return SPECIFICATION
