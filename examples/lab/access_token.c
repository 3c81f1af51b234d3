/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens as Entra makes them, and what they say to whoever is shown one. */
#include "examples/lab/lab.h"

#include <stdio.h>
#include <strings.h>

/* What the client asked for in `claims`: that it understands challenges, and the challenge it
 * answers, which a real tenant would show by a token younger than the event behind it. */
static void add_asked_claims(json_t *claims, const json_t *asked)
{
    const json_t *capabilities = json_at(asked, "access_token.xms_cc.values"), *word;
    struct text answer = json_text_at(asked, "access_token.nbf.value");
    uint64_t after;
    size_t index;

    json_array_foreach (capabilities, index, word) {
        if (json_is_string(word) && strcasecmp(json_string_value(word), "cp1") == 0)
            json_object_set_new(claims, "xms_cc", json_pack("[s]", "CP1"));
    }
    if (text_parse_u64(answer, INT64_MAX, &after))
        json_object_set_new(claims, "lab_answers_challenge", json_integer((json_int_t)after));
}

char *access_token_issue(const struct pki *pki, const struct access_token_wish *wish)
{
    int64_t from = wish->is_expired ? wish->now_s - 7200 : wish->now_s;
    int64_t until = wish->is_expired ? wish->now_s - 3600 : wish->now_s + wish->lifetime_s;
    char id[GUID_SIZE];
    json_t *claims;

    guid_new(id);
    claims =
        json_pack("{s:s%, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "aud",
                  wish->audience.start, wish->audience.size, "iss", wish->issuer, "iat",
                  (json_int_t)from, "nbf", (json_int_t)(from - 300), "exp", (json_int_t)until,
                  "appid", wish->client_id, "appidacr", "1", "idtyp", "app", "oid", LAB_OBJECT_ID,
                  "sub", LAB_OBJECT_ID, "tid", LAB_TENANT, "uti", id, "ver", "1.0");
    if (claims)
        add_asked_claims(claims, wish->claims);
    return jwt_sign(pki->signer, pki->signer_id, claims);
}

bool access_token_read(const struct pki *pki, struct text token, struct token_claims *ret)
{
    struct token_claims found = {0};
    struct jwt jwt;

    if (!jwt_read(token, &jwt))
        return false;
    if (!jwt_is_signed_by(&jwt, pki->signer)) {
        jwt_clear(&jwt);
        return false;
    }
    snprintf(found.audience, sizeof(found.audience), "%.*s",
             TEXT_ARG(json_text_at(jwt.claims, "aud")));
    snprintf(found.client_id, sizeof(found.client_id), "%.*s",
             TEXT_ARG(json_text_at(jwt.claims, "appid")));
    snprintf(found.object_id, sizeof(found.object_id), "%.*s",
             TEXT_ARG(json_text_at(jwt.claims, "oid")));
    snprintf(found.tenant, sizeof(found.tenant), "%.*s", TEXT_ARG(json_text_at(jwt.claims, "tid")));
    found.not_before = json_integer_at(jwt.claims, "nbf", 0);
    found.expires_at = json_integer_at(jwt.claims, "exp", 0);
    found.answers_challenge = json_integer_at(jwt.claims, "lab_answers_challenge", 0);
    jwt_clear(&jwt);
    *ret = found;
    return true;
}

static bool is_arm(const struct lab *lab, struct text audience)
{
    static const char *const known[] = {
        "https://management.azure.com", "https://management.core.windows.net",
        "https://management.usgovcloudapi.net", "https://management.chinacloudapi.cn"};
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (text_equal_ignoring_case(audience, text_of(known[i])))
            return true;
    }
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char url[64];

        snprintf(url, sizeof(url), "https://%s:%u", hosts[i],
                 (unsigned)server_port(lab->servers[LISTENER_ARM]));
        if (text_equal_ignoring_case(audience, text_of(url)))
            return true;
    }
    return false;
}

static struct text without_slashes(struct text audience)
{
    while (text_ends_with(audience, TEXT("/")))
        audience.size--;
    return audience;
}

bool arm_audience_is_ours(const struct lab *lab, struct text audience)
{
    return is_arm(lab, without_slashes(audience));
}

bool audience_exists(const struct lab *lab, struct text audience)
{
    return arm_audience_is_ours(lab, audience) ||
           text_equal_ignoring_case(without_slashes(audience), TEXT("https://ml.azure.com"));
}
