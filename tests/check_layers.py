#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file includes something its layer may not know: check_layers.py SOURCE_ROOT, or --self-test.

Every layer names what stands below it and which libraries it may see. Only
agent/main.c and the tests may include everything; a file in a folder that no rule names is a fault.
"""
import pathlib
import re
import sys
import tempfile

# layer: the layers (or single headers) it may include besides itself
MAY_USE = {
    "base": [],
    "net": ["base"],
    "vaultclient": ["base", "net"],
    "azureclient": ["base", "net"],
    "agent/core": ["base"],
    "agent/ports": ["base", "agent/core"],
    "agent/daemon": ["base", "net/json.h", "net/retry.h", "agent/core", "agent/ports"],
    "agent/adapters": ["base", "net", "vaultclient/vaultclient.h", "azureclient/azureclient.h", "agent/core",
                       "agent/ports"],
    "agent/cli": ["base", "net", "agent/core", "agent/ports", "agent/daemon", "agent/adapters"],
    "examples/lab": ["base", "net"],
    "examples/library": [],  # what anybody has who installed the libraries
}
FREE = "agent/main.c"  # it wires everything

# library header: the layers that may see it
LIBRARIES = {
    "curl/": ["net"],
    "llhttp.h": ["net"],
    "jansson.h": ["net"],
    "uv.h": ["net", "vaultclient", "azureclient", "agent/adapters", "agent/cli", "examples/lab", "examples/library"],
    "vaultclient.h": ["examples/library"],
    "azureclient.h": ["examples/library"],
    "openssl/": ["base", "net", "azureclient", "agent/adapters", "examples/lab"],
    "sqlite3.h": ["agent/adapters"],
    "libfyaml.h": ["agent/adapters"],
    "popt.h": ["agent/cli", "examples/lab"],
    "libsmartcols/": ["agent/cli"],
}
ASKS_VERSIONS = "agent/cli/version.c"  # of every library: "keydrift version"

# Layers that decide and never do: no clock, no I/O, no library.
PURE = ["agent/core", "agent/ports"]
PURE_MAY_USE = ["assert.h", "inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h"]
HEADERS_ONLY = ["agent/ports"]

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def layer_of(path):
    return max((layer for layer in MAY_USE if path.startswith(layer + "/")), key=len, default=None)


def sources(root):
    for top in ("agent", "azureclient", "base", "examples", "net", "vaultclient"):
        yield from sorted((root / top).rglob("*.[ch]"))


def faults_of(name, text):
    layer = layer_of(name)
    if layer is None:
        yield f"{name}: in no layer that tests/check_layers.py knows"
        return
    if layer in HEADERS_ONLY and name.endswith(".c"):
        yield f"{name}: {layer} is headers only"
    for quote, header in INCLUDE.findall(text):
        if quote == "<":
            library = next((library for library in LIBRARIES if header.startswith(library)), None)
            if layer in PURE and header not in PURE_MAY_USE:
                yield f"{name}: <{header}> has no place in {layer}, which is pure"
            elif library and layer not in LIBRARIES[library] and name != ASKS_VERSIONS:
                yield f"{name}: {layer} may not include <{header}>"
        elif layer_of(header) is None:
            yield f'{name}: "{header}" is not named from the top of the tree'
        elif layer_of(header) != layer and not {header, layer_of(header)} & set(MAY_USE[layer]):
            yield f'{name}: {layer} may not include "{header}"'


def faults(root):
    found = []
    for file in sources(root):
        name = file.relative_to(root).as_posix()
        if name != FREE:
            found += faults_of(name, file.read_text())
    return found


def self_test():
    """One file for each way to break the layers, each of which must be found; and a tree without fault."""
    good = {
        "base/text.c": '#include "base/text.h"\n#include <time.h>\n',
        "net/http.c": '#include "base/text.h"\n#include <curl/curl.h>\n',
        "agent/core/plan.c": '#include "agent/core/plan.h"\n#include "base/text.h"\n#include <string.h>\n',
        "agent/daemon/agent.c": '#include "net/json.h"\n#include "agent/ports/clock.h"\n',
        "agent/adapters/vault.c": '#include "vaultclient/vaultclient.h"\n#include <uv.h>\n',
        "agent/main.c": '#include "agent/cli/cli.h"\n#include "azureclient/azureclient.h"\n',
        "tests/unit/a.c": '#include "net/client.h"\n',
    }
    bad = {
        "base/a.c": '#include "net/http.h"\n',
        "net/a.c": '#include "vaultclient/vaultclient.h"\n',
        "vaultclient/a.c": '#include "azureclient/azureclient.h"\n',
        "azureclient/a.c": '#include "vaultclient/vaultclient.h"\n',
        "vaultclient/b.c": "#  include <curl/curl.h>\n",
        "agent/core/a.c": '#include "net/json.h"\n',
        "agent/core/b.c": "#include <time.h>\n",
        "agent/ports/a.h": "#include <uv.h>\n",
        "agent/ports/b.c": "\n",
        "agent/daemon/a.c": '#include "net/http.h"\n',
        "agent/daemon/b.c": '#include "agent/adapters/config.h"\n',
        "agent/adapters/a.c": '#include "vaultclient/wire.h"\n',
        "agent/adapters/b.c": '#include "agent/daemon/agent.h"\n',
        "agent/cli/a.c": '#include "vaultclient/vaultclient.h"\n',
        "agent/cli/b.c": '#include "cli.h"\n',
        "examples/lab/a.c": '#include "agent/core/plan.h"\n',
        "examples/other.c": "\n",
        "examples/library/a.c": '#include "base/text.h"\n',
        "agent/adapters/c.c": "#include <vaultclient.h>\n",
    }
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, text in {**good, **bad}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        blamed = [fault.split(":")[0] for fault in faults(root)]
    return [f"not found: {name}" for name in bad if name not in blamed] + \
           [f"wrongly found: {name}" for name in blamed if name not in bad]


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    found = self_test() if arguments[0] == "--self-test" else faults(pathlib.Path(arguments[0]))
    print("\n".join(found) or "layers hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
