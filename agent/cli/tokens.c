/* SPDX-License-Identifier: Apache-2.0 */
/* Approval tokens from the command line and from files. A token is public enough to be handed
 * around, but good for one execution: messages never repeat one. */
#include "agent/cli/cli.h"

#include "agent/ports/approvals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_LIMIT ((size_t)APPROVAL_MAX * (APPROVAL_TOKEN_LIMIT + 2))

static bool add(json_t *list, struct text token, const char *where)
{
    token = text_trim(token);
    if (!token.size)
        return true;
    if (token.size > APPROVAL_TOKEN_LIMIT || !text_is_printable(token) || !text_is_utf8(token)) {
        cli_error("%s holds something that is no approval token", where);
        return false;
    }
    return json_array_append_new(list, json_stringn(token.start, token.size)) == 0;
}

static bool read_stream(FILE *stream, const char *name, struct buffer *out)
{
    char part[4096];
    size_t size;

    while ((size = fread(part, 1, sizeof(part), stream)) > 0)
        buffer_append(out, (struct text){part, size});
    if (ferror(stream))
        cli_error("%s cannot be read: %s", name, strerror(errno));
    else if (!buffer_ok(out))
        cli_error("%s is too large for a file of approval tokens", name);
    return !ferror(stream) && buffer_ok(out);
}

static bool read_file(const char *name, struct buffer *out)
{
    bool is_stdin = strcmp(name, "-") == 0, is_read;
    FILE *stream = is_stdin ? stdin : fopen(name, "re");

    if (!stream) {
        cli_error("%s cannot be read: %s", name, strerror(errno));
        return false;
    }
    is_read = read_stream(stream, is_stdin ? "standard input" : name, out);
    if (!is_stdin)
        fclose(stream);
    return is_read;
}

static bool add_file(json_t *list, const char *name)
{
    size_t before = json_array_size(list);
    struct buffer content;
    struct text rest, line;
    bool is_good;

    buffer_init(&content, FILE_LIMIT);
    is_good = read_file(name, &content);
    rest = buffer_text(&content);
    while (is_good && text_split(&rest, '\n', &line))
        is_good = add(list, line, name);
    buffer_clear(&content);
    if (is_good && json_array_size(list) == before) {
        cli_error("%s holds no approval token", name);
        return false;
    }
    return is_good;
}

json_t *tokens_read(const char *const *tokens, const char *const *files)
{
    json_t *list = json_array();
    bool is_good = list != NULL;

    for (; is_good && tokens && *tokens; tokens++)
        is_good = add(list, text_of(*tokens), "--approval");
    for (; is_good && files && *files; files++)
        is_good = add_file(list, *files);
    if (is_good)
        return list;
    json_decref(list);
    return NULL;
}
