/* SPDX-License-Identifier: Apache-2.0 */
/* The Vault client's operations, each waited for: what a test needs to speak of outcomes instead of
 * loops. */
#ifndef TESTS_SUPPORT_VAULT_CALLS_H
#define TESTS_SUPPORT_VAULT_CALLS_H

#include "vaultclient/vaultclient.h"

#include <uv.h>

struct vault_outcome {
    unsigned times;         /* how often `done` ran: 1 */
    enum failure_kind kind; /* FAILURE_NONE on success */
    struct failure failure;
    struct vault_version version;
    enum vault_field_state state;
    char value[256]; /* of the field, when PRESENT */
    struct vault_rights rights;
    char names[512]; /* of a list or of notes ("a=1 b=2"), with blanks between */
    size_t count;
    bool has_more;
    uint32_t metadata_version;
};

/* `path` of the mount "kv"; "kv1:path" of another. Each runs the loop until the operation has
 * ended. */
struct vault_outcome vault_metadata_of(uv_loop_t *loop, struct vault_client *client,
                                       const char *path);
struct vault_outcome vault_field_of(uv_loop_t *loop, struct vault_client *client, const char *path,
                                    const char *field, uint32_t version);
struct vault_outcome vault_rights_of(uv_loop_t *loop, struct vault_client *client,
                                     const char *path);
/* `after`: the version the write rests on, with its created time unless that is 0. */
struct vault_outcome vault_set_field(uv_loop_t *loop, struct vault_client *client, const char *path,
                                     const char *field, const char *value,
                                     const struct vault_version *after);

/* The same in another way. */
struct vault_outcome vault_set_field_by(uv_loop_t *loop, struct vault_client *client,
                                        enum vault_write_way way, const char *path,
                                        const char *field, const char *value,
                                        const struct vault_version *after);
/* `path` "kv:" is the mount itself. */
struct vault_outcome vault_list_of(uv_loop_t *loop, struct vault_client *client, const char *path,
                                   const char *after, uint32_t limit);
/* `expected`: NULL for none. */
struct vault_outcome vault_remove_of(uv_loop_t *loop, struct vault_client *client,
                                     enum vault_removal_kind kind, const char *path,
                                     uint32_t version, const struct vault_version *expected);
struct vault_outcome vault_notes_of(uv_loop_t *loop, struct vault_client *client, const char *path);
struct vault_outcome vault_set_note(uv_loop_t *loop, struct vault_client *client, const char *path,
                                    const char *name, const char *value);

/* For operations that a test starts itself: `context` is a struct vault_outcome. */
void vault_on_metadata(const struct vault_version *version, const struct failure *failure,
                       void *context);
void vault_on_field(const struct vault_field *field, const struct failure *failure, void *context);
void vault_on_rights(const struct vault_rights *rights, const struct failure *failure,
                     void *context);
void vault_on_list(const struct vault_names *names, const struct failure *failure, void *context);
void vault_on_notes(const struct vault_notes *notes, const struct failure *failure, void *context);
struct vault_key vault_key_of(const char *path);
/* Runs the loop until it is done. */
void vault_wait(uv_loop_t *loop, const struct vault_outcome *outcome);
/* Runs the loop for about so long. */
void vault_idle(uv_loop_t *loop, uint32_t ms);
/* Closes and waits for the end. */
void vault_shut(uv_loop_t *loop, struct vault_client *client, uint32_t grace_ms);

#endif
