/* SPDX-License-Identifier: Apache-2.0 */
/* The token's life. One log-in serves everybody who waits; a renewal or a new log-in comes at about
 * two thirds of the lease; and nothing here can make a loop that is hot or one that locks the role:
 *
 *   - only a 200 with a lease is a renewal. Whatever else the server says, the next step is a
 * log-in;
 *   - a lease that came back less than half as long as the first ends at its maximum: log in next
 * time;
 *   - a refused log-in is followed by 1, 5, then 20 minutes of silence (the server forgets failures
 * after 15 and locks the role at the fifth), unless the credential in its file has changed
 * meanwhile. */
#include "net/retry.h"
#include "vaultclient/internal.h"

#include <string.h>

static void on_chore(struct later *later);

static bool file_was_replaced(struct vault_client *client)
{
    struct token *token = &client->token;
    const char *file = vault_account_token_file(&client->account);
    struct stat now;

    if (!file || vault_now_ms() - token->looked_at < 1000)
        return false;
    token->looked_at = vault_now_ms();
    if (stat(file, &now) != 0)
        return false;
    return now.st_ino != token->file_inode ||
           memcmp(&now.st_mtim, &token->file_time, sizeof now.st_mtim) != 0;
}

static void note_file(struct vault_client *client)
{
    const char *file = vault_account_token_file(&client->account);
    struct stat now;

    if (!file || stat(file, &now) != 0)
        return;
    client->token.file_inode = now.st_ino;
    client->token.file_time = now.st_mtim;
}

static void drop(struct token *token, struct laters *laters)
{
    token->value = secret_free(token->value);
    vault_later_clear(laters, &token->chore);
    vault_request_cancel(token->renewal);
}

static void begin_login(struct vault_client *client)
{
    struct failure why;

    /* Before it is read: a file replaced in between then counts as replaced. */
    note_file(client);
    if (!vault_login_start(client, &why))
        vault_token_login_failed(client, false, &why);
}

/* Refused or failed lately, and nothing has changed since. */
static bool must_keep_silent(struct vault_client *client)
{
    struct token *token = &client->token;

    if (vault_now_ms() >= token->not_before)
        return false;
    if (token->refusals == 0 || token->refusals > 3 || vault_now_ms() - token->looked_at < 1000)
        return true;
    token->looked_at = vault_now_ms();
    return !vault_account_has_news(&client->account);
}

static bool can_login(const struct vault_client *client)
{
    return vault_account_can_login(&client->account);
}

/* Its time is over, or all its uses but the last: with that one the server forgets the token before
 * it does what was asked, if that is about the token itself. Not even to give it back: requests may
 * be under way with the others. */
static bool is_used_up(const struct vault_client *client)
{
    const struct token *token = &client->token;

    return (token->expires_at && vault_now_ms() >= token->expires_at) ||
           (token->is_limited && token->uses_left <= token->uses_kept && can_login(client));
}

enum token_answer vault_token_need(struct vault_client *client, struct failure *why)
{
    struct token *token = &client->token;

    if (file_was_replaced(client)) {
        drop(token, &client->laters);
        token->not_before = 0;
    }
    if (token->value && is_used_up(client))
        drop(token, &client->laters);
    if (token->value)
        return TOKEN_READY;
    if (token->login)
        return TOKEN_SOON;
    if (must_keep_silent(client)) {
        *why = token->failure;
        return TOKEN_REFUSED;
    }
    begin_login(client);
    if (token->login)
        return TOKEN_SOON;
    *why = token->failure;
    return TOKEN_REFUSED;
}

void vault_token_spend(struct vault_client *client, unsigned generation, unsigned times)
{
    struct token *token = &client->token;

    if (token->is_limited && token->generation == generation)
        token->uses_left -= times < token->uses_left ? times : token->uses_left;
}

/* ---- renewal --------------------------------------------------------------------------------- */

static void set_chore(struct vault_client *client, uint64_t delay_ms, bool is_login)
{
    client->token.chore_is_login = is_login;
    vault_later_set(&client->laters, &client->token.chore, delay_ms < 1000 ? 1000 : delay_ms,
                    on_chore);
}

/* At 65 to 70 % of the lease, so that many clients do not come at once. */
static uint64_t two_thirds(uint64_t lease_ms)
{
    return lease_ms * (650 + jitter_random() % 51) / 1000;
}

static void plan_chore(struct vault_client *client, uint64_t lease_ms)
{
    struct token *token = &client->token;
    bool is_ending = !token->is_renewable || lease_ms <= token->longest_lease_ms / 2;

    if (lease_ms > token->longest_lease_ms)
        token->longest_lease_ms = lease_ms;
    token->expires_at = lease_ms ? vault_now_ms() + lease_ms : 0;
    if (lease_ms && (can_login(client) || !is_ending))
        set_chore(client, two_thirds(lease_ms), is_ending);
}

