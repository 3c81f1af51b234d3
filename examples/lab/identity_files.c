/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody needs to log in at the lab: secrets and certificates as files, and their names in
 * lab.json. */
#include "examples/lab/lab.h"

#include <stdlib.h>

#define FEDERATED_LIFETIME_S (30LL * 86400)

static bool federated_token_write(const struct lab *lab, struct failure *why)
{
    char *token = federation_token(lab, &(struct federation_wish){
                                            .subject = TEXT(FEDERATION_SUBJECT),
                                            .audience = TEXT(FEDERATION_AUDIENCE),
                                            .lifetime_s = FEDERATED_LIFETIME_S,
                                        });
    bool is_good = token && files_put(lab, "federated-token", text_of(token), 0600, why);

    if (!token)
        failure_out_of_memory(why);
    free(token);
    return is_good;
}

static bool shim_write(const struct lab *lab, struct failure *why)
{
    char *script = az_shim(lab);
    bool is_good = script && files_directory(lab, "bin", why) &&
                   files_put(lab, "bin/az", text_of(script), 0700, why);

    if (!script)
        failure_out_of_memory(why);
    free(script);
    return is_good;
}

bool identity_files_write(const struct lab *lab, struct failure *why)
{
    const struct pki *pki = &lab->pki;

    return files_put(lab, "client.pem", text_of(pki->client_pem), 0600, why) &&
           files_put(lab, "client.p12", buffer_text(&pki->client_p12), 0600, why) &&
           files_put(lab, "client-named.pem", text_of(pki->named_client_pem), 0600, why) &&
           files_put(lab, "client-secret", text_of(lab->client_secret), 0600, why) &&
           federated_token_write(lab, why) && files_directory(lab, ARC_DIRECTORY, why) &&
           shim_write(lab, why);
}

static json_t *path_of(const struct lab *lab, const char *name)
{
    return json_sprintf("%s/%s", lab->options.directory, name);
}

/* The endpoints of managed identities. */
static void endpoint_facts(const struct lab *lab, json_t *json)
{
    unsigned plain = server_port(lab->servers[LISTENER_IMDS]);
    unsigned tls = server_port(lab->servers[LISTENER_FABRIC]);
    const char *header = lab->identity_header;

    json_object_update_new(
        json,
        json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "object_id",
                  LAB_OBJECT_ID, "managed_identity_id", LAB_IDENTITY_ID, "app_service_url",
                  json_sprintf("http://127.0.0.1:%u/msi/token", plain), "app_service_header",
                  header, "azure_ml_url", json_sprintf("http://127.0.0.1:%u/azureml/token", plain),
                  "azure_ml_secret", header, "cloud_shell_url",
                  json_sprintf("http://127.0.0.1:%u/cloudshell/token", plain), "service_fabric_url",
                  json_sprintf("https://127.0.0.1:%u/fabric/token", tls), "service_fabric_header",
                  header, "service_fabric_thumbprint", lab->pki.server_thumbprint, "arc_url",
                  json_sprintf("http://127.0.0.1:%u/arc/metadata/identity/oauth2/token", plain),
                  "arc_directory", path_of(lab, ARC_DIRECTORY), "az_directory",
                  path_of(lab, "bin")));
}

void identity_facts(const struct lab *lab, json_t *json)
{
    char issuer[FEDERATION_ISSUER_SIZE];

    federation_issuer(lab, issuer);
    json_object_update_new(
        json, json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "client_id", LAB_CLIENT_ID,
                        "client_secret", lab->client_secret, "expired_client_secret",
                        lab->expired_secret, "client_cert_file", path_of(lab, "client.pem"),
                        "client_p12_file", path_of(lab, "client.p12"), "client_p12_password",
                        lab->p12_password, "client_named_cert_file",
                        path_of(lab, "client-named.pem"), "federated_token_file",
                        path_of(lab, "federated-token"), "federation_issuer", issuer));
    endpoint_facts(lab, json);
}
