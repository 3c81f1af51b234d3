/* SPDX-License-Identifier: Apache-2.0 */
/* The files by which everybody finds the lab: a working configuration, lab.json, and what both
 * point at. All are for their owner only. */
#include "examples/lab/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_LIMIT      ((size_t)64 << 20)
#define ENDPOINTS_LIMIT 100000

bool files_put(const struct lab *lab, const char *name, struct text text, unsigned mode,
               struct failure *why)
{
    char *path = format_new("%s/%s", lab->options.directory, name);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode) : -1;
    bool is_good = fd >= 0 && fchmod(fd, mode) == 0;

    for (size_t done = 0; is_good && done < text.size;) {
        ssize_t size = write(fd, text.start + done, text.size - done);

        is_good = size > 0;
        done += is_good ? (size_t)size : 0;
    }
    if (fd >= 0 && close(fd) != 0)
        is_good = false;
    if (!is_good)
        failure_set(why, FAILURE_INTERNAL, "%s/%s cannot be written: %s", lab->options.directory,
                    name, strerror(errno));
    free(path);
    return is_good;
}

bool files_prepare(struct lab_options *options, struct failure *why)
{
    const char *const longest = "/keydrift.sock";
    struct sockaddr_un address;
    struct stat status;
    char *absolute;

    if (mkdir(options->directory, 0700) != 0 && errno != EEXIST)
        return failure_set(why, FAILURE_INVALID, "%s cannot be made: %s", options->directory,
                           strerror(errno));
    absolute = realpath(options->directory, NULL);
    if (!absolute || stat(absolute, &status) != 0 || !S_ISDIR(status.st_mode)) {
        free(absolute);
        return failure_set(why, FAILURE_INVALID, "%s is not a directory", options->directory);
    }
    free(options->directory);
    options->directory = absolute;
    if (strlen(absolute) + strlen(longest) >= sizeof(address.sun_path))
        return failure_set(
            why, FAILURE_INVALID,
            "%s is too long: with %s it would be over the %zu bytes that the path of a "
            "Unix socket may have; choose a shorter --dir",
            absolute, longest, sizeof(address.sun_path) - 1);
    return true;
}

bool files_directory(const struct lab *lab, const char *name, struct failure *why)
{
    char *path = format_new("%s/%s", lab->options.directory, name);
    bool is_good = path && (mkdir(path, 0700) == 0 || errno == EEXIST);

    if (!is_good)
        failure_set(why, FAILURE_INTERNAL, "%s/%s cannot be made: %s", lab->options.directory, name,
                    strerror(errno));
    free(path);
    return is_good;
}

static char *file_read(const char *path, struct failure *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buffer buffer;
    char chunk[16384];
    ssize_t size = -1;

    buffer_init(&buffer, FILE_LIMIT);
    while (fd >= 0 && (size = read(fd, chunk, sizeof(chunk))) > 0)
        buffer_append(&buffer, (struct text){chunk, (size_t)size});
    if (fd >= 0)
        close(fd);
    if (fd < 0 || size < 0 || !buffer_ok(&buffer)) {
        buffer_clear(&buffer);
        failure_set(why, FAILURE_INVALID, "%s cannot be read: %s", path,
                    errno ? strerror(errno) : "it is too large");
        return NULL;
    }
    return buffer_take(&buffer);
}

static char **names_generated(size_t count)
{
    char **names = calloc(count + 1, sizeof(*names));

    for (size_t i = 0; names && i < count; i++)
        names[i] = format_new("ep-%04zu", i + 1);
    return names;
}

static bool name_accept(char **names, size_t count, const json_t *item, const char *file,
                        struct failure *why)
{
    struct text name = json_text_at(item, "name");

    if (!json_is_object(item) || json_object_size(item) != 1 || !name.start)
        return failure_set(why, FAILURE_INVALID, "%s: endpoint %zu: expected {\"name\": \"...\"}",
                           file, count + 1);
    if (!endpoint_name_is_valid(name))
        return failure_set(
            why, FAILURE_INVALID,
            "%s: endpoint %zu: a name has 3 to 32 letters, digits and dashes and begins "
            "with a letter",
            file, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (text_equal_ignoring_case(name, text_of(names[i])))
            return failure_set(why, FAILURE_INVALID, "%s: endpoint %zu: the name occurs twice",
                               file, count + 1);
    }
    names[count] = text_copy(name);
    return names[count] || failure_out_of_memory(why);
}

