/* SPDX-License-Identifier: Apache-2.0 */
/* The document by which a tool that was given nothing but Resource Manager's address learns the
 * rest of a cloud: GET /metadata/endpoints, for which nobody needs a token. */
#include "examples/lab/lab.h"

bool cloud_metadata_handle(struct exchange *exchange)
{
    struct text host = server_header(exchange->request, "Host");
    const struct lab *lab = exchange->lab;
    json_t *resource_manager;

    if (!text_equal_ignoring_case(text_of(exchange->path), TEXT("/metadata/endpoints")) ||
        !exchange_method_is(exchange, "GET"))
        return false;
    resource_manager = json_sprintf("https://%.*s", TEXT_ARG(host));
    arm_reply(exchange, 200, NULL, 0,
              json_pack("[{s:s, s:s, s:O, s:{s:o, s:[O, s], s:s, s:s}, s:{s:s, s:s}}]", "name",
                        "keydrift-lab", "portal", "https://portal.azure.com", "resourceManager",
                        resource_manager, "authentication", "loginEndpoint",
                        json_sprintf("https://127.0.0.1:%u",
                                     (unsigned)server_port(lab->servers[LISTENER_ENTRA])),
                        "audiences", resource_manager, "https://management.core.windows.net/",
                        "tenant", LAB_TENANT, "identityProvider", "AAD", "suffixes", "storage",
                        "core.windows.net", "keyVaultDns", "vault.azure.net"));
    json_decref(resource_manager);
    return true;
}
