/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the lab together: the world, seven listeners on loopback, the files, and an orderly end. */
#include "examples/lab/lab.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void on_call(struct server_call *call, const struct server_request *request, void *context)
{
    static const struct {
        enum target target;
        void (*handle)(struct exchange *);
    } services[LISTENERS] = {
        [LISTENER_ENTRA] = {TARGET_ENTRA, entra_handle},
        [LISTENER_IMDS] = {TARGET_IMDS, imds_handle},
        [LISTENER_FABRIC] = {TARGET_IMDS, imds_handle},
        [LISTENER_ARM] = {TARGET_ARM, arm_handle},
        [LISTENER_SCORING] = {TARGET_SCORING, scoring_handle},
        [LISTENER_VAULT] = {TARGET_VAULT, vault_handle},
    };
    const struct listener_context *listener = context;

    if (listener->listener == LISTENER_CONTROL)
        control_handle(listener->lab, call, request);
    else
        exchange_begin(listener->lab, services[listener->listener].target, call, request,
                       services[listener->listener].handle);
}

static bool listen_all(struct lab *lab, struct failure *why)
{
    for (int i = 0; i < LISTENERS; i++) {
        bool is_plain = i == LISTENER_IMDS || i == LISTENER_CONTROL;
        struct server_settings settings = {
            .listen = "127.0.0.1:0",
            .tls_cert_pem = is_plain ? NULL : lab->pki.server_pem,
            .tls_key_pem = is_plain ? NULL : lab->pki.server_key_pem,
            .max_body = i == LISTENER_VAULT ? VAULT_MAX_BODY : LAB_MAX_BODY,
            .max_connections = 2048,
            .on_call = on_call,
            .context = &lab->contexts[i],
        };

        lab->contexts[i] = (struct listener_context){lab, (enum listener)i};
        lab->servers[i] = server_open(&lab->loop, &settings, why);
        if (!lab->servers[i])
            return false;
    }
    return true;
}

/* The first endpoint's secret has neighbours of every JSON type: whoever writes must keep them. */
static json_t *copy_json(const struct resource *endpoint, bool is_first)
{
    json_t *json = json_pack("{s:s}", endpoint->copy_field, endpoint->keys[0].value);

    if (json && is_first)
        json_object_update_new(
            json, json_pack("{s:s, s:i, s:f, s:b, s:n, s:{s:i, s:s}, s:[i, s, b]}",
                            "NACHET_BLOB_PIPELINE_NAME", "pipelines", "NACHET_PORT", 8080,
                            "NACHET_VALID_EXTENSION_WEIGHT", 0.1, "NACHET_DEBUG", 0,
                            "NACHET_OPTIONAL", "NACHET_LIMITS", "max_content_length", 16777216,
                            "unit", "bytes", "NACHET_ORIGINS", 1, "https://nachet.example.org", 1));
    return json;
}

static bool seed_vault(struct lab *lab)
{
    struct kv_secret *plain;

    if (!vault_init(&lab->vault, lab->vault_token, sizeof(lab->vault_token)) ||
        !vault_secret_id_new(&lab->vault, lab->secret_id))
        return false;
    for (size_t i = 0; i < lab->world.count; i++) {
        const struct resource *endpoint = lab->world.endpoints[i];

        if (!kv_seed(&lab->vault, endpoint->copy_path,
                     copy_json(endpoint, endpoint == lab->world.first)))
            return false;
    }
    plain = kv_find_or_add(&lab->vault.mounts[1], text_of(lab->world.first->copy_path));
    return plain && (plain->plain = copy_json(lab->world.first, true));
}

static bool make_world(struct lab *lab, struct failure *why)
{
    size_t count = 0;
    char **names = files_endpoint_names(&lab->options, &count, why);
    bool is_good = names && world_init(&lab->world, names, count,
                                       lab->options.has_seed ? &lab->options.seed : NULL);

    if (names && !is_good)
        failure_out_of_memory(why);
    for (size_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
    return is_good;
}

static bool lab_start(struct lab *lab, struct failure *why)
{
    random_alphanumeric(lab->client_secret, sizeof(lab->client_secret));
    random_alphanumeric(lab->expired_secret, sizeof(lab->expired_secret));
    random_alphanumeric(lab->p12_password, sizeof(lab->p12_password));
    random_alphanumeric(lab->identity_header, sizeof(lab->identity_header));
    lab->world.log = activity_log_new(lab->options.activity_delay_ms);
    lab->rights = rights_new();
    lab->quota = quota_new();
    lab->modes.style = -1;
    lab->alerts = json_array();
    if (!lab->world.log || !lab->rights || !lab->quota || !lab->alerts ||
        !requests_init(&lab->requests) || !seed_vault(lab))
        return failure_out_of_memory(why);
    return recording_open(lab, why) && pki_init(&lab->pki, lab->p12_password, why) &&
           listen_all(lab, why) && files_write(lab, why);
}

static void lab_stop(struct lab *lab)
{
    if (lab->is_closing)
        return;
    lab->is_closing = true;
    exchanges_drop(lab);
    for (int i = 0; i < LISTENERS; i++) {
        if (lab->servers[i])
            server_close(lab->servers[i], NULL, NULL);
    }
    uv_close((uv_handle_t *)&lab->interrupt, NULL);
    uv_close((uv_handle_t *)&lab->terminate, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    lab_stop(handle->data);
}

static void lab_clear(struct lab *lab)
{
    arc_clear(lab);
    world_clear(&lab->world);
    rights_free(lab->rights);
    quota_free(lab->quota);
    vault_clear(&lab->vault);
    faults_clear(&lab->faults);
    requests_clear(&lab->requests);
    recording_close(lab);
    json_decref(lab->alerts);
    pki_clear(&lab->pki);
    options_clear(&lab->options);
}

static bool lab_run(struct lab *lab, struct failure *why)
{
    bool is_good;

    if (uv_loop_init(&lab->loop) != 0)
        return failure_set(why, FAILURE_INTERNAL, "the event loop cannot be made");
    uv_signal_init(&lab->loop, &lab->interrupt);
    uv_signal_init(&lab->loop, &lab->terminate);
    lab->interrupt.data = lab->terminate.data = lab;
    uv_signal_start(&lab->interrupt, on_signal, SIGINT);
    uv_signal_start(&lab->terminate, on_signal, SIGTERM);
    is_good = lab_start(lab, why);
    if (is_good) {
        puts("lab ready");
        fflush(stdout);
    } else {
        lab_stop(lab);
    }
    uv_run(&lab->loop, UV_RUN_DEFAULT);
    uv_loop_close(&lab->loop);
    return is_good;
}

int main(int argc, const char **argv)
{
    static struct lab lab; /* zeroed, and too large for comfort on the stack */
    struct failure why = {0};
    enum options_outcome outcome = options_read(&lab.options, argc, argv);
    int status = outcome == OPTIONS_WRONG ? 2 : 0;

    signal(SIGPIPE, SIG_IGN);
    if (outcome == OPTIONS_RUN) {
        if (!files_prepare(&lab.options, &why) || !make_world(&lab, &why))
            status = 2;
        else if (!lab_run(&lab, &why))
            status = 1;
        if (status)
            fprintf(stderr, "keydrift-lab: %s\n", why.text);
    }
    lab_clear(&lab);
    return status;
}