static char **names_configured(const char *file, size_t *count, struct failure *why)
{
    char *text = file_read(file, why);
    json_t *json = text ? json_read_object(text_of(text), why) : NULL;
    const json_t *list = json_object_get(json, "endpoints"), *item;
    char **names = NULL;
    size_t index = 0;

    *count = 0;
    if (text && !json) {
        failure_prefix(why, "%s", file);
    } else if (json && (json_object_size(json) != 1 || json_array_size(list) == 0)) {
        failure_set(why, FAILURE_INVALID,
                    "%s: expected {\"endpoints\": [{\"name\": \"...\"}, ...]}", file);
    } else if (json) {
        names = calloc(json_array_size(list) + 1, sizeof(*names));
        json_array_foreach (list, index, item) {
            if (!names || !name_accept(names, index, item, file, why))
                break;
            ++*count;
        }
        if (names && *count < json_array_size(list)) {
            for (size_t i = 0; i < *count; i++)
                free(names[i]);
            free(names);
            names = NULL;
        }
    }
    json_decref(json);
    free(text);
    return names;
}

char **files_endpoint_names(const struct lab_options *options, size_t *count, struct failure *why)
{
    char **names;

    if (options->config_file)
        return names_configured(options->config_file, count, why);
    if (options->endpoints < 0 || options->endpoints > ENDPOINTS_LIMIT) {
        failure_set(why, FAILURE_INVALID, "--endpoints is a number from 1 to %d", ENDPOINTS_LIMIT);
        return NULL;
    }
    *count = options->endpoints ? (size_t)options->endpoints : 1;
    if (options->endpoints)
        return names_generated(*count);
    names = calloc(2, sizeof(*names));
    if (names)
        names[0] = strdup(LAB_ENDPOINT);
    return names;
}

/* A path as a YAML scalar that is safe in a flow mapping. */
static void append_scalar(struct buffer *out, const char *prefix, const char *directory,
                          const char *name)
{
    char *text = format_new("%s%s/%s", prefix, directory, name);
    struct text safe = TEXT("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-");
    bool is_plain = text && !*prefix;

    for (const char *c = text; is_plain && c && *c; c++)
        is_plain = text_contains_byte(safe, *c);
    if (!text) {
        out->is_broken = true;
    } else if (is_plain || (*prefix == 's' && strspn(directory, safe.start) == strlen(directory))) {
        buffer_append_string(out, text);
    } else {
        json_t *string = json_string(text);
        char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

        if (quoted)
            buffer_append_string(out, quoted);
        else
            out->is_broken = true; /* the path is not UTF-8, or no memory */
        free(quoted);
        json_decref(string);
    }
    free(text);
}

static void append_binding(struct buffer *out, const struct lab *lab,
                           const struct resource *endpoint)
{
    bool is_only = strcmp(endpoint->name, LAB_ENDPOINT) == 0;

    buffer_printf(out, "  - name: %s\n", is_only ? "nachet" : endpoint->name);
    buffer_printf(out,
                  "    source: { kind: azureml-online-endpoint, subscription: " LAB_SUBSCRIPTION
                  ", resource_group: " LAB_RESOURCE_GROUP ", workspace: " LAB_WORKSPACE
                  ", endpoint: %s }\n",
                  endpoint->name);
    buffer_printf(out, "    copy: { mount: kv, path: %s, field: %s }\n", endpoint->copy_path,
                  endpoint->copy_field);
    buffer_printf(out, "    slot: any\n    interval: %s\n    on_drift: propose\n",
                  lab->options.endpoints ? "10s" : "2s");
    if (!lab->options.endpoints)
        buffer_printf(out, "    probe: { score: true }\n");
}

