/* SPDX-License-Identifier: Apache-2.0 */
/* The copy's life, and the two operations that are one question each: writing and rights. */
#include "agent/adapters/vault_copy_internal.h"

#include "base/buffer.h"
#include "base/memory.h"

struct vault_key vault_copy_key(const struct vault_copy *copy)
{
    return (struct vault_key){text_of(copy->port.mount), text_of(copy->port.path)};
}

struct copy_version vault_copy_version(const struct vault_version *version)
{
    return (struct copy_version){version->version, version->created_at, version->created_ns};
}

void vault_copy_note_newest(struct vault_copy *copy, const struct copy_version *version,
                            bool is_destroyed)
{
    if (!version->number || copy_version_is_older(version, &copy->newest))
        return;
    copy->newest = *version;
    copy->newest_is_destroyed = is_destroyed;
}

/* ---- operations ------------------------------------------------------------------------------ */

static void on_cancel(struct operation *operation)
{
    struct vault_errand *errand = (struct vault_errand *)operation;

    errand->is_canceled = true;
    operation_cancel(errand->under_way);
}

void *vault_errand_new(struct secret_copy *self, size_t size, void *context)
{
    struct vault_errand *errand = memory_zeroed(1, size);

    if (!errand)
        return NULL;
    errand->operation.cancel = on_cancel;
    errand->copy = (struct vault_copy *)self;
    errand->context = context;
    return errand;
}

struct operation *vault_errand_started(struct vault_errand *errand)
{
    if (!errand->under_way) {
        memory_free(errand);
        return NULL;
    }
    errand->copy->in_flight++;
    return &errand->operation;
}

/* ---- write ----------------------------------------------------------------------------------- */

struct writing {
    struct vault_errand errand; /* first */
    struct copy_version expected;
    struct secret *key; /* to be put into the connection string that is there */
    copy_write_done *done;
};

static void end_writing(struct writing *writing, const struct copy_version *written,
                        const struct failure *failure)
{
    writing->errand.copy->in_flight--;
    writing->done(written, failure, writing->errand.context);
    secret_free(writing->key);
    memory_free(writing);
}

static void on_written(const struct vault_version *version, const struct failure *failure,
                       void *context)
{
    struct writing *writing = context;
    struct copy_version written = {0};

    writing->errand.under_way = NULL;
    if (version) {
        written = vault_copy_version(version);
        vault_copy_note_newest(writing->errand.copy, &written, false);
    }
    end_writing(writing, version ? &written : NULL, failure);
}

static bool send_write(struct writing *writing, const struct secret *value)
{
    struct vault_copy *copy = writing->errand.copy;
    struct vault_write write = {
        .key = vault_copy_key(copy),
        .field = text_of(copy->port.field),
        .value = value,
        .way = VAULT_WRITE_EITHER,
        .expected = writing->expected.number,
        .expected_created_at = writing->expected.created_at,
        .expected_created_ns = writing->expected.created_ns,
    };

    writing->errand.under_way =
        vault_write_field(copy->client, &write, copy->lane, on_written, writing);
    return writing->errand.under_way != NULL;
}

/* The write itself is bound to the same version, so what was read here is what it replaces. */
static void on_old_value(const struct vault_field *field, const struct failure *failure,
                         void *context)
{
    struct writing *writing = context;
    cleanup_with(secret_clean) struct secret *value = NULL;
    struct failure why = {0};

    writing->errand.under_way = NULL;
    if (failure)
        why = *failure;
    else if (writing->errand.is_canceled)
        failure_set(&why, FAILURE_CANCELED, "canceled");
    else if (field->state != VAULT_FIELD_PRESENT)
        failure_set(&why, FAILURE_CONFLICT, "the field no longer holds a connection string");
    else
        value =
            azure_key_replace_inside(writing->errand.copy->kind, field->value, writing->key, &why);
    if (value && !send_write(writing, value))
        failure_out_of_memory(&why);
    if (!writing->errand.under_way)
        end_writing(writing, NULL, &why);
}

static struct operation *write_copy(struct secret_copy *self, const struct secret *value,
                                    const struct copy_version *expected, copy_write_done *done,
                                    void *context)
{
    struct writing *writing = vault_errand_new(self, sizeof(*writing), context);
    struct vault_copy *copy = (struct vault_copy *)self;

    if (!writing)
        return NULL;
    writing->done = done;
    writing->expected = *expected;
    if (!copy->is_connection_string)
        send_write(writing, value);
    else if ((writing->key = secret_copy(value)))
        writing->errand.under_way =
            vault_read_field(copy->client, vault_copy_key(copy), text_of(self->field),
                             expected->number, copy->lane | VAULT_DECISIVE, on_old_value, writing);
    if (!writing->errand.under_way)
        secret_free(writing->key);
    return vault_errand_started(&writing->errand);
}

/* ---- rights ---------------------------------------------------------------------------------- */

struct asking_rights {
    struct vault_errand errand; /* first */
    bool for_writing;
    copy_rights_done *done;
};

/* What a path lacks, for people and as a rule of a policy that grants all of `capabilities`. */
struct lack {
    struct buffer missing, policy;
};

