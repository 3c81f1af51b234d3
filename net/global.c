/* SPDX-License-Identifier: Apache-2.0 */
/* What must be said to the libraries once, before they are used. */
#include "net/alloc.h"
#include "net/http.h"
#include "net/json_memory.h"

#include <curl/curl.h>

bool net_global_init(struct failure *why)
{
    const curl_version_info_data *version;

    json_memory_begin();
    if (curl_global_init_mem(CURL_GLOBAL_ALL, wiping_malloc, wiping_free, wiping_realloc,
                             wiping_strdup, wiping_calloc) != CURLE_OK)
        return failure_set(why, FAILURE_INTERNAL, "libcurl cannot start");
    version = curl_version_info(CURLVERSION_NOW);
    if (!(version->features & CURL_VERSION_ASYNCHDNS))
        return failure_set(why, FAILURE_INTERNAL,
                           "this libcurl resolves names without letting go of the program");
    if (!(version->features & CURL_VERSION_SSL))
        return failure_set(why, FAILURE_INTERNAL, "this libcurl lacks TLS");
    return true;
}

void net_global_cleanup(void)
{
    curl_global_cleanup();
}
