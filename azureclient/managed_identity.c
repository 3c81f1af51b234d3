/* SPDX-License-Identifier: Apache-2.0 */
/* Managed identity: something on this machine gives the token, and which thing that is, and how it
 * wants to be asked, is one row of a table. The rows stand in the order in which Microsoft's
 * libraries look for them. */
#include "azureclient/credential.h"
#include "azureclient/wire.h"
#include "base/memory.h"
#include "net/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define METADATA_PATH   "/metadata/identity/oauth2/token"
#define ARC_DIRECTORY   "/var/opt/azcmagent/tokens"
#define ARC_AGENT       "/opt/azcmagent/bin/himds"
#define CHALLENGE_LIMIT ((size_t)4096)

enum { BY_CLIENT_ID, BY_OBJECT_ID, BY_RESOURCE_ID, ID_NAMES };
static const char *const id_names[ID_NAMES] = {"client_id", "object_id", "identity_resource_id"};

struct identity_kind {
    const char *name;
    const char *version;
    const char *parameters[ID_NAMES]; /* for an identity assigned by a user; NULL: unknown there */
    const char *secret_header;
    bool says_metadata, is_form, is_challenged;
};

enum { SERVICE_FABRIC, APP_SERVICE, MACHINE_LEARNING, CLOUD_SHELL, ARC, IMDS };
static const struct identity_kind kinds[] = {
    [SERVICE_FABRIC] = {"Service Fabric", "2019-07-01-preview", .secret_header = "secret"},
    [APP_SERVICE] = {"App Service",
                     "2019-08-01",
                     {"client_id", "principal_id", "mi_res_id"},
                     "X-IDENTITY-HEADER"},
    [MACHINE_LEARNING] = {"Azure ML", "2017-09-01", {"clientid"}, "secret", .says_metadata = true},
    [CLOUD_SHELL] = {"Cloud Shell", .says_metadata = true, .is_form = true},
    [ARC] = {"Azure Arc",
             "2020-06-01",
             {"client_id", "object_id", "msi_res_id"},
             .says_metadata = true,
             .is_challenged = true},
    [IMDS] = {"IMDS",
              "2018-02-01",
              {"client_id", "object_id", "msi_res_id"},
              .says_metadata = true},
};

/* ---- which kind ------------------------------------------------------------------------------ */

static bool is_set(const char *string)
{
    return string && *string;
}

static size_t kind_of(const struct azure_credential *from)
{
    if (is_set(from->identity_endpoint) && from->identity_header)
        return is_set(from->identity_server_thumbprint) ? SERVICE_FABRIC : APP_SERVICE;
    if (is_set(from->msi_endpoint))
        return from->msi_secret ? MACHINE_LEARNING : CLOUD_SHELL;
    if (is_set(from->identity_endpoint) && is_set(from->imds_endpoint))
        return ARC;
    return !is_set(from->imds_url) && access(ARC_AGENT, F_OK) == 0 ? ARC : IMDS;
}

static const char *endpoint_of(const struct azure_credential *from, size_t kind)
{
    static const char arc[] = "http://127.0.0.1:40342" METADATA_PATH;

    switch (kind) {
    case MACHINE_LEARNING:
    case CLOUD_SHELL:
        return from->msi_endpoint;
    case ARC:
        return is_set(from->identity_endpoint) ? from->identity_endpoint : arc;
    case IMDS:
        return is_set(from->imds_url) ? from->imds_url : "http://169.254.169.254";
    default:
        return from->identity_endpoint;
    }
}

/* Of IMDS only the address is configured, perhaps with a path before the usual one. */
static bool set_place(struct credential *credential, const char *endpoint, bool is_imds,
                      struct failure *why)
{
    struct text origin, target, url = text_of(endpoint);

    while (url.size && url.start[url.size - 1] == '/')
        url.size--;
    if (!wire_split_url(url, &origin, &target) || text_contains_byte(target, '?'))
        return failure_set(why, FAILURE_INVALID,
                           "the address of the managed identity (%s) is not like "
                           "http://host[:port][/path]",
                           credential->identity->name);
    credential->identity_origin = text_copy(origin);
    credential->identity_path = memory_print("%.*s%s", TEXT_ARG(target),
                                             is_imds       ? METADATA_PATH
                                             : target.size ? ""
                                                           : "/");
    return (credential->identity_origin && credential->identity_path) || failure_out_of_memory(why);
}

