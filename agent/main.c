/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: the only file that knows every part. It builds an agent and what it stands
 * on from a configuration, takes them down in the opposite order, and hands the command line that
 * ability. */
#include "agent/adapters/alert_alertmanager.h"
#include "agent/adapters/alert_webhook.h"
#include "agent/adapters/azure_source.h"
#include "agent/adapters/config.h"
#include "agent/adapters/fingerprinter.h"
#include "agent/adapters/jws_approval.h"
#include "agent/adapters/open_azure.h"
#include "agent/adapters/open_vault.h"
#include "agent/adapters/state_sqlite.h"
#include "agent/adapters/uv_clock.h"
#include "agent/adapters/vault_copy.h"
#include "agent/cli/cli.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "net/http.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define REVOKE_GRACE_MS 1000

struct world {
    uv_loop_t *loop;
    struct http *http;
    const struct config *config;
    struct vault_client *vault;
    struct azure_client *azure;
    struct azure_client *identity; /* of this machine, where Vault wants to see it */
    struct fingerprinter *fingerprinter;
    struct clock *clock;
    struct approvals *approvals;
    struct state_store *store;
    char *store_why; /* why there is none */
    struct alert_sink **sinks;
    size_t sink_count;
    struct key_source **sources; /* distinct ones */
    size_t source_count;
    struct secret_copy **copies; /* one per binding */
    struct agent_ports *ports;
    struct agent *agent;
    void (*closed)(void *context);
    void *closed_context;
};

/* ---- Vault and Azure ------------------------------------------------------------------------- */

static struct operation *fetch_identity(void *owner, vault_identity_done *done, void *context)
{
    return azure_read_token(owner, done, context);
}

static bool vault_open(struct world *world, struct failure *why)
{
    const struct config_vault *config = &world->config->vault;
    struct vault_identity identity = {.fetch = fetch_identity};

    if (config->has_auth && config->method == CONFIG_VAULT_AZURE) {
        world->identity =
            open_azure_identity(world->http, &world->config->azure, config->resource, why);
        identity.owner = world->identity;
        if (!world->identity)
            return false;
    }
    world->vault = open_vault(world->http, world->config, identity, why);
    return world->vault != NULL;
}

static bool azure_open(struct world *world, struct failure *why)
{
    world->azure = open_azure(world->http, &world->config->azure, why);
    return world->azure != NULL;
}

/* ---- state and fingerprints ------------------------------------------------------------------ */

static char *beside_state(const struct config *config)
{
    struct text path = text_of(config->state_path);
    struct buffer out;
    size_t slash = path.size;

    while (slash > 0 && path.start[slash - 1] != '/')
        slash--;
    buffer_init(&out, 4096);
    buffer_append(&out, text_part(path, 0, slash));
    buffer_append_string(&out, "fingerprint.key");
    return buffer_take(&out);
}

static struct secret *fingerprint_key(const struct config *config, struct failure *why)
{
    struct secret *key = NULL;
    char *path;

    if (config->fingerprint_key.place == CONFIG_FILE)
        return fingerprint_key_load_or_make(config->fingerprint_key.name, false, why);
    if (config->fingerprint_key.place != CONFIG_NOWHERE) {
        cleanup_with(secret_clean) struct secret *line =
            config_secret_read(&config->fingerprint_key, "fingerprint_key", why);

        return line ? fingerprint_key_decode(secret_reveal(line), why) : NULL;
    }
    path = beside_state(config);
    if (path)
        key = fingerprint_key_load_or_make(path, true, why);
    else
        failure_out_of_memory(why);
    memory_free(path);
    return key;
}

/* A key of its own when there is no other: what it makes can be compared within this call only. */
static struct secret *passing_key(struct world *world, struct failure *why)
{
    struct buffer text;

    buffer_init(&text, 4096);
    buffer_printf(&text, "%s%s; fingerprints are good for this call only",
                  world->store_why ? world->store_why : "", world->store_why ? "" : why->text);
    memory_free(world->store_why);
    world->store_why = buffer_take(&text);
    *why = (struct failure){0};
    return world->store_why ? fingerprint_key_random() : NULL;
}

