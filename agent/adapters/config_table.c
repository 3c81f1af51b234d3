/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, inner tables first. */
#include "agent/adapters/config_table.h"

#include <assert.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define VAULT(field)    offsetof(struct config_vault, field)
#define AZURE(field)    offsetof(struct config_azure, field)
#define BINDING(field)  offsetof(struct config_binding, field)
#define ALERT(field)    offsetof(struct config_alert, field)
#define APPROVER(field) offsetof(struct approver, field)
#define CONFIG(field)   offsetof(struct config, field)

/* clang-format off */

/* ---- vault ----------------------------------------------------------------------------------- */

static const struct config_word auth_methods[] = {
    {"token", CONFIG_VAULT_TOKEN}, {"token_file", CONFIG_VAULT_TOKEN_FILE},
    {"approle", CONFIG_VAULT_APPROLE}, {"kubernetes", CONFIG_VAULT_KUBERNETES},
    {"jwt", CONFIG_VAULT_JWT}, {"cert", CONFIG_VAULT_CERT}, {"userpass", CONFIG_VAULT_USERPASS},
    {"azure", CONFIG_VAULT_AZURE}, {0}};

#define BY_TOKEN BIT_OF(CONFIG_VAULT_TOKEN)
#define BY_TOKEN_FILE BIT_OF(CONFIG_VAULT_TOKEN_FILE)
#define BY_APPROLE BIT_OF(CONFIG_VAULT_APPROLE)
#define BY_KUBERNETES BIT_OF(CONFIG_VAULT_KUBERNETES)
#define BY_JWT BIT_OF(CONFIG_VAULT_JWT)
#define BY_CERT BIT_OF(CONFIG_VAULT_CERT)
#define BY_PASSWORD BIT_OF(CONFIG_VAULT_USERPASS)
#define BY_AZURE BIT_OF(CONFIG_VAULT_AZURE)

static const struct config_key auth_keys[] = {
    {"method", "How to log in to Vault.", KEY_WORD, KEY_REQUIRED | KEY_SELECTS, .at = VAULT(method),
     .words = auth_methods},
    {"mount", "Where the method is mounted; by default under its own name.", KEY_VAULT_PATH,
     .at = VAULT(mount), .only_for = ~(BY_TOKEN | BY_TOKEN_FILE)},
    {"token", "Where the token is kept.", KEY_SECRET, .at_secret = VAULT(token),
     .only_for = BY_TOKEN, .needed_for = BY_TOKEN},
    {"token_file", "A file with the token, read again when it is replaced.", KEY_PATH,
     KEY_IS_SECRET, .at = VAULT(token_file), .only_for = BY_TOKEN_FILE, .needed_for = BY_TOKEN_FILE},
    {"role", "The role to log in with; for AppRole the one a wrapped secret id must have been made for.",
     KEY_NAME, .at = VAULT(role),
     .only_for = BY_APPROLE | BY_KUBERNETES | BY_JWT | BY_CERT | BY_AZURE,
     .needed_for = BY_KUBERNETES | BY_AZURE},
    {"role_id", "The AppRole's id, or where it is kept.", KEY_SECRET_OR_TEXT,
     .at = VAULT(role_id_text), .at_secret = VAULT(role_id),
     .only_for = BY_APPROLE, .needed_for = BY_APPROLE},
    {"secret_id", "Where the AppRole's secret id is kept.", KEY_SECRET,
     .at_secret = VAULT(secret_id), .only_for = BY_APPROLE},
    {"wrapped", "The secret id is a response-wrapping token.", KEY_BOOLEAN,
     .at = VAULT(secret_id_is_wrapped), .fallback = "false", .only_for = BY_APPROLE},
    {"remove_secret_id_file_after_reading", "The file with the secret id is deleted once it was read.",
     KEY_BOOLEAN, .at = VAULT(secret_id_is_removed), .fallback = "false", .only_for = BY_APPROLE},
    {"token_path", "The service account's token; by default where a pod finds it.", KEY_PATH,
     KEY_IS_SECRET, .at = VAULT(token_path), .only_for = BY_KUBERNETES},
    {"jwt", "Where the JWT is kept; a file is read again at each log-in.", KEY_SECRET,
     .at_secret = VAULT(jwt), .only_for = BY_JWT, .needed_for = BY_JWT},
    {"username", "The user.", KEY_NAME, .at = VAULT(username), .only_for = BY_PASSWORD,
     .needed_for = BY_PASSWORD},
    {"password", "Where the user's password is kept.", KEY_SECRET, .at_secret = VAULT(password),
     .only_for = BY_PASSWORD, .needed_for = BY_PASSWORD},
    {"resource", "What the managed identity's token is asked for, as Vault's role has it.", KEY_URL,
     .at = VAULT(resource), .fallback = "https://management.azure.com/", .only_for = BY_AZURE},
    {"subscription_id", "Of the machine we run on.", KEY_NAME, .at = VAULT(subscription_id),
     .only_for = BY_AZURE},
    {"resource_group_name", "Of the machine we run on.", KEY_NAME,
     .at = VAULT(resource_group_name), .only_for = BY_AZURE},
    {"vm_name", "The machine.", KEY_NAME, .at = VAULT(vm_name), .only_for = BY_AZURE},
    {"vmss_name", "Or the scale set it belongs to.", KEY_NAME, .at = VAULT(vmss_name),
     .only_for = BY_AZURE},
    {0}};
