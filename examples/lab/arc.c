/* SPDX-License-Identifier: Apache-2.0 */
/* A connected server's challenge: who can read a file that only the right users can read, may have
 * a token. Each challenge makes a file of its own, which is good for one answer. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Relative to the lab's directory. */
static void file_name(const struct arc_challenge *challenge, char out[64])
{
    snprintf(out, 64, ARC_DIRECTORY "/%s.key", challenge->id);
}

static void forget(const struct lab *lab, struct arc_challenge *challenge)
{
    char name[64];
    char *path;

    if (!challenge->id[0])
        return;
    file_name(challenge, name);
    path = format_new("%s/%s", lab->options.directory, name);
    if (path)
        unlink(path);
    free(path);
    *challenge = (struct arc_challenge){0};
}

static void challenge_new(struct exchange *exchange)
{
    struct lab *lab = exchange->lab;
    struct arc_challenge *challenge = &lab->arc[lab->arc_next++ % ARC_CHALLENGES];
    struct server_header header = {TEXT("WWW-Authenticate"), {0}};
    struct failure why = {0};
    char *realm = NULL;
    char name[64];

    forget(lab, challenge);
    guid_new(challenge->id);
    random_alphanumeric(challenge->secret, sizeof(challenge->secret));
    file_name(challenge, name);
    if (files_put(lab, name, text_of(challenge->secret), 0600, &why))
        realm = format_new("Basic realm=%s/%s", lab->options.directory, name);
    header.value = text_of(realm);
    exchange_reply_json(
        exchange, realm ? 401 : 500, &header, realm ? 1 : 0,
        json_pack("{s:s, s:s}", "error", realm ? "unauthorized_client" : "server_error",
                  "error_description", realm ? "Missing Basic Authorization header" : why.text));
    free(realm);
}

bool arc_is_let_in(struct exchange *exchange)
{
    struct text given = server_header(exchange->request, "Authorization");
    const struct text scheme = TEXT("Basic ");

    if (!text_starts_with_ignoring_case(given, scheme)) {
        challenge_new(exchange);
        return false;
    }
    for (size_t i = 0; i < ARC_CHALLENGES; i++) {
        struct arc_challenge *challenge = &exchange->lab->arc[i];

        if (challenge->id[0] &&
            text_is(text_part(given, scheme.size, given.size), challenge->secret)) {
            forget(exchange->lab, challenge);
            return true;
        }
    }
    exchange_reply_json(exchange, 401, NULL, 0,
                        json_pack("{s:s, s:s}", "error", "unauthorized_client", "error_description",
                                  "Invalid Basic Authorization header"));
    return false;
}

void arc_clear(struct lab *lab)
{
    for (size_t i = 0; i < ARC_CHALLENGES; i++)
        forget(lab, &lab->arc[i]);
}