/* The most exact id that is given: AZURE_CLIENT_ID may be there for another method. */
static bool set_id(struct credential *credential, const struct azure_credential *from,
                   struct failure *why)
{
    bool is_ml = credential->identity == &kinds[MACHINE_LEARNING];
    const char *client_id = is_set(from->client_id) ? from->client_id
                            : is_ml                 ? from->ml_client_id
                                                    : NULL;
    const char *const ids[ID_NAMES] = {client_id, from->object_id, from->identity_resource_id};
    size_t given = ID_NAMES;

    for (size_t i = 0; i < ID_NAMES; i++) {
        if (!is_set(ids[i]))
            continue;
        if (i == BY_RESOURCE_ID && given == BY_OBJECT_ID)
            return failure_set(why, FAILURE_INVALID,
                               "%s and %s are both set: a managed identity is named by one of them",
                               id_names[given], id_names[i]);
        given = i;
    }
    if (given == ID_NAMES)
        return true;
    credential->identity_is_unknown_there = !credential->identity->parameters[given];
    if (credential->identity_is_unknown_there)
        return true;
    credential->identity_parameter = memory_string(credential->identity->parameters[given]);
    credential->identity_id = memory_string(ids[given]);
    return (credential->identity_parameter && credential->identity_id) ||
           failure_out_of_memory(why);
}

bool managed_identity_init(struct credential *credential, const struct azure_credential *from,
                           struct failure *why)
{
    size_t kind = kind_of(from);
    const struct secret *secret =
        kind == MACHINE_LEARNING ? from->msi_secret : from->identity_header;

    if (credential->first > AZURE_CREDENTIAL_MANAGED_IDENTITY ||
        credential->end <= AZURE_CREDENTIAL_MANAGED_IDENTITY)
        return true;
    credential->identity = &kinds[kind];
    credential->arc_directory = ARC_DIRECTORY;
    if (!set_place(credential, endpoint_of(from, kind), kind == IMDS, why) ||
        !set_id(credential, from, why))
        return false;
    if (kinds[kind].secret_header && !(credential->identity_secret = secret_copy(secret)))
        return failure_out_of_memory(why);
    if (kind == SERVICE_FABRIC &&
        !(credential->identity_thumbprint = memory_string(from->identity_server_thumbprint)))
        return failure_out_of_memory(why);
    return true;
}

const char *managed_identity_lacks(const struct credential *credential)
{
    if (!credential->identity_is_unknown_there)
        return NULL;
    if (credential->identity == &kinds[MACHINE_LEARNING])
        return "a client id (Azure ML knows identities by no other id)";
    return credential->identity == &kinds[CLOUD_SHELL]
               ? "all ids left out (Cloud Shell has one identity only)"
               : "all ids left out (Service Fabric has one identity only)";
}

bool managed_identity_is_imds(const struct credential *credential)
{
    return credential->identity == &kinds[IMDS];
}

/* ---- the request ----------------------------------------------------------------------------- */

static void append_parameter(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, "%s%s=", out->size ? "&" : "", name);
    buffer_append_percent_encoded(out, text_of(value), false);
}

bool managed_identity_request(const struct credential *credential,
                              const struct token_occasion *occasion, struct token_request *ret,
                              struct failure *why)
{
    const struct identity_kind *kind = credential->identity;
    cleanup_with(buffer_clear) struct buffer query = {.limit = ret->target.limit};