static const struct config_table auth_table = {0, auth_keys};

static const struct config_key vault_keys[] = {
    {"address", "Where Vault or OpenBao answers; without it BAO_ADDR or VAULT_ADDR.", KEY_URL,
     KEY_UNIX_TOO, .at = VAULT(address)},
    {"more_addresses", "Other servers of the same cluster, asked when that one does not answer.",
     KEY_URLS, .at = VAULT(more_addresses), .at_count = VAULT(more_address_count)},
    {"namespace", "The namespace of all requests.", KEY_VAULT_PATH, .at = VAULT(namespace_path)},
    {"ca_file", "PEM file of the authorities to trust instead of the system's.", KEY_PATH,
     .at = VAULT(ca_file)},
    {"ca_folder", "A folder of such files.", KEY_PATH, .at = VAULT(ca_folder)},
    {"client_cert_file", "PEM file of the client certificate.", KEY_PATH,
     .at = VAULT(client_cert_file)},
    {"client_key_file", "PEM file of its private key.", KEY_PATH, KEY_IS_PRIVATE,
     .at = VAULT(client_key_file)},
    {"server_name", "The name in the server's certificate, where it is not the address's.", KEY_NAME,
     .at = VAULT(server_name)},
    {"follow_redirects", "To the cluster's own servers only; never elsewhere.", KEY_BOOLEAN,
     .at = VAULT(follows_redirects), .fallback = "true"},
    {"timeout", "For one operation with all its retries.", KEY_DURATION, .at = VAULT(timeout_ms),
     .fallback = "30s", .min = 10, .max = 10 * MINUTE},
    {"auth", "How to log in; without it BAO_TOKEN or VAULT_TOKEN.", KEY_MAP,
     .at_present = VAULT(has_auth), .table = &auth_table},
    {0}};
static const struct config_table vault_table = {0, vault_keys};

/* ---- azure ----------------------------------------------------------------------------------- */

static const struct config_word clouds[] = {
    {"public", 0}, {"usgovernment", 0}, {"china", 0}, {0}};

static const struct config_key cloud_keys[] = {
    {"resource_manager", "Where Azure Resource Manager answers.", KEY_URL, KEY_REQUIRED,
     .at = AZURE(resource_manager)},
    {"authority", "Where Entra answers.", KEY_URL, KEY_REQUIRED, .at = AZURE(authority)},
    {"audience", "What tokens are asked for; by default resource_manager.", KEY_URL,
     .at = AZURE(audience)},
    {"ca_file", "PEM file of the authorities to trust instead of the system's.", KEY_PATH, KEY_SECOND_PLACE,
     .at = AZURE(ca_file)},
    {0}};
static const struct config_table cloud_table = {0, cloud_keys};

#define BY_SECRET BIT_OF(CONFIG_AZURE_CLIENT_SECRET)
#define BY_FEDERATION BIT_OF(CONFIG_AZURE_WORKLOAD_IDENTITY)
#define BY_IMDS BIT_OF(CONFIG_AZURE_MANAGED_IDENTITY)
#define BY_DEFAULT BIT_OF(CONFIG_AZURE_DEFAULT)
#define BY_CERTIFICATE BIT_OF(CONFIG_AZURE_CLIENT_CERTIFICATE)
#define BY_CLI BIT_OF(CONFIG_AZURE_CLI)

static const struct config_word credential_methods[] = {
    {"default", CONFIG_AZURE_DEFAULT}, {"client_secret", CONFIG_AZURE_CLIENT_SECRET},
    {"workload_identity", CONFIG_AZURE_WORKLOAD_IDENTITY},
    {"managed_identity", CONFIG_AZURE_MANAGED_IDENTITY}, {"client_certificate", CONFIG_AZURE_CLIENT_CERTIFICATE},
    {"azure_cli", CONFIG_AZURE_CLI}, {0}};

