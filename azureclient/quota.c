/* SPDX-License-Identifier: Apache-2.0 */
/* How many more calls Azure Resource Manager says it will take. */
#include "azureclient/client.h"
#include "azureclient/key_kinds.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "x-ms-ratelimit-remaining-"

static const struct {
    const char *header;
    size_t offset;
} counts[] = {
    {PREFIX "subscription-reads", offsetof(struct azure_quota, reads)},
    {PREFIX "subscription-writes", offsetof(struct azure_quota, writes)},
    {PREFIX "subscription-deletes", offsetof(struct azure_quota, deletes)},
    {PREFIX "subscription-global-reads", offsetof(struct azure_quota, global_reads)},
    {PREFIX "subscription-global-writes", offsetof(struct azure_quota, global_writes)},
    {PREFIX "subscription-global-deletes", offsetof(struct azure_quota, global_deletes)},
    {PREFIX "tenant-reads", offsetof(struct azure_quota, tenant_reads)},
    {PREFIX "tenant-writes", offsetof(struct azure_quota, tenant_writes)},
};

static struct azure_quota nothing_said(void)
{
    return (struct azure_quota){0, -1, -1, -1, -1, -1, -1, -1, -1, -1};
}

/* "Microsoft.Compute/HighCostGet3Min;139,Microsoft.Compute/HighCostGet30Min;697": the least. */
static int64_t least_of(struct text list)
{
    struct text item, count;
    int64_t least = -1;
    uint64_t found;

    while (text_split(&list, ',', &item)) {
        if (!text_split(&item, ';', &count) || !text_parse_u64(text_trim(item), INT64_MAX, &found))
            continue;
        if (least < 0 || (int64_t)found < least)
            least = (int64_t)found;
    }
    return least;
}

static bool read_counts(const struct http_answer *answer, struct azure_quota *quota)
{
    bool is_said = false;
    uint64_t found;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int64_t *count = (int64_t *)(void *)((char *)quota + counts[i].offset);

        if (!text_parse_u64(http_answer_header(answer, counts[i].header), INT64_MAX, &found))
            continue;
        *count = (int64_t)found;
        is_said = true;
    }
    quota->resource = least_of(http_answer_header(answer, PREFIX "resource"));
    return is_said || quota->resource >= 0;
}

/* The index of a subscription, or `count`. */
static unsigned find(const struct quotas *quotas, struct text subscription)
{
    unsigned i = 0;

    while (i < quotas->count &&
           !text_equal_ignoring_case(subscription, text_of(quotas->subscriptions[i])))
        i++;
    return i;
}

/* Its row, or the one that was said something of longest ago. */
static unsigned row_for(struct quotas *quotas, struct text subscription)
{
    unsigned row = find(quotas, subscription);

    if (row < quotas->count)
        return row;
    if (quotas->count < QUOTA_LIMIT) {
        row = quotas->count++;
    } else {
        row = 0;
        for (unsigned i = 1; i < QUOTA_LIMIT; i++)
            if (quotas->rows[i].at < quotas->rows[row].at)
                row = i;
    }
    snprintf(quotas->subscriptions[row], sizeof(quotas->subscriptions[row]), "%.*s",
             TEXT_ARG(subscription));
    return row;
}

void quotas_note(struct quotas *quotas, struct text target, const struct http_answer *answer,
                 int64_t now_at)
{
    struct text subscription = azure_id_subscription(target);
    struct azure_quota quota = nothing_said();

    if (!subscription.size || subscription.size >= sizeof(quotas->subscriptions[0]) ||
        !read_counts(answer, &quota))
        return;
    quota.at = now_at;
    quotas->rows[row_for(quotas, subscription)] = quota;
}

void azure_client_quota(const struct azure_client *client, struct text subscription,
                        struct azure_quota *ret)
{
    unsigned row = find(&client->quotas, subscription);

    *ret = row < client->quotas.count ? client->quotas.rows[row] : nothing_said();
}