static bool state_open(struct world *world, enum world_state needed, struct failure *why)
{
    cleanup_with(secret_clean) struct secret *key = NULL;

    world->store = state_sqlite_open(world->loop, world->config->state_path, why);
    if (!world->store && needed == WORLD_STATE_NEEDED)
        return false;
    if (!world->store && !(world->store_why = text_copy(text_of(why->text))))
        return failure_out_of_memory(why);
    *why = (struct failure){0};
    key = fingerprint_key(world->config, why);
    if (!key && (needed == WORLD_STATE_NEEDED || why->kind == FAILURE_DENIED))
        return false;
    if (!key && !(key = passing_key(world, why)))
        return failure_out_of_memory(why);
    world->fingerprinter = fingerprinter_new(key);
    return world->fingerprinter || failure_out_of_memory(why);
}

/* ---- bindings and sinks ---------------------------------------------------------------------- */

/* Takes `id`. Bindings on one resource share one source. */
static struct key_source *source_for(struct world *world, const struct azure_key_kind *kind,
                                     char *id)
{
    struct key_source *source;

    for (size_t i = world->source_count; i > 0; i--) {
        if (!text_equal_ignoring_case(text_of(world->sources[i - 1]->id), text_of(id)) ||
            !text_is(text_of(world->sources[i - 1]->kind), azure_key_kind_name(kind)))
            continue;
        memory_free(id);
        return world->sources[i - 1];
    }
    source = azure_source_new(world->azure, world->fingerprinter, world->clock, kind, id,
                              (unsigned)world->source_count);
    memory_free(id);
    if (source)
        world->sources[world->source_count++] = source;
    return source;
}

static bool binding_open(struct world *world, size_t index, struct failure *why)
{
    const struct config_binding *config = &world->config->bindings[index];
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(config->kind));
    char *id;

    if (!kind)
        return failure_set(why, FAILURE_INVALID, "binding \"%s\": no source kind \"%s\"",
                           config->name, config->kind);
    if (config->id)
        id = memory_string(config->id);
    else
        id = azure_endpoint_id(text_of(config->subscription), text_of(config->resource_group),
                               text_of(config->workspace), text_of(config->endpoint), why);
    if (!id && config->id)
        return failure_out_of_memory(why);
    if (!id) {
        failure_prefix(why, "binding \"%s\"", config->name);
        return false;
    }
    world->ports[index].source = source_for(world, kind, id);
    world->copies[index] = vault_copy_new(world->vault, world->fingerprinter, kind, config->mount,
                                          config->path, config->field, (unsigned)index);
    world->ports[index].copy = world->copies[index];
    return (world->ports[index].source && world->copies[index]) || failure_out_of_memory(why);
}

static bool bindings_open(struct world *world, struct failure *why)
{
    size_t count = world->config->binding_count, room = count ? count : 1;

    world->sources = memory_zeroed(room, sizeof(struct key_source *));
    world->copies = memory_zeroed(room, sizeof(struct secret_copy *));
    world->ports = memory_zeroed(room, sizeof(*world->ports));
    if (!world->sources || !world->copies || !world->ports)
        return failure_out_of_memory(why);
    for (size_t i = 0; i < count; i++)
        if (!binding_open(world, i, why))
            return false;
    return true;
}

static struct alert_sink *sink_open(struct world *world, const struct config_alert *config,
                                    struct failure *why)
{
    cleanup_with(secret_clean) struct secret *url = NULL, *signing = NULL;
    const char *address = config->url;

    if (config->url_secret.place != CONFIG_NOWHERE) {
        url = config_secret_read(&config->url_secret, "alerts.url", why);
        if (!url)
            return NULL;
        address = secret_reveal(url).start;
    }
    if (config->signing_secret.place != CONFIG_NOWHERE) {
        signing = config_secret_read(&config->signing_secret, "alerts.secret", why);
        if (!signing)
            return NULL;
    }
    if (config->kind == CONFIG_ALERT_ALERTMANAGER)
        return alert_alertmanager_open(world->http, address, config->ca_file, why);
    return alert_webhook_open(world->http, address, signing, config->ca_file, why);
}

static bool sinks_open(struct world *world, struct failure *why)
{
    size_t count = world->config->alert_count;

    world->sinks = memory_zeroed(count ? count : 1, sizeof(struct alert_sink *));
    if (!world->sinks)
        return failure_out_of_memory(why);
    for (size_t i = 0; i < count; i++) {
        world->sinks[i] = sink_open(world, &world->config->alerts[i], why);
        if (!world->sinks[i])
            return false;
        world->sink_count++;
    }
    return true;
}

/* ---- taking it down, in the opposite order --------------------------------------------------- */