static const struct config_key credential_keys[] = {
    {"method", "How to get a token from Entra.", KEY_WORD, KEY_REQUIRED | KEY_SELECTS,
     .at = AZURE(method), .words = credential_methods},
    {"tenant_id", "The tenant; workload identity also finds it in AZURE_TENANT_ID.", KEY_NAME, .at = AZURE(tenant_id),
     .only_for = ~BY_IMDS, .needed_for = BY_SECRET | BY_CERTIFICATE},
    {"client_id", "The application, or the identity where a machine has several.", KEY_NAME,
     .at = AZURE(client_id), .only_for = ~BY_CLI, .needed_for = BY_SECRET | BY_CERTIFICATE},
    {"client_secret", "Where the application's secret is kept.", KEY_SECRET,
     .at_secret = AZURE(client_secret), .only_for = BY_SECRET, .needed_for = BY_SECRET},
    {"certificate_file", "The application's certificate with its key and chain: PEM or PKCS#12.",
     KEY_PATH, KEY_IS_PRIVATE, .at = AZURE(certificate_file), .only_for = BY_CERTIFICATE,
     .needed_for = BY_CERTIFICATE},
    {"certificate_key_file", "Its key, where that is in a PEM file of its own.", KEY_PATH,
     KEY_IS_PRIVATE, .at = AZURE(certificate_key_file), .only_for = BY_CERTIFICATE},
    {"certificate_password", "Where the password of either file is kept.", KEY_SECRET,
     .at_secret = AZURE(certificate_password), .only_for = BY_CERTIFICATE},
    {"send_certificate_chain", "For applications that trust a subject name and issuer.", KEY_BOOLEAN,
     .at = AZURE(send_certificate_chain), .fallback = "false", .only_for = BY_CERTIFICATE},
    {"object_id", "The identity by its object id.", KEY_NAME, .at = AZURE(object_id),
     .only_for = BY_IMDS},
    {"identity_resource_id", "The identity by its resource id.", KEY_TEXT,
     .at = AZURE(identity_resource_id), .only_for = BY_IMDS},
    {"federated_token_file", "The service account's token; without it AZURE_FEDERATED_TOKEN_FILE.",
     KEY_PATH, .at = AZURE(federated_token_file), .only_for = BY_FEDERATION | BY_DEFAULT},
    {"imds_url", "Where the instance metadata service answers.", KEY_URL, .at = AZURE(imds_url),
     .only_for = BY_IMDS | BY_DEFAULT},
    {0}};
static const struct config_table credential_table = {0, credential_keys};

static const struct config_key azure_keys[] = {
    {"cloud", "Which Azure: a word, or its addresses.", KEY_TEXT_OR_MAP, .at = AZURE(cloud),
     .fallback = "public", .words = clouds, .table = &cloud_table},
    {"ca_file", "PEM file of the authorities to trust instead of the system's.", KEY_PATH,
     .at = AZURE(ca_file)},
    {"credential", "Who keydrift is: `default` or a method.", KEY_WORD_OR_MAP, .at = AZURE(method),
     .fallback = "default", .words = credential_methods, .table = &credential_table},
    {"timeout", "For one operation with all its retries.", KEY_DURATION, .at = AZURE(timeout_ms),
     .fallback = "30s", .min = 10, .max = 10 * MINUTE},
    {0}};
static const struct config_table azure_table = {0, azure_keys};

/* ---- bindings -------------------------------------------------------------------------------- */

static const struct config_key source_keys[] = {
    {"kind", "What issues the key: azureml-online-endpoint, or another of README's key sources.",
     KEY_KIND, KEY_REQUIRED, .at = BINDING(kind)},
    {"id", "Its Azure resource id: /subscriptions/...", KEY_TEXT, .at = BINDING(id)},
    {"subscription", "Instead, for an Azure ML online endpoint: its subscription id.", KEY_NAME,
     .at = BINDING(subscription)},
    {"resource_group", "Its resource group.", KEY_NAME, .at = BINDING(resource_group)},
    {"workspace", "Its Azure ML workspace.", KEY_NAME, .at = BINDING(workspace)},
    {"endpoint", "The online endpoint.", KEY_NAME, .at = BINDING(endpoint)},
    {0}};
static const struct config_table source_table = {0, source_keys};