static void on_renewed(const struct http_answer *answer, const struct failure *failure,
                       void *context)
{
    static const struct backoff backoff = {.base_ms = 2000, .cap_ms = 60000};
    struct vault_client *client = context;
    struct token *token = &client->token;
    uint64_t lease_ms = answer ? vault_wire_renewed_ms(answer->status, answer->body) : 0;
    bool is_temporary = failure || answer->status == 429 || answer->status > 500;

    token->renewal = NULL;
    /* Canceled: the token it was for is gone. */
    if ((failure && failure->kind == FAILURE_CANCELED) || !token->value || token->login)
        return;
    if (lease_ms) {
        token->renewal_faults = 0;
        plan_chore(client, lease_ms);
    } else if (is_temporary) {
        set_chore(client,
                  backoff_pause_ms(&backoff, ++token->renewal_faults, 1000, 1000, jitter_random()),
                  false);
    } else if (can_login(client)) {
        set_chore(client, 0, true);
    }
}

static void renew(struct vault_client *client)
{
    struct request_plan plan = {
        .method = "POST",
        .target = "/v1/auth/token/renew-self",
        .token = client->token.value,
        .retry = HTTP_RETRY_UNSENT,
        .deadline = vault_now_ms() + client->timeout_ms,
    };

    client->token.renewal = vault_request_send(client, &plan, on_renewed, client);
    if (client->token.renewal)
        vault_token_spend(client, client->token.generation, 1);
    else
        set_chore(client, 60000, false);
}

static void on_chore(struct later *later)
{
    struct vault_client *client =
        (struct vault_client *)((char *)later - offsetof(struct vault_client, token.chore));
    struct token *token = &client->token;

    if (client->is_closing || !token->value || token->login || token->renewal)
        return;
    if (!token->chore_is_login)
        renew(client);
    else if (vault_now_ms() < token->not_before)
        set_chore(client, token->not_before - vault_now_ms(), true);
    else
        begin_login(client);
}

/* ---- log-ins --------------------------------------------------------------------------------- */

static void on_retired(const struct http_answer *answer, const struct failure *failure,
                       void *context)
{
    /* Otherwise it ends with its lease, which is soon. */
    (void)answer;
    (void)failure;
    (void)context;
}

/* Makes room for `next`. A token of ours is not left lying about. Requests that are under way with
 * it are sent again with the next one. */
static void retire(struct vault_client *client, const struct secret *next)
{
    const struct token *token = &client->token;
    struct request_plan plan = {
        .method = "POST",
        .target = "/v1/auth/token/revoke-self",
        .token = token->value,
        .retry = HTTP_RETRY_NEVER,
        .deadline = vault_now_ms() + client->timeout_ms,
    };

    bool is_spent = token->is_limited && token->uses_left == 0;

    if (token->value && token->is_ours && !is_spent && !secret_equal(token->value, next))
        (void)vault_request_send(client, &plan, on_retired, client);
    drop(&client->token, &client->laters);
}

void vault_token_logged_in(struct vault_client *client, const struct wire_token *given)
{
    struct token *token = &client->token;

    retire(client, given->value);
    token->login = NULL;
    token->value = given->value;
    token->generation++;
    token->is_ours = can_login(client) && !given->is_batch;
    token->is_renewable = given->is_renewable && !given->is_batch;
    token->is_limited = given->uses != 0;
    token->uses_left = given->uses;
    token->uses_kept = given->uses > 1;
    token->is_proved = !can_login(client); /* a given one was looked up */
    token->born_at = vault_now_ms();
    token->longest_lease_ms = 0;
    token->judged_at = 0;
    token->renewal_faults = 0;
    token->refusals = 0;
    token->faults = 0;
    token->not_before = 0;
    /* A batch token's lease counts from the full second before it was made. */
    plan_chore(client, given->is_batch && given->lease_ms > 1000 ? given->lease_ms - 1000
                                                                 : given->lease_ms);
    vault_requests_go_on(client);
}

unsigned vault_token_silence_minutes(const struct vault_client *client)
{
    static const unsigned minutes[] = {1, 5, 20};

    return minutes[client->token.refusals > 2 ? 2 : client->token.refusals];
}

/* For whoever waits with a read or write nothing is open: nothing of theirs was sent. */
static void forget_doubt(struct failure *failure)
{
    char *doubt = strstr(failure->text, HTTP_DOUBT);

    failure->kind = FAILURE_NETWORK;
    if (doubt)
        memmove(doubt, doubt + strlen(HTTP_DOUBT), strlen(doubt + strlen(HTTP_DOUBT)) + 1);
}

