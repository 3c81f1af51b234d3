/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/azureclient/posture_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const seen[] = {"not seen", "no", "yes"};

static void put(char *out, size_t size, const char *format, ...) printf_like(3, 4);

static void put(char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out + used, size - used, format, arguments);
    va_end(arguments);
}

void posture_text(const struct azure_posture *posture, char *out, size_t size)
{
    const struct text not_seen[] = {posture->permissions_not_seen, posture->denials_not_seen,
                                    posture->assignments_not_seen};

    out[0] = '\0';
    put(out, size, "own %.*s: read %s, list %s, regenerate %s; others %s\n",
        TEXT_ARG(posture->own_id), seen[posture->may_read], seen[posture->may_list_keys],
        seen[posture->may_regenerate], seen[posture->others_may_regenerate]);
    for (size_t i = 0; i < posture->regenerator_count; i++) {
        const struct azure_regenerator *one = &posture->regenerators[i];

        put(out, size, "%.*s %.*s is %.*s at %.*s: granted %s, barred %s\n",
            TEXT_ARG(one->who.type), TEXT_ARG(one->who.id), TEXT_ARG(one->role),
            TEXT_ARG(one->scope), seen[one->is_granted], seen[one->is_barred]);
    }
    for (size_t i = 0; i < posture->denial_count; i++) {
        const struct azure_denial *one = &posture->denials[i];

        put(out, size, "%.*s at %.*s %sbars ", TEXT_ARG(one->name), TEXT_ARG(one->scope),
            one->has_condition ? "perhaps " : "");
        if (one->is_for_everyone)
            put(out, size, "everyone");
        else
            put(out, size, "%zu", one->principal_count);
        put(out, size, " but %zu\n", one->excluded_count);
    }
    for (size_t i = 0; i < sizeof(not_seen) / sizeof(not_seen[0]); i++)
        if (not_seen[i].size)
            put(out, size, "not seen: %.*s\n", TEXT_ARG(not_seen[i]));
}