static const struct config_key copy_keys[] = {
    {"mount", "The KV secrets engine.", KEY_VAULT_PATH, KEY_REQUIRED, .at = BINDING(mount)},
    {"path", "The secret below it.", KEY_VAULT_PATH, KEY_REQUIRED, .at = BINDING(path)},
    {"field", "The field of the secret that holds the key.", KEY_TEXT, KEY_REQUIRED,
     .at = BINDING(field)},
    {"kv_version", "Of the secrets engine; asked from Vault when not said here.", KEY_INTEGER,
     .at = BINDING(kv_version), .min = 1, .max = 2},
    {0}};
static const struct config_table copy_table = {0, copy_keys};

static const struct config_key probe_keys[] = {
    {"score", "Also call the endpoint with the key in the copy.", KEY_BOOLEAN,
     .at = BINDING(probe_score), .fallback = "false"},
    {"body", "What such a call sends.", KEY_TEXT, KEY_MULTILINE, .at = BINDING(probe_body),
     .fallback = "{}"},
    {"content_type", "Its media type.", KEY_TEXT, .at = BINDING(probe_content_type),
     .fallback = "application/json"},
    {0}};
static const struct config_table probe_table = {0, probe_keys};

static const struct config_word reactions[] = {
    {"alert", ON_DRIFT_ALERT}, {"propose", ON_DRIFT_PROPOSE}, {0}};

static const struct config_key binding_keys[] = {
    {"name", "What people and alerts call the binding.", KEY_NAME, KEY_REQUIRED,
     .at = BINDING(name)},
    {"source", "Where the key is issued.", KEY_MAP, KEY_REQUIRED, .table = &source_table},
    {"copy", "Where its copy is kept in Vault.", KEY_MAP, KEY_REQUIRED, .table = &copy_table},
    {"slot", "Which of the source's keys the copy must be: any, or a slot of its kind.", KEY_TEXT,
     .at = BINDING(slot_word), .fallback = "any"},
    {"interval", "How often both sides are read.", KEY_DURATION, .at = BINDING(interval_ms),
     .fallback = "60s", .min = 50, .max = 7 * DAY},
    {"on_drift", "alert, or propose: an alert with a plan.", KEY_WORD, .at = BINDING(on_drift),
     .fallback = "alert", .words = reactions},
    {"probe", "What callers see.", KEY_MAP, .table = &probe_table},
    {"confirm", "So many reads in a row must agree before there is an incident.", KEY_INTEGER,
     .at = BINDING(confirm), .fallback = "2", .min = 1, .max = 10},
    {"confirm_delay", "The time between them.", KEY_DURATION, .at = BINDING(confirm_delay_ms),
     .fallback = "2s", .min = 0, .max = HOUR},
    {0}};
static const struct config_table binding_table = {sizeof(struct config_binding), binding_keys};

/* ---- alerts ---------------------------------------------------------------------------------- */

static const struct config_word alert_kinds[] = {
    {"webhook", CONFIG_ALERT_WEBHOOK}, {"alertmanager", CONFIG_ALERT_ALERTMANAGER},
    {"slack", WORD_LATER}, {0}};

static const struct config_key alert_keys[] = {
    {"kind", "What is told.", KEY_WORD, KEY_REQUIRED | KEY_SELECTS, .at = ALERT(kind),
     .words = alert_kinds},
    {"url", "Where it listens; the place of a secret when the address itself is one.",
     KEY_SECRET_OR_URL, KEY_REQUIRED, .at = ALERT(url), .at_secret = ALERT(url_secret)},
    {"secret", "Where the signing secret is kept (Standard Webhooks).", KEY_SECRET,
     .at_secret = ALERT(signing_secret), .only_for = BIT_OF(CONFIG_ALERT_WEBHOOK)},
    {"ca_file", "PEM file of the authorities to trust instead of the system's.", KEY_PATH,
     .at = ALERT(ca_file)},
    {0}};
static const struct config_table alert_table = {sizeof(struct config_alert), alert_keys};

static const struct config_key alerting_keys[] = {
    {"repeat", "An open incident is told again after this time.", KEY_DURATION,
     .at = CONFIG(alert_repeat_ms), .fallback = "4h", .min = 50, .max = 30 * DAY},
    {"blind_after", "A side that cannot be read is told after this time.", KEY_DURATION,
     .at = CONFIG(alert_blind_after_ms), .fallback = "5m", .min = 0, .max = 30 * DAY},
    {0}};
static const struct config_table alerting_table = {0, alerting_keys};

/* ---- approval, rotation, api, the top -------------------------------------------------------- */

