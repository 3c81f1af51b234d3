/* SPDX-License-Identifier: Apache-2.0 */
/* A real server that limits how often it is asked: what is over the limit was not done, and is
 * waited for where that helps. */
#include "openbao_scene.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define QUOTA "sys/quotas/rate-limit/few"

/* The mount is known before, so that only what the test does counts. */
static struct scene *scene_with_quota(const char *quota)
{
    struct scene *scene = scene_open();

    vault_metadata_of(&scene->loop, scene->client, "quota");
    administer(scene, "POST", QUOTA, quota);
    return scene;
}

TEST(over_a_quota_a_read_and_a_write_are_throttled_and_nothing_is_ambiguous)
{
    struct scene *scene = scene_with_quota("{\"path\":\"kv/\",\"rate\":1,\"interval\":\"1h\"}");
    struct vault_version none = {0};
    struct vault_outcome outcome = vault_metadata_of(&scene->loop, scene->client, "quota");

    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    outcome = vault_metadata_of(&scene->loop, scene->client, "quota");
    expect_kind(&outcome, FAILURE_THROTTLED, "429 request path \"kv/metadata/quota\": rate limit");
    outcome = vault_set_field(&scene->loop, scene->client, "quota", "k", "a new value", &none);
    expect_kind(&outcome, FAILURE_THROTTLED, "rate limit quota exceeded");
    administer(scene, "DELETE", QUOTA, NULL);
    outcome = vault_metadata_of(&scene->loop, scene->client, "quota");
    expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    scene_close(scene);
}

TEST(the_end_of_a_quota_that_the_server_names_is_waited_for)
{
    struct scene *scene;
    struct vault_outcome outcome;

    scene = scene_open();
    administer(scene, "POST", "sys/quotas/config", "{\"enable_rate_limit_response_headers\":true}");
    scene_close(scene);
    scene = scene_with_quota("{\"path\":\"kv/\",\"rate\":1,\"interval\":\"3s\"}");
    for (int i = 0; i < 2; i++) {
        outcome = vault_metadata_of(&scene->loop, scene->client, "quota");
        expect_kind(&outcome, FAILURE_NOT_FOUND, "");
    }
    administer(scene, "DELETE", QUOTA, NULL);
    scene_close(scene);
}

int main(void)
{
    return RUN(CASE(over_a_quota_a_read_and_a_write_are_throttled_and_nothing_is_ambiguous),
               CASE(the_end_of_a_quota_that_the_server_names_is_waited_for));
}
