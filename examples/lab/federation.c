/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer of the lab's own, in the place of a Kubernetes cluster: it signs the tokens of a
 * service account that the client trusts (workload identity), and publishes its keys as such an
 * issuer must. */
#include "examples/lab/lab.h"

#include <stdio.h>

void federation_issuer(const struct lab *lab, char out[FEDERATION_ISSUER_SIZE])
{
    snprintf(out, FEDERATION_ISSUER_SIZE, "https://127.0.0.1:%u/federation",
             (unsigned)server_port(lab->servers[LISTENER_ENTRA]));
}

char *federation_token(const struct lab *lab, const struct federation_wish *wish)
{
    int64_t now = now_ms() / 1000;
    char issuer[FEDERATION_ISSUER_SIZE], id[GUID_SIZE];
    int64_t issued_at = wish->lifetime_s > 0 ? now : now + wish->lifetime_s - 3600;

    federation_issuer(lab, issuer);
    guid_new(id);
    return jwt_sign(lab->pki.federation, lab->pki.federation_id,
                    json_pack("{s:[s%], s:I, s:I, s:s, s:s, s:{s:s, s:{s:s}}, s:I, s:s%}", "aud",
                              wish->audience.start, wish->audience.size, "exp",
                              (json_int_t)(now + wish->lifetime_s), "iat", (json_int_t)issued_at,
                              "iss", issuer, "jti", id, "kubernetes.io", "namespace", "keydrift",
                              "serviceaccount", "name", "keydrift", "nbf", (json_int_t)issued_at,
                              "sub", wish->subject.start, wish->subject.size));
}

bool federation_handle(struct exchange *exchange, const struct segments *segments)
{
    const struct pki *pki = &exchange->lab->pki;
    char issuer[FEDERATION_ISSUER_SIZE];

    if (!segment_is(segments, 0, "federation"))
        return false;
    federation_issuer(exchange->lab, issuer);
    if (segments->count == 3 && segment_is(segments, 1, ".well-known") &&
        segment_is(segments, 2, "openid-configuration"))
        exchange_reply_json(exchange, 200, NULL, 0,
                            json_pack("{s:s, s:o, s:[s], s:[s], s:[s]}", "issuer", issuer,
                                      "jwks_uri", json_sprintf("%s/keys", issuer),
                                      "response_types_supported", "id_token",
                                      "subject_types_supported", "public",
                                      "id_token_signing_alg_values_supported", "RS256"));
    else if (segments->count == 2 && segment_is(segments, 1, "keys"))
        exchange_reply_json(
            exchange, 200, NULL, 0,
            json_pack("{s:[o]}", "keys", jwt_jwk(pki->federation, pki->federation_id)));
    else
        exchange_reply_text(exchange, 404, "");
    return true;
}
