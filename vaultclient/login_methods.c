/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to log in, each with the likely meanings of its refusals. The texts are those of OpenBao
 * 2.7 and HashiCorp Vault 1.14; the server says 403 "permission denied" for much that is not about
 * permission, above all for a mount that does not exist. */
#include "vaultclient/login.h"

#define AT(member) offsetof(struct vault_auth, member)

#define OTHER_METHOD                                                                               \
    {0, "unsupported path", "another method is mounted there"},                                    \
        {0, "failed to determine alias name", "another method is mounted there"},                  \
    {                                                                                              \
        0, "unsupported operation", "another method is mounted there"                              \
    }
#define NO_MOUNT  "no such auth mount, one of another method"
#define NOT_BOUND ", or token_bound_cidrs without this machine's address"

static const struct login_hint token_hints[] = {
    {0, NULL,
     "it is unknown, expired, revoked or used up, or bound to other addresses than this machine's"},
};

static const struct login_hint approle_hints[] = {
    OTHER_METHOD,
    {0, "CIDR restrictions on the role",
     "this machine's address is not among the role's secret_id_bound_cidrs"},
    {0, "CIDR restrictions",
     "this machine's address is not among those that the secret id was made for"},
    {403, NULL, NO_MOUNT ", or a role locked for minutes after failed log-ins"},
    {0, "missing role_id", "the role id is empty"},
    {0, "missing secret_id", "the role wants a secret id"},
    {0, "invalid role ID", "the mount has no role of this id"},
    {0, "invalid secret id", "the secret id is wrong, expired or used up"},
    {0, NULL, "the role id or the secret id is wrong, expired or used up"},
};

static const struct login_hint kubernetes_hints[] = {
    OTHER_METHOD,
    {0, "(exp)", "the service account's token has expired: its file is not kept up to date"},
    {0, "(aud)",
     "the token is for another audience than the role's, which the projected volume has to name"},
    {0, "service account name not", "the role is not bound to this service account"},
    {0, "namespace not", "the role is not bound to this service account's namespace"},
    {403, NULL,
     NO_MOUNT ", no confirmation of the token by Kubernetes (its API not reached, or the reviewer "
              "not accepted)" NOT_BOUND},
    {0, "could not load backend configuration", "nobody has configured this mount yet"},
    {0, "role name", "the server has no such role"},
    {0, NULL, "the role does not exist, or the token is not a service account's"},
};

static const struct login_hint jwt_hints[] = {
    OTHER_METHOD,
    {0, "could not be found", "the server has no such role"},
    {0, "could not load configuration", "nobody has configured this mount yet"},
    {0, "compact JWS", "what was given is no JWT"},
    {0, "missing role", "the mount has no default role, so one must be named"},
    {0, "expired", "the token has expired"},
    {0, "(exp)", "the token has expired"},
    {0, "audience", "the token is for another audience than the role's bound_audiences"},
    {0, "(aud)", "the token is for another audience than the role's bound_audiences"},
    {0, "issuer", "the token's issuer is not the mount's bound_issuer"},
    {0, "(iss)", "the token's issuer is not the mount's bound_issuer"},
    {0, "validating claims", "the token's claims are not those the role is bound to"},
    {0, "validating token", "the server does not know the key that signed the token"},
    {403, NULL, NO_MOUNT NOT_BOUND},
    {0, NULL, "the role does not exist or does not accept this token"},
};

static const struct login_hint cert_hints[] = {
    OTHER_METHOD,
    {0, "no client certificate found",
     "the certificate did not reach the server: its listener does not ask for one, or something "
     "in between ended the TLS connection"},
    {0, "matching all constraints", "no role accepts this certificate's authority and names"},
    {403, NULL, NO_MOUNT NOT_BOUND},
    {0, NULL, "the certificate is not one that a role of this mount trusts, or has expired"},
};

static const struct login_hint userpass_hints[] = {
    {0, "unsupported path",
     "another method is mounted there, or no user's name can hold such a character"},
    {0, "unsupported operation", "another method is mounted there"},
    {0, "failed to determine alias name",
     "another method is mounted there, or no user's name can hold such a character"},
    {403, NULL, NO_MOUNT ", a user locked for minutes after failed log-ins" NOT_BOUND},
    {0, NULL, "the user name or the password is wrong"},
};

static const struct login_hint azure_hints[] = {
    OTHER_METHOD,
    {403, NULL,
     "no such auth mount (OpenBao has no azure method; its jwt method takes the token), one of "
     "another method" NOT_BOUND},
    {0, "not authorized", "the role is not bound to this identity or machine"},
    {0, "unauthorized", "the role is not bound to this identity or machine"},
    {0, "role", "the server has no such role"},
    {0, NULL,
     "the token is not for the mount's resource, has expired, or is not of this subscription, "
     "resource group and machine"},
};

