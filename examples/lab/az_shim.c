/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for Azure's command line, to be put on the PATH: a shell script that knows one
 * command, "az account get-access-token", and asks the lab for the answer. It needs nothing but
 * bash. */
#include "examples/lab/lab.h"

static const char script[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Stands in for Azure's command line; made by keydrift-lab, which it asks.\n"
    "resource= tenant=\n"
    "fail() { printf '%s\\n' \"$2\" >&2; exit \"$1\"; }\n"
    "[ \"$1 $2\" = \"account get-access-token\" ] ||\n"
    "    fail 2 \"ERROR: '$1' is misspelled or not recognized by the system.\"\n"
    "shift 2\n"
    "while [ $# -gt 0 ]; do\n"
    "    [ $# -gt 1 ] || fail 2 \"ERROR: argument $1: expected one argument\"\n"
    "    case $1 in\n"
    "    --resource) resource=$2 ;;\n"
    "    --scope) resource=${2%/.default} ;;\n"
    "    --tenant | -t) tenant=$2 ;;\n"
    "    --subscription | -s | --name | -n | --output | -o) ;;\n"
    "    *) fail 2 \"ERROR: unrecognized arguments: $1\" ;;\n"
    "    esac\n"
    "    shift 2\n"
    "done\n"
    "exec 3<>/dev/tcp/127.0.0.1/$port || fail 1 'ERROR: the lab is gone'\n"
    "printf 'GET /az HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n"
    "X-Resource: %s\\r\\nX-Tenant: %s\\r\\n\\r\\n' \"$resource\" \"$tenant\" >&3\n"
    "IFS=' ' read -r _ status _ <&3\n"
    "while IFS= read -r line <&3 && [ \"$line\" != $'\\r' ]; do :; done\n"
    "IFS= read -r -d '' body <&3\n"
    "[ \"$status\" != 401 ] || fail 1 \"ERROR: Please run 'az login' to setup account.\"\n"
    "[ \"$status\" = 200 ] || fail 1 \"${body:-ERROR: no answer}\"\n"
    "printf '%s\\n' \"$body\"\n";

char *az_shim(const struct lab *lab)
{
    return format_new("#!/bin/bash\nport=%u\n%s",
                      (unsigned)server_port(lab->servers[LISTENER_IMDS]), script);
}
