/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest of some words, or all of them when none is near. */
#include "agent/adapters/config_reader.h"

#include <stdio.h>

void hint_offer(struct hint *hint, const char *name)
{
    size_t distance = text_distance(hint->found, text_of(name));
    size_t room = sizeof(hint->known) - hint->size;
    int size = snprintf(hint->known + hint->size, room, "%s%s", hint->size ? ", " : "", name);

    if (size > 0 && (size_t)size < room)
        hint->size += (size_t)size;
    hint->known[hint->size] = '\0';
    if (!hint->nearest || distance < hint->distance) {
        hint->nearest = name;
        hint->distance = distance;
    }
}

const char *hint_text(struct hint *hint, char out[512])
{
    size_t near = hint->found.size <= 4 ? 1 : hint->found.size <= 8 ? 2 : 3;

    if (hint->nearest && hint->distance <= near)
        snprintf(out, 512, "; did you mean \"%s\"?", hint->nearest);
    else
        snprintf(out, 512, "; known here: %s", hint->known);
    return out;
}
