/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of who may do what: a first line says which ("permissions", "denials", "assignments",
 * "role", of the last role assigned), the next line is that list's page, and so on in turn. What is
 * told at the end is fit to be shown, and nothing unseen is told as a fact. */
#include "azureclient/wire_rights.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define OWN_ID "0a0a0a0a-0000-4000-8000-000000000001"
#define ID     "/subscriptions/s/resourceGroups/g/providers/p/e/n"

static bool take(struct rights *rights, struct text which, struct text body)
{
    char id[RIGHTS_ID_SIZE] = "";
    struct failure why = {0};
    char *next = NULL;
    bool ok = true;

    if (text_is(which, "permissions"))
        ok = rights_take_permissions(rights, body, &next, &why);
    else if (text_is(which, "denials"))
        ok = rights_take_denials(rights, body, &next, &why);
    else if (text_is(which, "assignments"))
        ok = rights_take_assignments(rights, body, &next, &why);
    else if (text_is(which, "role") && rights_next_role(rights, id))
        ok = rights_take_role(rights, id, body, &why);
    else if (id[0])
        ok = rights_skip_role(rights, id);
    fuzz_check(ok, &why);
    assert(ok || !next);
    free(next);
    return ok;
}

static void check_text(struct text text)
{
    assert(text_is_utf8(text) && text_is_printable(text));
}

static void check_posture(const struct azure_posture *posture)
{
    assert(posture->may_list_keys != AZURE_YES || !posture->permissions_not_seen.size);
    for (size_t i = 0; i < posture->regenerator_count; i++) {
        const struct azure_regenerator *one = &posture->regenerators[i];

        check_text(one->who.id);
        check_text(one->who.type);
        check_text(one->role);
        check_text(one->scope);
        assert(one->is_granted != AZURE_NO);
        if (one->is_granted == AZURE_YES && one->is_barred == AZURE_NO &&
            !text_equal_ignoring_case(one->who.id, posture->own_id))
            assert(posture->others_may_regenerate == AZURE_YES);
    }
    for (size_t i = 0; i < posture->denial_count; i++) {
        const struct azure_denial *one = &posture->denials[i];

        check_text(one->name);
        check_text(one->scope);
        for (size_t at = 0; at < one->principal_count; at++)
            check_text(one->principals[at].id);
        for (size_t at = 0; at < one->excluded_count; at++)
            check_text(one->excluded[at].type);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rights rights = {
        .resource_id = TEXT(ID),
        .actions = {"p/e/read", "p/e/listKeys/action", "p/e/regenerateKeys/action"},
    };
    struct azure_posture posture = {.own_id = TEXT(OWN_ID)};
    struct text rest = {(const char *)data, size};
    bool ok = rights_init(&rights);

    assert(ok);
    while (ok && rest.size) {
        struct text which = fuzz_line(&rest);

        ok = take(&rights, which, fuzz_line(&rest));
    }
    if (ok) {
        assert(rights_judge(&rights, &posture));
        check_posture(&posture);
    }
    rights_clear(&rights);
    return 0;
}