    if (kind->version)
        append_parameter(&query, "api-version", kind->version);
    append_parameter(&query, "resource", credential->audience);
    if (credential->identity_id)
        append_parameter(&query, credential->identity_parameter, credential->identity_id);
    ret->method = kind->is_form ? "POST" : "GET";
    buffer_append_string(&ret->target, credential->identity_path);
    if (kind->is_form) {
        buffer_append(&ret->body, buffer_text(&query));
        token_request_header(ret, "Content-Type", TEXT("application/x-www-form-urlencoded"), NULL);
    } else {
        buffer_append_byte(&ret->target, '?');
        buffer_append(&ret->target, buffer_text(&query));
    }
    if (kind->says_metadata)
        token_request_header(ret, "Metadata", TEXT("true"), NULL);
    if (kind->secret_header || occasion->challenge) {
        ret->sent =
            secret_copy(kind->secret_header ? credential->identity_secret : occasion->challenge);
        if (!ret->sent)
            return failure_out_of_memory(why);
        if (kind->secret_header)
            token_request_header(ret, kind->secret_header, (struct text){0}, ret->sent);
        else
            token_request_header(ret, "Authorization", TEXT("Basic "), ret->sent);
    }
    return buffer_ok(&query) || failure_set(why, FAILURE_INVALID, "the token request is too large");
}

/* ---- Azure Arc's challenge ------------------------------------------------------------------- */

bool managed_identity_challenges(const struct credential *credential)
{
    return credential->identity->is_challenged;
}

/* Whoever answers on that port must not be able to make us send it any file it likes. */
static bool is_challenge_file(const char *directory, struct text path)
{
    size_t size = strlen(directory);
    struct text name = text_part(path, size + 1, path.size);

    return text_starts_with(path, text_of(directory)) && path.size > size &&
           path.start[size] == '/' && !text_contains_byte(name, '/') &&
           text_ends_with(name, TEXT(".key")) && name.size > sizeof(".key") - 1 &&
           text_is_printable(name);
}

static struct secret *read_challenge(const char *path, struct failure *why)
{
    cleanup_with(buffer_clear) struct buffer contents = {.limit = CHALLENGE_LIMIT};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct secret *secret = NULL;
    struct stat about;

    if (fd < 0) {
        failure_set(why, FAILURE_INVALID,
                    "cannot read Azure Arc's challenge %s: %s (are we in the group himds?)", path,
                    strerror(errno));
        return NULL;
    }
    if (fstat(fd, &about) || !S_ISREG(about.st_mode) || about.st_size > (off_t)CHALLENGE_LIMIT)
        failure_set(why, FAILURE_PROTOCOL,
                    "Azure Arc's challenge %s is not a file of at most 4096 bytes", path);
    else if (credential_read_open(fd, path, "challenge of Azure Arc", &contents, why) &&
             !(secret = secret_new(text_trim(buffer_text(&contents)))))
        failure_out_of_memory(why);
    close(fd);
    return secret;
}

struct secret *managed_identity_challenge(const struct credential *credential,
                                          struct text www_authenticate, struct failure *why)
{
    struct text mark = TEXT("Basic realm="), path;
    struct secret *secret;
    char *copy;

    path = text_trim(text_part(www_authenticate, mark.size, www_authenticate.size));
    if (path.size >= 2 && path.start[0] == '"' && path.start[path.size - 1] == '"')
        path = text_part(path, 1, path.size - 2);
    if (!text_starts_with_ignoring_case(www_authenticate, mark) ||
        !is_challenge_file(credential->arc_directory, path)) {
        failure_set(why, FAILURE_PROTOCOL,
                    "Azure Arc's challenge does not name a .key file in %s, so it is not followed",
                    credential->arc_directory);
        return NULL;
    }
    copy = text_copy(path);
    if (!copy) {
        failure_out_of_memory(why);
        return NULL;
    }
    secret = read_challenge(copy, why);
    memory_free(copy);
    return secret;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Azure Arc's older agents ignore the question and answer with the machine's own identity. */
bool managed_identity_is_asked_one(const struct credential *credential, struct text answer,
                                   struct failure *why)
{
    cleanup_with(json_clean) json_t *json = NULL;

    if (!credential->identity->is_challenged || !credential->identity_id)
        return true;
    json = json_read_object(answer, NULL);
    return text_equal_ignoring_case(json_text_at(json, credential->identity_parameter),
                                    text_of(credential->identity_id)) ||
           failure_set(why, FAILURE_PROTOCOL,
                       "it gave a token for another identity than the one asked for (%s)",
                       credential->identity_parameter);
}
