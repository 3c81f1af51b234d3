/* SPDX-License-Identifier: Apache-2.0 */
/* Values that name something outside the file: paths, addresses, sockets, places of secrets. A
 * value that might be a secret in the wrong place is never repeated in a message. */
#include "agent/adapters/config_reader.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PUBLIC_KEY_FILE_LIMIT 16384

char *path_below(struct reader *reader, struct text name)
{
    struct buffer path;
    char *kept;

    if (name.size && *name.start == '/')
        return keep(reader, name);
    while (text_starts_with(name, TEXT("./")))
        name = text_part(name, 2, name.size);
    buffer_init(&path, 8192);
    buffer_append_string(&path, reader->folder);
    if (!text_ends_with(buffer_text(&path), TEXT("/")))
        buffer_append_byte(&path, '/');
    buffer_append(&path, name);
    if (!buffer_ok(&path))
        report_out_of_memory(reader->report);
    kept = buffer_ok(&path) ? keep(reader, buffer_text(&path)) : NULL;
    buffer_clear(&path);
    return kept;
}

static bool need_path(struct reader *reader, const struct config_node *node, struct text *ret)
{
    if (!need_text(reader, node, "the path of a file", ret))
        return false;
    if (text_is_printable(*ret) && ret->size < 4096)
        return true;
    node_error(reader->report, node, "found %s, expected the path of a file",
               ret->size < 4096 ? "a text with control characters" : "a text of over 4095 bytes");
    return false;
}

/* A private key that others can read is none; where a container's group shares it, that is said. */
static void look_at_private_file(struct reader *reader, const struct config_node *node,
                                 const char *path)
{
    struct stat status;

    if (stat(path, &status) || !S_ISREG(status.st_mode))
        return;
    if (status.st_mode & (S_IRWXO | S_IWGRP))
        node_error(reader->report, node,
                   "the private key in %s is open to others (mode %04o): chmod 600", path,
                   status.st_mode & 07777u);
    else if (status.st_mode & S_IRGRP)
        node_warning(reader->report, node,
                     "the private key in %s is readable by its group (mode %04o)", path,
                     status.st_mode & 07777u);
}

static void look_at_secret_file(struct reader *reader, const struct config_node *node,
                                const char *path)
{
    struct stat status;

    if (!stat(path, &status) && S_ISREG(status.st_mode) && status.st_mode & S_IRWXO)
        node_warning(reader->report, node,
                     "the secret in %s is open to others (mode %04o): chmod 600", path,
                     status.st_mode & 07777u);
}

void read_path(struct reader *reader, const struct config_key *key, const struct config_node *node,
               char **ret)
{
    struct text text;

    if (!need_path(reader, node, &text))
        return;
    *ret = path_below(reader, text);
    if (*ret && key->flags & KEY_IS_PRIVATE)
        look_at_private_file(reader, node, *ret);
    if (*ret && key->flags & KEY_IS_SECRET)
        look_at_secret_file(reader, node, *ret);
}

/* What is wrong with an http or https URL; NULL when nothing is. */
static const char *url_fault(struct text text)
{
    size_t scheme = text_starts_with_ignoring_case(text, TEXT("https://"))  ? 8
                    : text_starts_with_ignoring_case(text, TEXT("http://")) ? 7
                                                                            : 0;
    struct text host = text_part(text, scheme, text.size);

    if (!scheme)
        return "expected an address that begins with https:// or http://";
    for (size_t i = 0; i < text.size; i++)
        if (text.start[i] == ' ' || text.start[i] == '"' || text.start[i] == '\\' ||
            (signed char)text.start[i] < 0)
            return "an address has no spaces, quotes, backslashes or letters beyond ASCII: encode "
                   "them as %XX";
    for (size_t i = 0; i < host.size; i++)
        if (memchr("/?#", host.start[i], 3))
            host.size = i;
    if (text_contains_byte(host, '@'))
        return "an address holds no user or password: a secret is never written here";
    if (!host.size || *host.start == ':')
        return "the address lacks its host";
    if (text_contains_byte(text, '#'))
        return "an address here has no part behind '#'";
    return NULL;
}

void read_url(struct reader *reader, const struct config_key *key, const struct config_node *node,
              char **ret)
{
    struct text text;
    const char *fault;

    if (!need_text(reader, node, "an address such as https://host:port", &text))
        return;
    if (!text_is_printable(text))
        fault = "an address has no control characters";
    else if (key->flags & KEY_UNIX_TOO && text_starts_with(text, TEXT("unix:///")))
        fault = NULL;
    else
        fault = url_fault(text);
    if (fault)
        node_error(reader->report, node, "%s", fault);
    else
        *ret = keep(reader, text);
}

void read_state(struct reader *reader, const struct config_node *node, char **ret)
{
    struct text text;

    if (!need_text(reader, node, "sqlite:PATH", &text))
        return;
    if (text_starts_with(text, TEXT("postgresql:")) || text_starts_with(text, TEXT("postgres:")))
        node_error(reader->report, node,
                   "not supported yet by this version: \"postgresql:\" (there is: sqlite:PATH)");
    else if (!text_starts_with(text, TEXT("sqlite:")) || text.size == 7 || !text_is_printable(text))
        node_error(reader->report, node, "found another text, expected sqlite:PATH");
    else
        *ret = path_below(reader, text_part(text, 7, text.size));
}

/* "127.0.0.1:8210", "[::1]:8210", "host:8210" */
static bool looks_like_tcp(struct text text)
{
    size_t at = text.size;
    uint64_t port;

    while (at && text.start[at - 1] != ':')
        at--;
    return at > 1 && text_parse_u64(text_part(text, at, text.size), 65535, &port);
}

