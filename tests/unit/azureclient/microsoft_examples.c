/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/microsoft_examples.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "net/json.h"
#include "tests/support/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 200

static struct {
    size_t root_size;
    char *files[FILES_MAX];
    size_t file_count;
} it;

/* Whether it is a part of another file that is there as a whole. */
static bool is_part(const char *path)
{
    const char *mark = strstr(path, ".subset.json");
    char whole[4096];

    snprintf(whole, sizeof(whole), "%.*s.json", mark ? (int)(mark - path) : 0, path);
    return mark && access(whole, R_OK) == 0;
}

static int on_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)place;
    if (type == FTW_F && text_ends_with(text_of(path), TEXT(".json")) &&
        !strstr(path, "/examples/") && !is_part(path) && it.file_count < FILES_MAX)
        it.files[it.file_count++] = text_copy(text_of(path));
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

/* "/subscriptions/{subscriptionId}/...": with names. */
static char *fill_in(const char *template, const json_t *parameters)
{
    struct text rest = text_of(template), part;
    struct buffer path;

    buffer_init(&path, 4096);
    text_split(&rest, '/', &part);
    while (text_split(&rest, '/', &part)) {
        if (text_is(part, "{subscriptionId}"))
            buffer_append_string(&path, "/00000000-1111-2222-3333-444444444444");
        else if (text_is(part, "{keyKind}"))
            buffer_printf(&path, "/%.*s", TEXT_ARG(json_text_at(parameters, "keyKind")));
        else if (text_starts_with(part, TEXT("{")))
            buffer_append_string(&path, "/name1");
        else
            buffer_printf(&path, "/%.*s", TEXT_ARG(part));
    }
    return buffer_take(&path);
}

static void each_of_operation(const char *file, const char *template, const json_t *operation,
                              void (*run)(const struct example *))
{
    const char *title;
    json_t *reference;

    json_object_foreach (json_object_get(operation, "x-ms-examples"), title, reference) {
        const char *name = json_string_value(json_object_get(reference, "$ref"));
        struct example example = {0};
        char path_of_file[4096], *path;
        json_t *json;

        if (strncmp(name, "./", 2) == 0)
            name += 2;
        snprintf(path_of_file, sizeof(path_of_file), "%.*s/%s", (int)(strrchr(file, '/') - file),
                 file, name);
        json = json_load_file(path_of_file, 0, NULL);
        if (!json) /* a file that is not among these */
            continue;
        example.file = path_of_file + it.root_size + 1;
        example.parameters = json_object_get(json, "parameters");
        example.responses = json_object_get(json, "responses");
        example.path = path = fill_in(template, example.parameters);
        run(&example);
        memory_free(path);
        json_decref(json);
    }
}

void examples_each(const char *method, void (*run)(const struct example *))
{
    for (size_t i = 0; i < it.file_count; i++) {
        json_t *json = json_load_file(it.files[i], 0, NULL), *item;
        const char *template;

        assert_non_null(json);
        json_object_foreach (json_object_get(json, "paths"), template, item) {
            each_of_operation(it.files[i], template, json_object_get(item, method), run);
        }
        json_decref(json);
    }
}

bool examples_open(const char *directory)
{
    it.root_size = strlen(directory);
    nftw(directory, on_file, 16, FTW_PHYS);
    qsort(it.files, it.file_count, sizeof(it.files[0]), by_name);
    return it.file_count > 0;
}

void examples_close(void)
{
    while (it.file_count)
        memory_free(it.files[--it.file_count]);
}
