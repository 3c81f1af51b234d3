/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration, as read: made by adapters/config_*.c, owned and freed there, read by
 * everybody. Strings are NULL where the file says nothing and there is no default. */
#ifndef AGENT_PORTS_CONFIG_H
#define AGENT_PORTS_CONFIG_H

#include "agent/core/fact.h"
#include "agent/ports/approvals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a secret is kept; never the secret. */
enum config_place { CONFIG_NOWHERE, CONFIG_FILE, CONFIG_ENV, CONFIG_CREDENTIAL };
struct config_secret {
    enum config_place place;
    char *name; /* path, variable, or the name below $CREDENTIALS_DIRECTORY */
};

enum config_vault_method {
    CONFIG_VAULT_TOKEN,
    CONFIG_VAULT_TOKEN_FILE,
    CONFIG_VAULT_APPROLE,
    CONFIG_VAULT_KUBERNETES,
    CONFIG_VAULT_JWT,
    CONFIG_VAULT_CERT,
    CONFIG_VAULT_USERPASS,
    CONFIG_VAULT_AZURE,
};
struct config_vault {
    char *address;
    char **more_addresses; /* of the same cluster */
    size_t more_address_count;
    char *namespace_path, *ca_file, *ca_folder, *client_cert_file, *client_key_file, *server_name;
    bool follows_redirects; /* default true */
    uint64_t timeout_ms;    /* default 30 s */
    bool has_auth;          /* false: VAULT_TOKEN / BAO_TOKEN */
    enum config_vault_method method;
    char *mount, *token_file, *role;
    struct config_secret token, role_id, secret_id, jwt, password;
    char *role_id_text; /* role_id may also be a plain string */
    bool secret_id_is_wrapped, secret_id_is_removed;
    bool secret_id_is_spared; /* not from the file: for a check beside the daemon that will need it
                               */
    char *token_path;         /* kubernetes: of the service account's token */
    char *username;
    char *resource, *subscription_id, *resource_group_name, *vm_name, *vmss_name; /* azure */
};

enum config_azure_method {
    CONFIG_AZURE_DEFAULT,
    CONFIG_AZURE_CLIENT_SECRET,
    CONFIG_AZURE_WORKLOAD_IDENTITY,
    CONFIG_AZURE_MANAGED_IDENTITY,
    CONFIG_AZURE_CLIENT_CERTIFICATE,
    CONFIG_AZURE_CLI,
};
struct config_azure {
    char *cloud; /* "public" ...; NULL with the URLs below */
    char *resource_manager, *authority, *audience, *ca_file;
    uint64_t timeout_ms; /* default 30 s */
    enum config_azure_method method;
    char *tenant_id, *client_id, *federated_token_file;
    char *object_id, *identity_resource_id, *imds_url;
    char *certificate_file, *certificate_key_file;
    bool send_certificate_chain;
    struct config_secret client_secret, certificate_password;
};

enum config_on_drift { ON_DRIFT_ALERT, ON_DRIFT_PROPOSE };
struct config_binding {
    char *name;
    char *kind;
    char *id; /* of the resource; NULL: of the endpoint the four names make */
    char *subscription, *resource_group, *workspace, *endpoint;
    char *mount, *path, *field;
    unsigned kv_version;  /* 1, 2; 0: Vault is asked */
    char *slot_word;      /* as the file has it */
    int slot;             /* index, or ANY_SLOT */
    uint64_t interval_ms; /* default 60 s */
    enum config_on_drift on_drift;
    bool probe_score;
    char *probe_body, *probe_content_type; /* default "{}", "application/json" */
    unsigned confirm;                      /* default 2 */
    uint64_t confirm_delay_ms;             /* default 2 s */
};

enum config_alert_kind { CONFIG_ALERT_WEBHOOK, CONFIG_ALERT_ALERTMANAGER };
struct config_alert {
    enum config_alert_kind kind;
    char *url; /* or the place of a secret one */
    struct config_secret url_secret;
    struct config_secret signing_secret; /* webhook: "whsec_<base64>" or raw base64; optional */
    char *ca_file;
};

struct config {
    char *path; /* of the file, absolute */
    struct config_vault vault;
    struct config_azure azure;
    struct config_binding *bindings;
    size_t binding_count;
    struct config_alert *alerts;
    size_t alert_count;
    uint64_t alert_repeat_ms;      /* `alerting.repeat`, default 4 h */
    uint64_t alert_blind_after_ms; /* `alerting.blind_after`, default 5 min */
    struct approver *approvers;    /* names owned here too */
    size_t approver_count;
    unsigned approvals_required;  /* default 1; without approvers nothing is ever written */
    uint64_t plan_life_ms;        /* `approval.plan_life`, default 24 h */
    uint64_t rotation_confirm_ms; /* `rotation.confirm_timeout`, default 5 min */
    uint64_t rotation_resend_ms;  /* `rotation.resend_after`, default 30 min */
    uint64_t rotation_settle_ms;  /* `rotation.settle`, default 0 */
    char *state_path;             /* of `sqlite:PATH`; default /var/lib/keydrift/state.db */
    struct config_secret
        fingerprint_key; /* default: fingerprint.key beside the state, made when absent */
    char **listen;       /* default unix:/run/keydrift/keydrift.sock */
    size_t listen_count;
};

#endif