static const struct login_method methods[] = {
    [VAULT_AUTH_TOKEN] =
        {
            .name = "token",
            .is_given = true,
            .members = {{.what = "token",
                         .at = AT(token),
                         .missing = "there is no Vault token: set VAULT_TOKEN, or configure a way "
                                    "to log in"}},
            .hints = token_hints,
        },
    [VAULT_AUTH_TOKEN_FILE] =
        {
            .name = "token",
            .is_given = true,
            .needs_file = true,
            .members = {{.what = "token",
                         .at = AT(token),
                         .missing = "the token file has no name"}},
            .hints = token_hints,
        },
    [VAULT_AUTH_APPROLE] =
        {
            .name = "approle",
            .subject = "role",
            .is_lockable = true,
            .members = {{.name = "role_id",
                         .what = "role id",
                         .at = AT(role_id),
                         .missing = "AppRole needs a role id"},
                        {.name = "secret_id",
                         .what = "secret id",
                         .at = AT(secret_id),
                         .is_removable = true}},
            .hints = approle_hints,
        },
    [VAULT_AUTH_KUBERNETES] =
        {
            .name = "kubernetes",
            .subject = "role",
            .members = {{.name = "role",
                         .what = "role",
                         .at = AT(role),
                         .is_plain = true,
                         .missing = "the Kubernetes log-in needs a role"},
                        {.name = "jwt",
                         .what = "service account token",
                         .at = AT(jwt),
                         .is_fetchable = true,
                         .is_jwt = true,
                         .default_file = "/var/run/secrets/kubernetes.io/serviceaccount/token"}},
            .hints = kubernetes_hints,
        },
    [VAULT_AUTH_JWT] =
        {
            .name = "jwt",
            .subject = "role",
            .unnamed = " as the default role",
            .members = {{.name = "role", .what = "role", .at = AT(role), .is_plain = true},
                        {.name = "jwt",
                         .what = "JWT",
                         .at = AT(jwt),
                         .is_fetchable = true,
                         .is_jwt = true,
                         .missing = "the JWT log-in needs a token"}},
            .hints = jwt_hints,
        },
    [VAULT_AUTH_CERT] =
        {
            .name = "cert",
            .subject = "role",
            .unnamed = " as any role",
            .needs_certificate = true,
            .members = {{.name = "name", .what = "role", .at = AT(role), .is_plain = true}},
            .hints = cert_hints,
        },
    [VAULT_AUTH_USERPASS] =
        {
            .name = "userpass",
            .subject = "user",
            .is_lockable = true,
            .members = {{.what = "user name",
                         .at = AT(username),
                         .is_plain = true,
                         .is_in_path = true,
                         .missing = "the log-in with a password needs a user name"},
                        {.name = "password",
                         .what = "password",
                         .at = AT(password),
                         .is_free = true,
                         .missing = "the log-in with a password needs a password"}},
            .hints = userpass_hints,
        },
    [VAULT_AUTH_AZURE] =
        {
            .name = "azure",
            .subject = "role",
            .members = {{.name = "role",
                         .what = "role",
                         .at = AT(role),
                         .is_plain = true,
                         .missing = "the Azure log-in needs a role"},
                        {.name = "jwt",
                         .what = "managed identity token",
                         .at = AT(jwt),
                         .is_fetchable = true,
                         .is_jwt = true,
                         .missing = "the Azure log-in needs a managed identity's token"},
                        {.name = "subscription_id",
                         .what = "subscription id",
                         .at = AT(azure_subscription_id),
                         .is_plain = true},
                        {.name = "resource_group_name",
                         .what = "resource group name",
                         .at = AT(azure_resource_group_name),
                         .is_plain = true},
                        {.name = "vm_name",
                         .what = "machine's name",
                         .at = AT(azure_vm_name),
                         .is_plain = true},
                        {.name = "vmss_name",
                         .what = "scale set's name",
                         .at = AT(azure_vmss_name),
                         .is_plain = true}},
            .hints = azure_hints,
        },
};

const struct login_method *vault_login_method(enum vault_auth_method method)
{
    return (size_t)method < sizeof methods / sizeof *methods ? &methods[method] : NULL;
}

const char *vault_login_hint(const struct login_method *method, int status, struct text body)
{
    const struct login_hint *hint = method->hints;

    while ((hint->status && hint->status != status) ||
           (hint->says && !vault_wire_says(body, hint->says)))
        hint++;
    return hint->means;
}