static const struct config_key approver_keys[] = {
    {"name", "Who signs.", KEY_NAME, KEY_REQUIRED, .at = APPROVER(name)},
    {"public_key", "The Ed25519 public key: base64 of its 32 bytes or of its DER, PEM, or { file: PATH }.",
     KEY_PUBLIC_KEY, KEY_REQUIRED, .at = APPROVER(public_key)},
    {0}};
static const struct config_table approver_table = {sizeof(struct approver), approver_keys};

static const struct config_key approval_keys[] = {
    {"required", "So many different approvers must approve a plan.", KEY_INTEGER,
     .at = CONFIG(approvals_required), .fallback = "1", .min = 1, .max = APPROVAL_MAX},
    {"approvers", "Who may approve; with none nothing is ever written.", KEY_LIST,
     .at = CONFIG(approvers), .at_count = CONFIG(approver_count), .table = &approver_table},
    {"plan_life", "A plan can be approved and applied for this time.", KEY_DURATION,
     .at = CONFIG(plan_life_ms), .fallback = "24h", .min = SECOND, .max = 7 * DAY},
    {"transit", "Signatures made by Vault.", KEY_LATER},
    {0}};
static const struct config_table approval_table = {0, approval_keys};

static const struct config_key rotation_keys[] = {
    {"confirm_timeout", "A regenerated key must show within this time.", KEY_DURATION,
     .at = CONFIG(rotation_confirm_ms), .fallback = "5m", .min = 50, .max = DAY},
    {"resend_after", "A regenerate whose answer was lost, and that never showed, is over after this time.",
     KEY_DURATION, .at = CONFIG(rotation_resend_ms), .fallback = "30m", .min = 50, .max = 7 * DAY},
    {"settle", "The consumers' grace after the copy was written.", KEY_DURATION,
     .at = CONFIG(rotation_settle_ms), .fallback = "0s", .min = 0, .max = DAY},
    {0}};
static const struct config_table rotation_table = {0, rotation_keys};

static const struct config_key api_keys[] = {
    {"listen", "Where the daemon answers: unix:PATH.", KEY_SOCKETS, .at = CONFIG(listen),
     .at_count = CONFIG(listen_count), .fallback = "unix:/run/keydrift/keydrift.sock"},
    {0}};
static const struct config_table api_table = {0, api_keys};

static const struct config_key top_keys[] = {
    {"vault", "The Vault or OpenBao server that keeps the copies.", KEY_MAP, .at = CONFIG(vault),
     .table = &vault_table},
    {"azure", "The cloud that issues the keys.", KEY_MAP, .at = CONFIG(azure),
     .table = &azure_table},
    {"bindings", "The keys to watch.", KEY_LIST, KEY_REQUIRED, .at = CONFIG(bindings),
     .at_count = CONFIG(binding_count), .min = 1, .table = &binding_table},
    {"alerts", "Who is told.", KEY_LIST, .at = CONFIG(alerts), .at_count = CONFIG(alert_count),
     .table = &alert_table},
    {"alerting", "When they are told.", KEY_MAP, .table = &alerting_table},
    {"approval", "Who may allow a change.", KEY_MAP, .table = &approval_table},
    {"rotation", "How patient a rotation is.", KEY_MAP, .table = &rotation_table},
    {"state", "Where incidents, plans and the audit trail are kept: sqlite:PATH.", KEY_STATE,
     .at = CONFIG(state_path), .fallback = "sqlite:/var/lib/keydrift/state.db"},
    {"fingerprint_key", "Where the fingerprint key is kept; by default beside the state.",
     KEY_SECRET, .at_secret = CONFIG(fingerprint_key)},
    {"api", "How commands reach the daemon.", KEY_MAP, .table = &api_table},
    {"telemetry", "Traces.", KEY_LATER},
    {0}};
const struct config_table config_top = {sizeof(struct config), top_keys};

/* clang-format on */

static_assert(sizeof(enum config_vault_method) == sizeof(int), "a word is kept as an int");

const struct config_key *table_key(const struct config_table *table, struct text name)
{
    for (const struct config_key *key = table->keys; key->name; key++)
        if (text_is(name, key->name))
            return key;
    return NULL;
}

const struct config_key *table_selector(const struct config_table *table)
{
    for (const struct config_key *key = table->keys; key->name; key++)
        if (key->flags & KEY_SELECTS)
            return key;
    return NULL;
}

const struct config_word *word_named(const struct config_word *words, struct text name)
{
    for (; words->word; words++)
        if (text_is(name, words->word))
            return words;
    return NULL;
}

const char *word_of(const struct config_word *words, int value)
{
    while (words->word && words->value != value)
        words++;
    return words->word ? words->word : "?";
}
