/* SPDX-License-Identifier: Apache-2.0 */
/* `keydrift version`: this version, and the libraries as they are loaded, not as they were built
 * against. */
#include "agent/cli/output.h"

#include <curl/curl.h>
#include <libfyaml.h>
#include <libsmartcols.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <uv.h>

static json_t *libraries(void)
{
    const char *smartcols = NULL;

    scols_get_library_version(&smartcols);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "libcurl",
                     curl_version_info(CURLVERSION_NOW)->version, "libfyaml", fy_library_version(),
                     "libsmartcols", smartcols ? smartcols : "unknown", "libuv",
                     uv_version_string(), "jansson", jansson_version_str(), "openssl",
                     OpenSSL_version(OPENSSL_VERSION_STRING), "sqlite", sqlite3_libversion());
}

int command_version(struct cli *cli)
{
    json_t *document =
        json_pack("{s:s,s:o}", "version", KEYDRIFT_VERSION, "libraries", libraries());
    struct buffer out;
    const char *name;
    json_t *version;
    int code;

    buffer_init(&out, 65536);
    if (!document) {
        cli_error("out of memory");
        return EXIT_REFUSED;
    }
    if (cli->is_json) {
        code = cli_print_json(document, EXIT_DONE);
    } else {
        buffer_printf(&out, "keydrift %s\n", KEYDRIFT_VERSION);
        json_object_foreach (json_at(document, "libraries"), name, version)
            output_field(&out, name, text_of(json_string_value(version)));
        code = cli_print(&out, EXIT_DONE);
    }
    json_decref(document);
    return code;
}