void read_socket(struct reader *reader, const struct config_node *node, char **ret)
{
    struct text text;
    struct buffer whole;
    char *path;

    if (!need_text(reader, node, "unix:PATH", &text))
        return;
    if (!text_starts_with(text, TEXT("unix:")) || text.size == 5 || !text_is_printable(text)) {
        if (looks_like_tcp(text))
            node_error(reader->report, node,
                       "not supported yet by this version: a TCP address (there is: unix:PATH)");
        else
            node_error(reader->report, node, "found another text, expected unix:PATH");
        return;
    }
    path = path_below(reader, text_part(text, 5, text.size));
    if (!path)
        return;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        node_error(reader->report, node, "the path of a socket has at most %zu bytes, this has %zu",
                   sizeof(((struct sockaddr_un *)0)->sun_path) - 1, strlen(path));
        return;
    }
    buffer_init(&whole, 256);
    buffer_printf(&whole, "unix:%s", path);
    if (buffer_ok(&whole))
        *ret = keep(reader, buffer_text(&whole));
    else
        report_out_of_memory(reader->report);
    buffer_clear(&whole);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static bool is_variable_name(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!isascii(text.start[i]) || !(isalnum(text.start[i]) || text.start[i] == '_'))
            return false;
    return text.size && !isdigit(*text.start);
}

static void read_secret_place(struct reader *reader, const struct config_node *node,
                              struct config_secret *ret)
{
    struct text text;

    if (text_is(node->key, "file") && need_path(reader, node, &text)) {
        *ret = (struct config_secret){CONFIG_FILE, path_below(reader, text)};
        if (ret->name)
            look_at_secret_file(reader, node, ret->name);
    } else if (text_is(node->key, "env") &&
               need_text(reader, node, "the name of a variable", &text)) {
        if (is_variable_name(text))
            *ret = (struct config_secret){CONFIG_ENV, keep(reader, text)};
        else
            node_error(reader->report, node,
                       "the name of a variable has letters, digits and '_' only");
    } else if (text_is(node->key, "credential") &&
               need_text(reader, node, "the name of a credential", &text)) {
        if (!text_contains_byte(text, '/') && *text.start != '.' && text_is_printable(text))
            *ret = (struct config_secret){CONFIG_CREDENTIAL, keep(reader, text)};
        else
            node_error(reader->report, node,
                       "the name of a credential has no slash and does not begin with '.'");
    }
}

void read_secret(struct reader *reader, const struct config_node *node, struct config_secret *ret)
{
    static const char *const places[] = {"file", "env", "credential"};
    size_t known = 0;
    char found[NODE_FOUND_SIZE];

    if (node->kind == NODE_SCALAR && !node_is_null(node)) {
        node_error(reader->report, node,
                   "found a literal value: a secret is never written here: use { file: PATH }, "
                   "{ env: NAME } or { credential: NAME }");
        return;
    }
    if (node->kind != NODE_MAP) {
        node_error(reader->report, node,
                   "found %s, expected { file: PATH }, { env: NAME } or { credential: NAME }",
                   node_found(node, false, found));
        return;
    }
    for (const struct config_node *child = node->first; child; child = child->next) {
        struct hint hint = {.found = child->key};
        char text[512];
        size_t i = 0;

        while (i < 3 && !text_is(child->key, places[i]))
            hint_offer(&hint, places[i++]);
        if (i == 3)
            node_key_error(reader->report, child, "unknown key%s", hint_text(&hint, text));
        known += i < 3;
        if (i < 3 && child->kind != NODE_REFUSED)
            read_secret_place(reader, child, ret);
    }
    if (known != 1)
        node_error(reader->report, node, "a secret is in exactly one of file, env and credential");
}

/* ---- public keys ----------------------------------------------------------------------------- */

/* Not a secret, so an ordinary buffer will do. */
static const char *read_small_file(const char *path, struct buffer *out)
{
    char bytes[4096];
    ssize_t size = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return strerror(errno);
    while ((size = read(fd, bytes, sizeof(bytes))) > 0)
        if (!buffer_append(out, (struct text){bytes, (size_t)size}))
            break;
    close(fd);
    if (size < 0)
        return strerror(errno);
    return buffer_ok(out) ? NULL : "it is too large for a public key";
}

static void read_public_key_file(struct reader *reader, const struct config_node *node,
                                 uint8_t ret[32])
{
    struct text name;
    struct buffer content;
    const char *fault;
    char *path;

    if (!need_path(reader, node, &name) || !(path = path_below(reader, name)))
        return;
    buffer_init(&content, PUBLIC_KEY_FILE_LIMIT);
    fault = read_small_file(path, &content);
    if (fault)
        node_error(reader->report, node, "%s: %s", path, fault);
    else if ((fault = public_key_parse(buffer_text(&content), ret)))
        node_error(reader->report, node, "%s: %s", path, fault);
    buffer_clear(&content);
}

void read_public_key(struct reader *reader, const struct config_node *node, uint8_t ret[32])
{
    struct text text;
    const char *fault;

    if (node->kind == NODE_MAP) {
        const struct config_node *file = node_at(node, "file");

        for (const struct config_node *child = node->first; child; child = child->next)
            if (!text_is(child->key, "file"))
                node_key_error(reader->report, child, "unknown key; known here: file");
        if (!file)
            node_error(reader->report, node, "missing key \"file\"");
        else if (file->kind != NODE_REFUSED)
            read_public_key_file(reader, file, ret);
        return;
    }
    if (!need_text(reader, node, "an Ed25519 public key or { file: PATH }", &text))
        return;
    fault = public_key_parse(text, ret);
    if (fault)
        node_error(reader->report, node, "%s", fault);
}