static void append_configuration(struct buffer *out, const struct lab *lab)
{
    const char *directory = lab->options.directory;

    buffer_printf(out, "vault:\n  address: https://127.0.0.1:%u\n  ca_file: ",
                  server_port(lab->servers[LISTENER_VAULT]));
    append_scalar(out, "", directory, "ca.pem");
    buffer_printf(out, "\n  auth: { method: token_file, token_file: ");
    append_scalar(out, "", directory, "vault-token");
    buffer_printf(out,
                  " }\nazure:\n  cloud: { resource_manager: \"https://127.0.0.1:%u\", authority: "
                  "\"https://127.0.0.1:%u\", ca_file: ",
                  server_port(lab->servers[LISTENER_ARM]),
                  server_port(lab->servers[LISTENER_ENTRA]));
    append_scalar(out, "", directory, "ca.pem");
    buffer_printf(out, " }\n  credential: { method: client_secret, tenant_id: " LAB_TENANT
                       ", client_id: " LAB_CLIENT_ID ", client_secret: { file: ");
    append_scalar(out, "", directory, "client-secret");
    buffer_printf(out, " } }\nbindings:\n");
    for (size_t i = 0; i < lab->world.count; i++)
        append_binding(out, lab, lab->world.endpoints[i]);
    buffer_printf(out, "state: ");
    append_scalar(out, "sqlite:", directory, "state.db");
    buffer_printf(out, "\napi: { listen: [ ");
    /* Quoted in any case: "unix:" followed by a path. */
    append_scalar(out, "unix:", directory, "keydrift.sock");
    buffer_printf(out, " ] }\n");
}

static json_t *url(const struct lab *lab, enum listener listener, const char *scheme,
                   const char *path)
{
    return json_sprintf("%s://127.0.0.1:%u%s", scheme,
                        (unsigned)server_port(lab->servers[listener]), path);
}

/* {"<ARM resource type>": "<id of the one such resource>", ...} */
static json_t *resources_json(const struct lab *lab)
{
    json_t *json = json_pack("{s:s}", lab->world.first->source->type, lab->world.first->id);

    for (struct resource **other = lab->world.others; json && *other; other++)
        json_object_set_new(json, (*other)->source->type, json_string((*other)->id));
    return json;
}

static json_t *lab_json(const struct lab *lab)
{
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "arm_url",
        url(lab, LISTENER_ARM, "https", ""), "authority_url", url(lab, LISTENER_ENTRA, "https", ""),
        "imds_url", url(lab, LISTENER_IMDS, "http", ""), "scoring_url",
        url(lab, LISTENER_SCORING, "https", "/score"), "vault_url",
        url(lab, LISTENER_VAULT, "https", ""), "control_url",
        url(lab, LISTENER_CONTROL, "http", ""), "ca_file",
        json_sprintf("%s/ca.pem", lab->options.directory), "tenant", LAB_TENANT, "subscription",
        LAB_SUBSCRIPTION, "resource_group", LAB_RESOURCE_GROUP, "workspace", LAB_WORKSPACE,
        "endpoint", lab->world.first->name, "vault_token", lab->vault_token, "approle_role_id",
        lab->vault.role_id, "approle_secret_id", lab->secret_id);

    if (json) {
        identity_facts(lab, json);
        json_object_set_new(json, "resources", resources_json(lab));
    }
    return json;
}

bool files_write(const struct lab *lab, struct failure *why)
{
    struct buffer configuration;
    json_t *json = lab_json(lab);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    char *line = text ? format_new("%s\n", text) : NULL;
    bool is_good;

    json_decref(json);
    free(text);
    buffer_init(&configuration, FILE_LIMIT);
    append_configuration(&configuration, lab);
    if (!line || !buffer_ok(&configuration))
        is_good = failure_set(why, FAILURE_INTERNAL, "out of memory, or %s is not UTF-8",
                              lab->options.directory);
    else
        is_good = files_put(lab, "ca.pem", text_of(lab->pki.ca_pem), 0600, why) &&
                  files_put(lab, "vault-token", text_of(lab->vault_token), 0600, why) &&
                  identity_files_write(lab, why) &&
                  files_put(lab, "keydrift.yaml", buffer_text(&configuration), 0600, why) &&
                  files_put(lab, "lab.json", text_of(line), 0600, why);
    buffer_clear(&configuration);
    free(line);
    return is_good;
}