static void add_missing(struct lack *lack, const struct vault_copy *copy, const char *capability,
                        const char *part)
{
    buffer_printf(&lack->missing, "%s%s on %s/%s%s", lack->missing.size ? ", " : "", capability,
                  copy->port.mount, part, copy->port.path);
}

/* In the quotes of Vault's policy language. */
static void add_quoted(struct buffer *out, const char *name)
{
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            buffer_append_byte(out, '\\');
        buffer_append_byte(out, *name);
    }
}

static void add_rule(struct lack *lack, const struct vault_copy *copy, const char *part,
                     const char *capabilities)
{
    buffer_append_string(&lack->policy, "path \"");
    add_quoted(&lack->policy, copy->port.mount);
    buffer_printf(&lack->policy, "/%s", part);
    add_quoted(&lack->policy, copy->port.path);
    buffer_printf(&lack->policy, "\" {\n  capabilities = [%s]\n}\n", capabilities);
}

/* A secret that is not there yet is created, any other updated. Reading comes into writing too: the
 * sibling fields are kept. */
static struct copy_rights judge_rights(const struct vault_copy *copy,
                                       const struct vault_rights *rights, bool for_writing,
                                       struct lack *lack)
{
    const char *data = copy->is_kv1 ? "" : "data/";
    bool is_new = copy->state == COPY_NO_SECRET;
    struct copy_rights result = {
        .may_read = rights->may_read_data && (copy->is_kv1 || rights->may_read_metadata),
        .may_write = !copy->is_kv1 &&
                     (is_new ? rights->may_create : rights->may_update || rights->may_patch),
    };
    bool lacks_writing = for_writing && !copy->is_kv1 && !result.may_write;

    if (!rights->may_read_data)
        add_missing(lack, copy, "read", data);
    if (lacks_writing)
        add_missing(lack, copy, is_new ? "create" : "update", data);
    if (!rights->may_read_data || lacks_writing)
        add_rule(lack, copy, data,
                 for_writing && !copy->is_kv1 ? "\"create\", \"read\", \"update\"" : "\"read\"");
    if (!copy->is_kv1 && !rights->may_read_metadata) {
        add_missing(lack, copy, "read", "metadata/");
        add_rule(lack, copy, "metadata/", "\"read\"");
    }
    if (copy->is_kv1 && for_writing)
        buffer_printf(&lack->missing, "%scheck-and-set, which KV version 1 (%s) does not have",
                      lack->missing.size ? ", " : "", copy->port.mount);
    if (rights->is_mount_unknown && lack->missing.size)
        buffer_printf(&lack->missing,
                      " (as KV version 2: Vault does not tell whether there is a mount \"%s\")",
                      copy->port.mount);
    else if (rights->is_mount_unknown)
        buffer_printf(
            &lack->missing,
            "the KV version of the mount \"%s\", which Vault does not tell: set kv_version",
            copy->port.mount);
    result.missing = buffer_text(&lack->missing);
    result.policy = buffer_text(&lack->policy);
    return result;
}

static void on_rights(const struct vault_rights *rights, const struct failure *failure,
                      void *context)
{
    struct asking_rights *asking = context;
    struct vault_copy *copy = asking->errand.copy;
    struct copy_rights result = {0};
    struct lack lack;

    buffer_init(&lack.missing, 4096);
    buffer_init(&lack.policy, 4096);
    if (rights)
        result = judge_rights(copy, rights, asking->for_writing, &lack);
    copy->in_flight--;
    asking->done(rights ? &result : NULL, failure, asking->errand.context);
    buffer_clear(&lack.missing);
    buffer_clear(&lack.policy);
    memory_free(asking);
}

static struct operation *ask_rights(struct secret_copy *self, bool for_writing,
                                    copy_rights_done *done, void *context)
{
    struct asking_rights *asking = vault_errand_new(self, sizeof(*asking), context);
    struct vault_copy *copy = (struct vault_copy *)self;

    if (!asking)
        return NULL;
    asking->done = done;
    asking->for_writing = for_writing;
    asking->errand.under_way =
        vault_read_rights(copy->client, vault_copy_key(copy), on_rights, asking);
    return vault_errand_started(&asking->errand);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct secret_copy *vault_copy_new(struct vault_client *client, struct fingerprinter *fingerprinter,
                                   const struct azure_key_kind *kind, const char *mount,
                                   const char *path, const char *field, unsigned lane)
{
    struct vault_copy *copy = memory_zeroed(1, sizeof(*copy));

    if (!copy)
        return NULL;
    copy->port = (struct secret_copy){
        .address = vault_client_address(client),
        .mount = mount,
        .path = path,
        .field = field,
        .read = vault_copy_read,
        .write = write_copy,
        .rights = ask_rights,
    };
    copy->client = client;
    copy->fingerprinter = fingerprinter;
    copy->kind = kind;
    copy->lane = lane;
    return &copy->port;
}

struct secret_copy *vault_copy_free(struct secret_copy *port)
{
    struct vault_copy *copy = (struct vault_copy *)port;

    assert(!copy || !copy->in_flight);
    memory_free(copy);
    return NULL;
}
