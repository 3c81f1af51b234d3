/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, once: what it is called, what it takes, what it does, how it ends. */
#include "agent/cli/cli.h"

#define CHECK_EXITS                                                                                \
    "0  all bindings are in sync\n"                                                                \
    "1  some are not in sync\n"                                                                    \
    "2  some could not be read, so nobody can tell; or bad usage or configuration"
#define PLAIN_EXITS                                                                                \
    "0  done\n"                                                                                    \
    "1  refused or failed; standard error says why\n"                                              \
    "2  bad usage or configuration, or could not tell"
#define EXECUTION_EXITS                                                                            \
    "0  done, read back and checked\n"                                                             \
    "1  refused or failed; standard error says why and what was changed\n"                         \
    "2  bad usage or configuration, or could not tell\n"                                           \
    "3  the plan waits for approval; the next command is printed"
#define TOKEN_HINT                                                                                 \
    "A token given with --approval can be seen in the process list while the command runs; "       \
    "--approval-file keeps it out. A token is good for one plan and one execution only."

const struct command commands[] = {
    {
        .name = "run",
        .arguments = "",
        .summary = "Watch all bindings until stopped",
        .details = "Checks every binding at its interval, alerts, keeps incidents and plans, and "
                   "answers the other commands on its Unix socket. Logs to standard error. SIGHUP "
                   "or a change of the file reloads the configuration; SIGTERM and SIGINT stop it "
                   "within two seconds.",
        .exits = "0  stopped by a signal\n"
                 "1  failed; standard error says why\n"
                 "2  bad usage or configuration",
        .example = "keydrift run -c /etc/keydrift/keydrift.yaml",
        .run = command_run,
    },
    {
        .name = "check",
        .arguments = "[BINDING...]",
        .summary = "Read both sides once and print the verdicts",
        .details = "Compares the keys at the source with the copy in Vault, for the bindings named "
                   "or for all, and changes nothing. The verdict is match, wrong_slot, stale, "
                   "missing, deleted, destroyed, or unknown: a side that could not be read is "
                   "never called in sync. Works with and without a daemon, and without a writable "
                   "state.",
        .exits = CHECK_EXITS,
        .example = "keydrift check\nkeydrift check nachet -o json",
        .most_arguments = 10000,
        .run = command_check,
    },
    {
        .name = "status",
        .arguments = "",
        .summary = "Print what the running daemon knows",
        .details = "Asks the daemon only; nothing is read from Azure or Vault for it.",
        .exits = CHECK_EXITS "; or no daemon runs",
        .example = "keydrift status",
        .run = command_status,
    },
    {
        .name = "incidents",
        .arguments = "list [--open]",
        .summary = "List the incidents, newest first",
        .details = "An incident is the life of one divergence, from its confirmation to its end. "
                   "`keydrift show ID` prints one with its timeline.",
        .exits = PLAIN_EXITS,
        .example = "keydrift incidents list --open",
        .options = incidents_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_incidents,
    },
    {
        .name = "show",
        .arguments = "ID",
        .summary = "Print one incident or plan with its whole timeline",
        .details = "ID is an incident's or a plan's, or the beginning of one (at least 4 "
                   "characters) that no other begins with.",
        .exits = PLAIN_EXITS,
        .example = "keydrift show inc-2f61c0de9a4b",
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_show,
    },
    {
        .name = "plan",
        .arguments = "BINDING [--action write_back|rotate]",
        .summary = "Propose the repair of one binding; change nothing",
        .details = "Reads both sides and writes down one exact change: which key of which slot "
                   "replaces which version of which copy. Its id is the hash of all of that, so "
                   "who approves the id approves that change and no other.",
        .exits = PLAIN_EXITS,
        .example = "keydrift plan nachet\nkeydrift plan nachet --action rotate -o json",
        .options = plan_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_plan,
    },
    {
        .name = "approve",
        .arguments = "PLAN_ID --as NAME --key FILE [--life DURATION] [--print]",
        .summary = "Sign a plan with an approver's key",
        .details = "Shows the plan on standard error, signs its id, and hands the signed token to "
                   "the daemon. With --print, or where no daemon runs, nothing is recorded: the "
                   "token goes to standard output, for `keydrift apply --approval-file`. Who asked "
                   "for a plan cannot approve it.",
        .exits = PLAIN_EXITS,
        .example = "keydrift approve 3fa9c1 --as ana --key ~/ana.key\n"
                   "keydrift approve 3fa9c1 --as ana --key ~/ana.key --print >ana.token",
        .options = approve_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_approve,
    },
    {
        .name = "apply",
        .arguments = "PLAN_ID [--approval TOKEN]... [--approval-file FILE]... [--wait DURATION]",
        .summary = "Execute a plan that has its approvals",
        .details = "Nothing is written unless the approvals suffice and both sides still are what "
                   "the plan says; otherwise the plan is superseded. The copy is written with "
                   "check-and-set, read back, and probed. An interrupted execution goes on with "
                   "the same command.\n\n" TOKEN_HINT,
        .exits = EXECUTION_EXITS,
        .example = "keydrift apply 3fa9c1 --approval-file ana.token\n"
                   "keydrift apply 3fa9c1 --wait 10m",
        .options = apply_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_apply,
    },
    {
        .name = "rotate",
        .arguments = "BINDING [--approval TOKEN]... [--approval-file FILE]... [--wait DURATION] "
                     "[--dry-run]",
        .summary = "Rotate the key of one binding without a failed request",
        .details = "Makes a plan, and with its approvals executes it: regenerates the slot that "
                   "Vault does not hold, waits until the new key works, writes it to Vault and "
                   "reads it back. Without approvals it prints the plan and ends with exit code 3; "
                   "once they are given, the same command executes it. After an interruption the "
                   "same command goes on.\n\n" TOKEN_HINT,
        .exits = EXECUTION_EXITS,
        .example = "keydrift rotate nachet --dry-run\n"
                   "keydrift rotate nachet\n"
                   "keydrift rotate nachet --approval-file ana.token",
        .options = rotate_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_rotate,
    },
    {
        .name = "config",
        .arguments = "check [--connect]|schema|show",
        .summary = "Check the configuration, print its schema or its effective values",
        .details = "  check   read the file and report every error with its place\n"
                   "  schema  print the JSON Schema of the file, for editors; needs no file\n"
                   "  show    print the configuration in effect, with its defaults, as JSON\n\n"
                   "With --connect, check also signs in to Vault and Azure and asks for each "
                   "binding whether it may be read, and written where approvers are configured. "
                   "What the Vault token lacks is printed with the policy that would grant it. "
                   "Nothing is changed. Without it no secret is read, and none is ever shown: only "
                   "where it is kept.",
        .exits = "0  valid; with --connect: everything the bindings ask for is allowed\n"
                 "1  refused or failed; with --connect: a log-in or a right is missing\n"
                 "2  bad usage or configuration; with --connect: a side could not be asked",
        .example = "keydrift config check -c keydrift.yaml\n"
                   "keydrift config check --connect\n"
                   "keydrift config schema >keydrift.schema.json",
        .options = config_options,
        .least_arguments = 1,
        .most_arguments = 1,
        .run = command_config,
    },
    {
        .name = "keygen",
        .arguments = "approver NAME --out DIR | fingerprint --out FILE",
        .summary = "Make an approver's key pair, or a fingerprint key",
        .details = "`approver` writes DIR/NAME.key, which stays with the approver (Ed25519, mode "
                   "0600), and DIR/NAME.pub, which goes into the configuration; DIR is made where "
                   "it is not there yet. `fingerprint` "
                   "writes the key that an installation's fingerprints are made with; `keydrift "
                   "run` makes its own where there is none. Nothing is ever overwritten.",
        .exits = PLAIN_EXITS,
        .example = "keydrift keygen approver ana --out ~/keys\n"
                   "keydrift keygen fingerprint --out /var/lib/keydrift/fingerprint.key",
        .options = keygen_options,
        .least_arguments = 1,
        .most_arguments = 2,
        .run = command_keygen,
    },
    {
        .name = "version",
        .arguments = "",
        .summary = "Print the version and those of the libraries in use",
        .details = "",
        .exits = PLAIN_EXITS,
        .example = "keydrift version -o json",
        .run = command_version,
    },
    {.name = NULL},
};
