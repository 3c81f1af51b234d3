/* SPDX-License-Identifier: Apache-2.0 */
/* A body that somebody posted as a delivery of Event Grid: read or refused with a reason, and what
 * is read is fit to be shown. */
#include "azureclient/azureclient.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check_text(struct text text)
{
    assert(text_is_utf8(text) && text_is_printable(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure why = {0};
    struct azure_grid_delivery *delivery =
        azure_grid_read((struct text){(const char *)data, size}, &why);
    char *answer;

    fuzz_check(delivery, &why);
    if (!delivery)
        return 0;
    assert((delivery->validation_code.size > 0) + delivery->count + delivery->skipped > 0);
    for (size_t i = 0; i < delivery->count; i++) {
        const struct azure_grid_event *one = &delivery->events[i];

        assert(one->kind == azure_key_kind_of_id(one->resource_id, NULL));
        check_text(one->event.caller);
        check_text(one->event.name);
        check_text(one->event.application_id);
        check_text(one->event.client_address);
        check_text(one->event.client_request_id);
    }
    answer = azure_grid_validation_answer(delivery);
    assert(answer && answer[0] == '{');
    memory_free(answer);
    azure_grid_free(delivery);
    return 0;
}
