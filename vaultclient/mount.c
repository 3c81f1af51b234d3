/* SPDX-License-Identifier: Apache-2.0 */
/* Which KV version a mount is. One question serves all who wait for its answer. */
#include "vaultclient/internal.h"

#include "base/memory.h"

#include <string.h>

static struct mount *find(struct vault_client *client, struct text name)
{
    struct mount *mount;

    LIST_FOREACH (mount, &client->mounts, link)
        if (text_is(name, mount->name))
            return mount;
    return NULL;
}

int vault_mount_version(struct vault_client *client, struct text name)
{
    const struct mount *mount = find(client, name);

    return mount ? mount->kv : 0;
}

static struct mount *find_or_add(struct vault_client *client, struct text name)
{
    struct mount *mount = find(client, name);

    if (mount)
        return mount;
    mount = memory_zeroed(1, sizeof *mount + name.size + 1);
    if (!mount)
        return NULL;
    memcpy(mount->name, name.start, name.size);
    mount->client = client;
    LIST_INIT(&mount->waits);
    LIST_INSERT_HEAD(&client->mounts, mount, link);
    return mount;
}

bool vault_mounts_init(struct vault_client *client, const struct vault_settings *settings,
                       struct failure *why)
{
    for (size_t i = 0; i < settings->mount_count; i++) {
        const struct vault_mount *given = &settings->mounts[i];
        struct vault_key key = {text_of(given->name), TEXT("-")};
        struct mount *mount;

        if (!vault_wire_check_key(key, why))
            return false;
        if (given->kv != 1 && given->kv != 2)
            return failure_set(why, FAILURE_INVALID,
                               "the mount \"%s\" is of KV version 1 or 2, not %d", given->name,
                               given->kv);
        mount = find_or_add(client, key.mount);
        if (!mount)
            return failure_out_of_memory(why);
        mount->kv = mount->configured = given->kv;
    }
    return true;
}

static void on_told(struct later *later)
{
    struct mount_wait *wait =
        (struct mount_wait *)((char *)later - offsetof(struct mount_wait, later));
    struct failure canceled;

    if (wait->is_canceled) {
        failure_set(&canceled, FAILURE_CANCELED, "canceled");
        wait->done(wait, 0, &canceled);
    } else if (wait->kv) {
        wait->done(wait, wait->kv, NULL);
    } else {
        wait->done(wait, 0, &wait->mount->failure);
    }
}

static void tell_later(struct mount_wait *wait)
{
    if (wait->is_waiting)
        LIST_REMOVE(wait, link);
    wait->is_waiting = false;
    wait->kv = wait->mount->kv;
    vault_later_set(&wait->client->laters, &wait->later, 0, on_told);
}

static void explain(struct mount *mount, const char *target, const struct http_answer *answer)
{
    vault_wire_explain(answer->status, answer->body, http_answer_retry_after_ms(answer), NULL,
                       &mount->failure);
    /* A namespace is missing: of the secret nothing is known. */
    if (mount->failure.kind == FAILURE_NOT_FOUND)
        mount->failure.kind = FAILURE_INVALID;
    vault_request_prefix(mount->client, "GET", target, &mount->failure);
}

static void write_target(const struct mount *mount, struct buffer *target)
{
    vault_wire_plain_target(target, "sys/internal/ui/mounts/", text_of(mount->name), "");
}

static void on_answer(const struct http_answer *answer, const struct failure *failure,
                      void *context)
{
    struct mount *mount = context;
    struct buffer target = {.limit = 8192};
    struct mount_wait *wait;

    mount->asking = NULL;
    mount->kv = 0;
    write_target(mount, &target);
    /* Without a token it was the log-in that was refused. */
    mount->may_not_ask = failure && failure->http_status == 403 && mount->client->token.value;
    if (mount->may_not_ask && mount->configured) {
        mount->kv = mount->configured;
    } else if (failure) {
        mount->failure = *failure;
        if (mount->may_not_ask)
            failure_set(&mount->failure, FAILURE_DENIED,
                        "%s; there is no mount \"%s\", or the token has no right below it, or may "
                        "not ask: then say which KV version the mount is",
                        failure->text, mount->name);
    } else if (answer->status != 200) {
        explain(mount, buffer_text(&target).start, answer);
    } else if (!vault_wire_mount(answer->body, text_of(mount->name), &mount->kv, &mount->failure)) {
        vault_request_prefix(mount->client, "GET", buffer_text(&target).start, &mount->failure);
    } else if (mount->configured && mount->kv != mount->configured) {
        failure_set(
            &mount->failure, FAILURE_INVALID,
            "the mount \"%s\" is set to KV version %d, and the server says it is version %d",
            mount->name, mount->configured, mount->kv);
        mount->kv = 0;
    }
    buffer_clear(&target);
    while ((wait = LIST_FIRST(&mount->waits)))
        tell_later(wait);
}

static bool ask(struct mount *mount, unsigned lane)
{
    struct buffer target = {.limit = 8192};
    struct request_plan plan = {
        .method = "GET",
        .retry = HTTP_RETRY_SAFE,
        .deadline = vault_now_ms() + mount->client->timeout_ms,
        .lane = lane,
    };

    write_target(mount, &target);
    plan.target = buffer_text(&target).start;
    if (buffer_ok(&target))
        mount->asking = vault_request_send(mount->client, &plan, on_answer, mount);
    buffer_clear(&target);
    return mount->asking != NULL;
}

bool vault_mount_learn(struct vault_client *client, struct text name, bool is_fresh, unsigned lane,
                       struct mount_wait *wait,
                       void (*done)(struct mount_wait *wait, int kv, const struct failure *failure))
{
    struct mount *mount = find_or_add(client, name);

    if (!mount)
        return false;
    wait->mount = mount;
    wait->client = client;
    wait->done = done;
    if (mount->kv && !is_fresh) {
        tell_later(wait);
        return true;
    }
    if (!mount->asking && !ask(mount, lane))
        return false;
    LIST_INSERT_HEAD(&mount->waits, wait, link);
    wait->is_waiting = true;
    return true;
}

void vault_mount_cancel(struct mount_wait *wait)
{
    wait->is_canceled = true;
    tell_later(wait);
}

void vault_mount_forget(struct vault_client *client, struct text name)
{
    struct mount *mount = find(client, name);

    if (mount)
        mount->kv = mount->may_not_ask ? mount->configured : 0;
}

void vault_mounts_free(struct vault_client *client)
{
    struct mount *mount;

    while ((mount = LIST_FIRST(&client->mounts))) {
        LIST_REMOVE(mount, link);
        memory_free(mount);
    }
}
