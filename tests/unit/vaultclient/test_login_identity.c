/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens to log in with that somebody else fetches, at each log-in and while the client closes. */
#include "tests/unit/vaultclient/scene.h"

#include <string.h>

/* ---- identities that are fetched ---------------------------------------------------------------
 */

struct fetcher {
    struct operation operation; /* first */
    uv_timer_t timer;
    vault_identity_done *done;
    void *context;
    const char *token; /* NULL: fails; "": never comes */
    unsigned asked, canceled;
    bool is_busy;
};

static void on_fetched(uv_timer_t *timer)
{
    struct fetcher *fetcher = timer->data;
    struct secret *token = fetcher->token ? secret_new(text_of(fetcher->token)) : NULL;
    struct failure why = {0};

    fetcher->is_busy = false;
    if (!token)
        failure_set(&why, FAILURE_DENIED, "no identity is assigned");
    fetcher->done(token, token ? NULL : &why, fetcher->context);
    secret_free(token);
}

static void on_canceled(uv_timer_t *timer)
{
    struct fetcher *fetcher = timer->data;
    struct failure why;

    fetcher->is_busy = false;
    failure_set(&why, FAILURE_CANCELED, "canceled");
    fetcher->done(NULL, &why, fetcher->context);
}

static void cancel(struct operation *operation)
{
    struct fetcher *fetcher = (struct fetcher *)operation;

    fetcher->canceled++;
    uv_timer_start(&fetcher->timer, on_canceled, 5, 0);
}

static struct operation *fetch(void *owner, vault_identity_done *done, void *context)
{
    struct fetcher *fetcher = owner;

    assert_false(fetcher->is_busy);
    fetcher->is_busy = true;
    fetcher->asked++;
    fetcher->done = done;
    fetcher->context = context;
    fetcher->operation.cancel = cancel;
    if (!fetcher->token || *fetcher->token)
        uv_timer_start(&fetcher->timer, on_fetched, 5, 0);
    return &fetcher->operation;
}

static struct scene *scene_with_fetcher(struct fetcher *fetcher, uint32_t timeout_ms)
{
    struct scene *scene = scene_open();
    struct vault_auth auth = {
        .method = VAULT_AUTH_AZURE, .role = "vm", .identity = {fetch, fetcher}};

    uv_timer_init(&scene->loop, &fetcher->timer);
    fetcher->timer.data = fetcher;
    scene_begin_login(scene, &auth, timeout_ms);
    return scene;
}

static void close_with_fetcher(struct scene *scene, struct fetcher *fetcher)
{
    vault_shut(&scene->loop, scene->client, 200);
    scene->client = NULL;
    assert_false(fetcher->is_busy);
    uv_close((uv_handle_t *)&fetcher->timer, NULL);
    scene_close(scene);
}

#define AZURE "/v1/auth/azure/login"

TEST(an_identitys_token_is_fetched_for_each_login)
{
    struct fetcher fetcher = {.token = "first.managed.token"};
    struct scene *scene = scene_with_fetcher(&fetcher, 5000);
    struct vault_outcome outcome;

    LOOPBACK_SCRIPT(scene->server, AZURE, LOGIN("s.one", "1"), LOGIN("s.two", "1200"));
    LOOPBACK_SCRIPT(scene->server, "/v1/auth/token/renew-self", SAYS("204", ""));
    outcome = scene_look(scene);
    expect_kind(&outcome, FAILURE_NONE, "");
    fetcher.token = "second.managed.token";
    outcome = scene_look_until(scene, "POST " AZURE, 2);
    expect_kind(&outcome, FAILURE_NONE, "");
    assert_int_equal(fetcher.asked, 2);
    assert_non_null(strstr(scene_request(scene, "POST " AZURE, 1),
                           "{\"role\":\"vm\",\"jwt\":\"second.managed.token\"}"));
    close_with_fetcher(scene, &fetcher);
}

TEST(an_identity_that_cannot_be_had_says_why_and_nothing_is_sent)
{
    static const struct {
        const char *token, *part;
        enum failure_kind kind;
    } cases[] = {
        {NULL, "auth/azure with: no identity is assigned", FAILURE_DENIED},
        {"two words", "auth/azure with: the managed identity token holds a blank", FAILURE_INVALID},
    };

    for (size_t i = 0; i < 2; i++) {
        struct fetcher fetcher = {.token = cases[i].token};
        struct scene *scene = scene_with_fetcher(&fetcher, 5000);
        struct vault_outcome outcome = scene_look(scene);

        expect_kind(&outcome, cases[i].kind, cases[i].part);
        assert_int_equal(scene_count(scene, "POST "), 0);
        /* Nothing was refused by the server: tried again after seconds, not minutes. */
        LOOPBACK_SCRIPT(scene->server, AZURE, LOGIN("s.one", "1200"));
        fetcher.token = "good.managed.token";
        outcome = scene_look_until(scene, "POST " AZURE, 1);
        expect_kind(&outcome, FAILURE_NONE, "");
        close_with_fetcher(scene, &fetcher);
    }
}

/* The second to wait still has time when the fetch is given up, so it hears of that. */
TEST(an_identity_that_never_comes_is_given_up)
{
    struct fetcher fetcher = {.token = ""};
    struct scene *scene = scene_with_fetcher(&fetcher, 1000);
    struct vault_outcome first = {0}, second = {0};

    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, &first));
    vault_idle(&scene->loop, 200);
    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("kv1:a"), 0, vault_on_metadata, &second));
    vault_wait(&scene->loop, &first);
    vault_wait(&scene->loop, &second);
    expect_kind(&first, FAILURE_TIMEOUT, "");
    expect_kind(&second, FAILURE_TIMEOUT, "");
    assert_true(fetcher.canceled >= 1);
    close_with_fetcher(scene, &fetcher);
}

TEST(closing_waits_for_an_identity_that_is_under_way)
{
    struct fetcher fetcher = {.token = ""};
    struct scene *scene = scene_with_fetcher(&fetcher, 60000);
    struct vault_outcome outcome = {0};

    assert_non_null(
        vault_read_metadata(scene->client, vault_key_of("a"), 0, vault_on_metadata, &outcome));
    while (!fetcher.is_busy)
        vault_idle(&scene->loop, 1);
    vault_shut(&scene->loop, scene->client, 200);
    scene->client = NULL;
    assert_false(fetcher.is_busy);
    assert_int_equal(fetcher.canceled, 1);
    expect_kind(&outcome, FAILURE_CANCELED, "");
    uv_close((uv_handle_t *)&fetcher.timer, NULL);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(an_identitys_token_is_fetched_for_each_login),
               CASE(an_identity_that_cannot_be_had_says_why_and_nothing_is_sent),
               CASE(an_identity_that_never_comes_is_given_up),
               CASE(closing_waits_for_an_identity_that_is_under_way));
}
