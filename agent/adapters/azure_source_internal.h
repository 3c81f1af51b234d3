/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Azure source share: azure_source.c (listing, regenerating, asking who) and
 * azure_source_probe.c (a caller's call). */
#ifndef AGENT_ADAPTERS_AZURE_SOURCE_INTERNAL_H
#define AGENT_ADAPTERS_AZURE_SOURCE_INTERNAL_H

#include "agent/adapters/azure_source.h"

struct listing;

struct azure_source {
    struct key_source port; /* first */
    struct azure_client *client;
    struct fingerprinter *fingerprinter;
    struct clock *clock;
    const struct azure_key_kind *kind;
    char *id;
    unsigned lane;
    unsigned in_flight;      /* operations whose owners were not told yet */
    struct source_fact fact; /* the last answer; not known: none, or a regeneration came after */
    struct listing *listing; /* under way, and new waiters may join it */
    char *scoring_uri;       /* NULL: to be asked for */
    int64_t scoring_asked_at;
};

/* key_source->probe */
struct operation *azure_source_probe(struct key_source *self, const struct secret *key,
                                     struct text body, struct text content_type,
                                     source_probe_done *done, void *context);

#endif
