/* SPDX-License-Identifier: Apache-2.0 */
#include "azureclient/azureclient.h"
#include "tests/support/test.h"

#include <string.h>

#define BUS                                                                                        \
    "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=rule;SharedAccessKey=canary+/=="
#define SIGNALR "Endpoint=https://x.service.signalr.net;AccessKey=canary=;Version=1.0;"
#define STORAGE                                                                                    \
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=canary==;"                            \
    "EndpointSuffix=core.windows.net"
#define STORE "Endpoint=https://c.azconfig.io;Id=0-l9-s0:abc;Secret=canary="

static const struct azure_key_kind *kind_of(const char *name)
{
    const struct azure_key_kind *kind = azure_key_kind_named(text_of(name));

    assert_non_null(kind);
    return kind;
}

static void assert_inside(const char *kind, const char *string, const char *key)
{
    struct secret *value = secret_new(text_of(string));
    struct secret *found = azure_key_inside(kind_of(kind), value, NULL);

    assert_non_null(found);
    assert_true(text_is(secret_reveal(found), key));
    secret_free(found);
    secret_free(value);
}

static void assert_none(const char *kind, const char *string, const char *words)
{
    struct secret *value = secret_new(text_of(string));
    struct failure why = {0};

    assert_null(azure_key_inside(kind_of(kind), value, &why));
    assert_int_equal(why.kind, FAILURE_INVALID);
    assert_non_null(strstr(why.text, words));
    assert_null(strstr(why.text, "canary"));
    secret_free(value);
}

TEST(the_key_is_found_by_its_name_in_any_case)
{
    assert_inside("servicebus-namespace-rule", BUS, "canary+/==");
    assert_inside("eventhub-namespace-rule", BUS ";EntityPath=hub", "canary+/==");
    assert_inside("notification-hub-rule", BUS, "canary+/==");
    assert_inside("relay-namespace-rule", BUS, "canary+/==");
    assert_inside("signalr", SIGNALR, "canary=");
    assert_inside("webpubsub", SIGNALR, "canary=");
    assert_inside("storage-account", STORAGE, "canary==");
    assert_inside("cosmos-db", "AccountEndpoint=https://c.documents.azure.com:443/;AccountKey=k==;",
                  "k==");
    assert_inside("app-configuration", STORE, "canary=");
    assert_inside("communication-service",
                  "endpoint=https://c.communication.azure.com/;AccessKey=k", "k");
    assert_inside(
        "iot-hub-policy",
        "HostName=h.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=k=", "k=");
    assert_inside("redis", "c.redis.cache.windows.net:6380,password=k=,ssl=True,abortConnect=False",
                  "k=");
    assert_inside("storage-account", " accountname=a; ACCOUNTKEY = k== ", "k==");
}

TEST(what_holds_no_key_or_two_is_told)
{
    assert_none("servicebus-namespace-rule", "canary", "no connection string");
    assert_none("servicebus-namespace-rule", "SharedAccessKeyName=canary;SharedAccessSignature=x",
                "it holds no SharedAccessKey=");
    assert_none("servicebus-namespace-rule", BUS ";SharedAccessKey=canary", "twice");
    assert_none("servicebus-namespace-rule", "Endpoint=sb://x;SharedAccessKey=;a=canary",
                "nothing follows");
    assert_none("maps", BUS, "no connection strings are known of kind maps");
}

static void assert_replaced(const char *kind, const char *string, const char *key,
                            const char *result)
{
    struct secret *value = secret_new(text_of(string)), *fresh = secret_new(text_of(key));
    struct failure why = {0};
    struct secret *made = azure_key_replace_inside(kind_of(kind), value, fresh, &why);

    if (result) {
        assert_non_null(made);
        assert_true(text_is(secret_reveal(made), result));
    } else {
        assert_null(made);
        assert_int_equal(why.kind, FAILURE_INVALID);
        assert_null(strstr(why.text, "canary"));
    }
    secret_free(made);
    secret_free(fresh);
    secret_free(value);
}

TEST(a_replaced_key_leaves_the_rest_as_it_was)
{
    assert_replaced("signalr", SIGNALR,
                    "new==", "Endpoint=https://x.service.signalr.net;AccessKey=new==;Version=1.0;");
    assert_replaced("storage-account", "AccountKey = a ;AccountName=b", "new",
                    "AccountKey = new ;AccountName=b");
    assert_replaced("redis", "h:6380,password=a,ssl=True", "b;c", "h:6380,password=b;c,ssl=True");
}

TEST(a_key_that_would_change_the_meaning_of_the_rest_is_refused)
{
    assert_replaced("storage-account", STORAGE, "canary;BlobEndpoint=https://evil", NULL);
    assert_replaced("redis", "h:6380,password=a", "canary,ssl=False", NULL);
    assert_replaced("storage-account", STORAGE, "canary\n", NULL);
    assert_replaced("storage-account", STORAGE, " canary", NULL);
    assert_replaced("storage-account", "canary", "canary", NULL);
    /* Its Id belongs to the old key. */
    assert_replaced("app-configuration", STORE, "canary", NULL);
}

int main(void)
{
    return RUN(CASE(the_key_is_found_by_its_name_in_any_case),
               CASE(what_holds_no_key_or_two_is_told),
               CASE(a_replaced_key_leaves_the_rest_as_it_was),
               CASE(a_key_that_would_change_the_meaning_of_the_rest_is_refused));
}
