/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift keygen approver NAME --out DIR` and `keydrift keygen fingerprint --out FILE`. */
#include "agent/cli/output.h"

#include "agent/adapters/approver_keys.h"
#include "agent/adapters/fingerprinter.h"
#include "agent/cli/options.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct {
    const char **out;
} given;

const struct poptOption keygen_options[] = {
    {"out", '\0', POPT_ARG_ARGV, &given.out, 0,
     "where to: a folder for a pair, a file for a fingerprint key", "PATH"},
    POPT_TABLEEND,
};

static int fail(const struct failure *why)
{
    cli_error("%s", why->text);
    return why->kind == FAILURE_INVALID ? EXIT_USAGE : EXIT_REFUSED;
}

/* ---- an approver's pair ---------------------------------------------------------------------- */

static bool read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool is_read = file && fgets(line, (int)size, file);

    if (file)
        fclose(file);
    if (is_read)
        line[strcspn(line, "\n")] = '\0';
    return is_read;
}

static int print_pair(const struct cli *cli, const char *name, const char *key_file,
                      const char *public_file)
{
    char public_key[256];
    struct buffer out;
    json_t *document;
    int code;

    if (!read_line(public_file, public_key, sizeof(public_key))) {
        cli_error("%s was written but cannot be read back", public_file);
        return EXIT_REFUSED;
    }
    if (cli->is_json) {
        document = json_pack("{s:s,s:s,s:s,s:s}", "name", name, "key_file", key_file,
                             "public_key_file", public_file, "public_key", public_key);
        code = cli_print_json(document, EXIT_DONE);
        json_decref(document);
        return code;
    }
    buffer_init(&out, 65536);
    output_field_printf(&out, "private key", "%s (stays with %s)", key_file, name);
    output_field(&out, "public key", text_of(public_file));
    buffer_printf(&out,
                  "\nFor the configuration:\n\n"
                  "approval:\n  approvers:\n    - { name: %s, public_key: \"%s\" }\n",
                  name, public_key);
    return cli_print(&out, EXIT_DONE);
}

static int make_pair(const struct cli *cli, const char *directory)
{
    const char *name = cli->arguments[1];
    char key_file[4096], public_file[4096];
    struct failure why = {0};

    if (!name)
        return cli_usage_error(cli, "keygen: approver needs a NAME");
    /* A folder that is not there yet is made, where its parent is. Whatever goes wrong is told by
     * the next step. */
    mkdir(directory, 0700);
    if (!approver_keys_make(name, directory, &why))
        return fail(&why);
    snprintf(key_file, sizeof(key_file), "%s/%s.key", directory, name);
    snprintf(public_file, sizeof(public_file), "%s/%s.pub", directory, name);
    return print_pair(cli, name, key_file, public_file);
}

/* ---- a fingerprint key ----------------------------------------------------------------------- */

static int make_fingerprint_key(const struct cli *cli, const char *path)
{
    struct failure why = {0};
    struct buffer out;
    json_t *document;
    int code;

    if (cli->argument_count > 1)
        return cli_usage_error(cli, "keygen: fingerprint takes no \"%s\"", cli->arguments[1]);
    if (!fingerprint_key_make(path, &why))
        return fail(&why);
    if (cli->is_json) {
        document = json_pack("{s:s}", "key_file", path);
        code = cli_print_json(document, EXIT_DONE);
        json_decref(document);
        return code;
    }
    buffer_init(&out, 65536);
    output_field(&out, "key", text_of(path));
    return cli_print(&out, EXIT_DONE);
}

int command_keygen(struct cli *cli)
{
    const char *kind = cli->arguments[0], *out = option_last(given.out), *best;
    bool is_approver = strcmp(kind, "approver") == 0;
    struct nearest nearest = {.word = text_of(kind)};

    nearest_offer(&nearest, "approver");
    nearest_offer(&nearest, "fingerprint");
    best = nearest_word(&nearest);
    if (!is_approver && strcmp(kind, "fingerprint") != 0)
        return cli_usage_error(cli, "keygen: no \"%s\"%s%s%s", kind,
                               best ? "; did you mean \"" : ": approver or fingerprint",
                               best ? best : "", best ? "\"?" : "");
    if (!out || !*out)
        return cli_usage_error(cli, "keygen: --out is missing");
    return is_approver ? make_pair(cli, out) : make_fingerprint_key(cli, out);
}
