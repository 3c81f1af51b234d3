#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on the embedded lab, without an account: drift, alert, approval, repair, and a rotation under traffic.
# Usage: examples/demo.sh [BUILD]    Every command shown is the one that runs; exit 0 only if every step did what it says.
set -euo pipefail

build=$(cd "${1:-build}" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/keydrift-demo.XXXXXX")
PATH="$build:$PATH"
pids=()

finish() {
    local code=$?
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ "$code" -ne 0 ]; then
        printf '\nThe demo stopped at: %s\nIts files are in %s\n' "$step" "$dir" >&2
        tail -n 5 "$dir"/*.log >&2 || true
    else
        rm -rf "$dir"
    fi
    exit "$code"
}
trap finish EXIT

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
step=start
say() { step=$*; printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
shown() { printf '%s$ %s%s\n' "$dim" "${*//$dir/\$D}" "$plain"; }

# expect CODE COMMAND...: shows the command, runs it, and insists on its exit code.
expect() {
    local want=$1 code=0; shift
    shown "$@"
    "$@" || code=$?
    if [ "$code" -ne "$want" ]; then echo "exit $code, expected $want" >&2; return 1; fi
    [ "$want" -eq 0 ] || printf '%s(exit %d)%s\n' "$dim" "$code" "$plain"
}
# until_true SECONDS COMMAND...: quietly, until it succeeds.
until_true() {
    local end=$((SECONDS + $1)); shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "gave up waiting for: $*" >&2; return 1; }
        sleep 0.1
    done
}
value_of() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
# In $D, where ./keydrift.yaml is the configuration.
cd "$dir"
lab() { value_of "$1" <"$dir/lab.json"; }
alerts_have() { curl -sf "$(lab control_url)/alerts" | grep -q "\"event\": *\"$1\""; }

say "A lab stands in for Azure and Vault"
shown keydrift-lab --dir "$dir"
keydrift-lab --dir "$dir" >"$dir/lab.log" 2>&1 &
pids+=($!)
until_true 10 grep -q '^lab ready' "$dir/lab.log"

say "Two people may approve changes; one approval is enough here"
expect 0 keydrift keygen approver ana --out "$dir"
expect 0 keydrift keygen approver bo --out "$dir"
cat >>"$dir/keydrift.yaml" <<YAML
approval:
  required: 1
  approvers:
    - { name: ana, public_key: { file: "$dir/ana.pub" } }
    - { name: bo, public_key: { file: "$dir/bo.pub" } }
alerts:
  - { kind: webhook, url: "$(lab control_url)/alerts" }
YAML
sed "s|$dir|\$D|g" "$dir/keydrift.yaml"

say "The key at Azure equals its copy in Vault"
expect 0 keydrift check

say "keydrift watches"
shown keydrift run
keydrift run >"$dir/run.log" 2>&1 &
pids+=($!)
until_true 10 keydrift status

say "Somebody regenerates the key in the portal, and tells nobody"
endpoint=$(lab endpoint)
expect 0 curl -sS -X POST "$(lab control_url)/regenerate" \
    -d "{\"endpoint\":\"$endpoint\",\"slot\":\"primary\",\"caller\":\"mallory@example.org\"}"
echo

say "keydrift says so, says who, and what callers see"
until_true 20 alerts_have firing
expect 1 keydrift status
incident=$(keydrift incidents list -o json | value_of id)
expect 0 keydrift show "$incident"
shown curl "$(lab control_url)/alerts"
curl -s "$(lab control_url)/alerts"
echo

say "Nothing is written without approval"
plan=$(keydrift plan nachet -o json | value_of plan_id)
expect 0 keydrift plan nachet
expect 3 keydrift apply "$plan"

say "An approval by a stranger is refused"
mkdir "$dir/stranger"
expect 0 keydrift keygen approver ana --out "$dir/stranger"
keydrift approve "$plan" --as ana --key "$dir/stranger/ana.key" --print >"$dir/forged" 2>/dev/null
expect 1 keydrift apply "$plan" --approval-file "$dir/forged"

say "An approval of exactly this change: written, read back, probed"
expect 0 keydrift approve "$plan" --as ana --key "$dir/ana.key"
expect 0 keydrift apply "$plan"
expect 0 keydrift check
until_true 20 alerts_have resolved
echo "The alert has resolved."

say "The same plan a second time is refused"
expect 1 keydrift apply "$plan"

say "A rotation, while an application keeps calling with the key it finds in Vault"
vault=$(lab vault_url) token=$(lab vault_token) ca=$(lab ca_file) scoring=$(lab scoring_url)
printf 'header = "X-Vault-Token: %s"\n' "$token" >"$dir/vault.curl"
traffic() {
    local key code
    while [ ! -e "$dir/stop" ]; do
        key=$(curl -s --cacert "$ca" -K "$dir/vault.curl" "$vault/v1/kv/data/nachet/backend" |
            value_of NACHET_MODEL_ENDPOINT_ACCESS_KEY)
        code=$(printf 'header = "Authorization: Bearer %s"\n' "$key" |
            curl -s -o "$dir/score.out" -w '%{http_code}' --cacert "$ca" -K - -X POST -d '{}' "$scoring")
        echo "$code" >>"$dir/traffic"
    done
}
traffic &
traffic=$!
pids+=("$traffic")
until_true 10 grep -q 200 "$dir/traffic"
expect 3 keydrift rotate nachet
plan=$(keydrift rotate nachet -o json | value_of plan_id) || true
expect 0 keydrift approve "$plan" --as bo --key "$dir/bo.key"
expect 0 keydrift rotate nachet
expect 0 keydrift check
sleep 1
touch "$dir/stop"
wait "$traffic"
calls=$(wc -l <"$dir/traffic")
failed=$(grep -vc '^200$' "$dir/traffic" || true)
echo "The application made $calls calls during the rotation; $failed failed."
[ "$calls" -gt 0 ] && [ "$failed" -eq 0 ]

say "The daemon ends cleanly"
shown kill -TERM "${pids[1]}"
kill -TERM "${pids[1]}"
wait "${pids[1]}"

printf '\n%sDone: seen, told, approved, repaired, rotated; %d calls, none failed.%s\n' "$bold" "$calls" "$plain"