void vault_token_login_failed(struct vault_client *client, bool is_refusal,
                              const struct failure *failure)
{
    static const struct backoff backoff = {.base_ms = 1000, .cap_ms = 60000};
    struct token *token = &client->token;
    uint64_t pause_ms;

    token->login = NULL;
    token->failure = *failure;
    if (token->failure.kind == FAILURE_AMBIGUOUS)
        forget_doubt(&token->failure);
    if (is_refusal && can_login(client)) {
        pause_ms = vault_token_silence_minutes(client) * 60000 - jitter_random() % 5000;
        token->refusals++;
    } else {
        pause_ms = backoff_pause_ms(&backoff, ++token->faults, failure->retry_after_ms, 60000,
                                    jitter_random());
    }
    token->not_before = vault_now_ms() + pause_ms;
    if (client->is_closing)
        return;
    if (token->value)
        set_chore(client, pause_ms, true);
    vault_requests_go_on(client);
}

/* ---- doubts ---------------------------------------------------------------------------------- */

#define LOOKUP_TARGET "/v1/auth/token/lookup-self"

/* Nobody will take the next one either. One that no request was ever made with successfully comes
 * from a log-in that binds it to addresses which this machine has not. */
static void keep_silent(struct vault_client *client, const struct http_answer *answer)
{
    static const struct backoff short_lived = {.base_ms = 1000, .cap_ms = 60000},
                                never_taken = {.base_ms = 1000, .cap_ms = 1200000};
    struct buffer subject = {.limit = 256};
    struct token *token = &client->token;
    struct failure *why = &token->failure;

    token->not_before =
        vault_now_ms() + backoff_pause_ms(token->is_proved ? &short_lived : &never_taken,
                                          ++token->young_deaths, 1000, 1000, jitter_random());
    vault_login_name_subject(client, &subject);
    vault_wire_explain(answer->status, answer->body, 0, token->value, why);
    if (token->is_proved)
        failure_set(why, FAILURE_DENIED, "%s: the token was valid for a moment only", why->text);
    else
        failure_set(why, FAILURE_DENIED,
                    "%.180s: the log-in%.*s at auth/%s succeeds, but the token it gives is refused "
                    "at once: this machine's address is probably not among the token_bound_cidrs",
                    why->text, TEXT_ARG(buffer_text(&subject)), client->account.mount);
    buffer_clear(&subject);
    why->http_status = answer->status;
    vault_request_prefix(client, "GET", LOOKUP_TARGET, why);
}

/* `answer` is the one that called it dead. */
static void bury(struct vault_client *client, const struct http_answer *answer)
{
    struct token *token = &client->token;
    bool is_young = vault_now_ms() - token->born_at < 2000;

    if (token->is_proved && !is_young)
        token->young_deaths = 0;
    else if (is_young || token->young_deaths)
        keep_silent(client, answer);
    else
        token->young_deaths = 1; /* revoked before its first use, or never to be used */
    drop(token, &client->laters);
}

void vault_token_proved(struct vault_client *client, unsigned generation)
{
    if (client->token.generation == generation)
        client->token.is_proved = true;
}

static void on_looked_up(const struct http_answer *answer, const struct failure *failure,
                         void *context)
{
    struct vault_client *client = context;
    enum token_health health = TOKEN_UNCLEAR;

    client->token.lookup = NULL;
    if (!failure && answer->status == 200)
        health = TOKEN_ALIVE;
    else if (!failure && answer->status == 403 && vault_wire_says_token_is_dead(answer->body))
        health = TOKEN_DEAD;
    if (client->token.generation != client->token.doubted) {
        vault_requests_judge(client, TOKEN_DEAD); /* and replaced meanwhile */
        return;
    }
    client->token.verdict = health;
    if (health == TOKEN_ALIVE)
        client->token.is_proved = true;
    if (!failure && answer->status < 500 && answer->status != 429)
        client->token.judged_at = vault_now_ms();
    if (health == TOKEN_DEAD)
        bury(client, answer);
    vault_requests_judge(client, health);
}

/* Has the server said of late what it thinks of this token? Its refusal by a policy proves that it
 * knows the token; any other may be the first after a revocation. */
static bool has_verdict(const struct token *token, bool says_dead)
{
    return !token->lookup && token->judged_at &&
           vault_now_ms() - token->judged_at < (says_dead ? 1000 : 300000);
}

bool vault_token_doubt(struct vault_client *client, unsigned generation, bool says_dead,
                       uint64_t deadline)
{
    struct token *token = &client->token;
    struct request_plan plan = {
        .method = "GET",
        .target = LOOKUP_TARGET,
        .token = token->value,
        .retry = HTTP_RETRY_SAFE,
        .deadline = deadline,
        .is_decisive = true, /* a standby may not have heard of it */
    };

    if (token->generation != generation || !token->value)
        return false;
    if (has_verdict(token, says_dead)) {
        vault_requests_judge(client, token->verdict);
        return true;
    }
    if (!token->lookup) {
        token->doubted = generation;
        token->lookup = vault_request_send(client, &plan, on_looked_up, client);
        vault_token_spend(client, generation, 1);
    }
    if (!token->lookup)
        vault_requests_judge(client, TOKEN_UNCLEAR);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

void vault_token_close(struct vault_client *client)
{
    drop(&client->token, &client->laters);
}