static void on_clock_closed(void *context)
{
    struct world *world = context;
    void (*closed)(void *) = world->closed;
    void *closed_context = world->closed_context;

    approvals_openssl_free(world->approvals);
    fingerprinter_free(world->fingerprinter);
    memory_free(world->store_why);
    memory_free(world);
    if (closed)
        closed(closed_context);
}

static void on_store_closed(void *context)
{
    struct world *world = context;

    uv_clock_close(world->clock, on_clock_closed, world);
}

/* Only now does nobody ask them anything any more. */
static void ports_free(struct world *world)
{
    for (size_t i = 0; world->copies && i < world->config->binding_count; i++)
        vault_copy_free(world->copies[i]);
    for (size_t i = 0; i < world->source_count; i++)
        azure_source_free(world->sources[i]);
    memory_free(world->copies);
    memory_free(world->sources);
    memory_free(world->ports);
}

static void on_azure_closed(void *context)
{
    struct world *world = context;

    ports_free(world);
    if (world->store)
        state_sqlite_close(world->store, on_store_closed, world);
    else
        on_store_closed(world);
}

static void on_identity_closed(void *context)
{
    struct world *world = context;

    if (world->azure)
        azure_client_close(world->azure, on_azure_closed, world);
    else
        on_azure_closed(world);
}

static void on_vault_closed(void *context)
{
    struct world *world = context;

    if (world->identity)
        azure_client_close(world->identity, on_identity_closed, world);
    else
        on_identity_closed(world);
}

static void sinks_close(struct world *world)
{
    for (size_t i = 0; i < world->sink_count; i++) {
        if (world->config->alerts[i].kind == CONFIG_ALERT_ALERTMANAGER)
            alert_alertmanager_close(world->sinks[i]);
        else
            alert_webhook_close(world->sinks[i]);
    }
    memory_free(world->sinks);
}

static void on_agent_closed(void *context)
{
    struct world *world = context;

    sinks_close(world);
    if (world->vault)
        vault_client_close(world->vault, REVOKE_GRACE_MS, on_vault_closed, world);
    else
        on_vault_closed(world);
}

static void world_close(struct world *world, void (*closed)(void *context), void *context)
{
    world->closed = closed;
    world->closed_context = context;
    if (world->agent)
        agent_close(world->agent, on_agent_closed, world);
    else
        on_agent_closed(world);
}

/* ---- building it ----------------------------------------------------------------------------- */

static bool agent_start(struct world *world, const struct world_settings *settings,
                        operation_done *ready, void *context, struct failure *why)
{
    const struct agent_settings agent = {
        .config = world->config,
        .clock = world->clock,
        .store = world->store,
        .store_why = world->store_why,
        .approvals = world->approvals,
        .ports = world->ports,
        .sinks = world->sinks,
        .sink_count = world->sink_count,
        .command = settings->command,
    };

    world->agent = agent_open(&agent, ready, context);
    return world->agent || failure_out_of_memory(why);
}

static struct world *world_open(const struct world_settings *settings, operation_done *ready,
                                void *context, struct failure *why)
{
    struct world *world = memory_zeroed(1, sizeof(*world));

    if (world) {
        world->loop = settings->loop;
        world->http = settings->http;
        world->config = settings->config;
        world->clock = uv_clock_open(settings->loop);
    }
    if (!world || !world->clock) {
        memory_free(world);
        failure_out_of_memory(why);
        return NULL;
    }
    world->approvals = approvals_openssl_new();
    if (world->approvals && state_open(world, settings->state, why) && vault_open(world, why) &&
        azure_open(world, why) && bindings_open(world, why) && sinks_open(world, why) &&
        agent_start(world, settings, ready, context, why))
        return world;
    if (!world->approvals)
        failure_out_of_memory(why);
    world_close(world, NULL, NULL);
    return NULL;
}

static struct agent *world_agent(struct world *world)
{
    return world->agent;
}

static const char *world_warning(struct world *world)
{
    return world->store_why;
}

/* ---- the program ----------------------------------------------------------------------------- */

/* No core dump may hold a key, and no other process of this user may look into us. */
static void forbid_dumps(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, const char **argv)
{
    static const struct world_maker maker = {world_open, world_agent, world_warning, world_close};
    struct failure why = {0};
    int code;

    forbid_dumps();
    signal(SIGPIPE, SIG_IGN);
    if (!net_global_init(&why)) {
        cli_error("%s", why.text);
        return EXIT_REFUSED;
    }
    code = cli_main(argc, argv, &maker);
    net_global_cleanup();
    return code;
}
