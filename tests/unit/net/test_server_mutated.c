/* SPDX-License-Identifier: Apache-2.0 */
/* Good requests with a few bytes changed, in pieces: a small, repeatable fuzzer. Whatever comes,
 * the server lives, says only HTTP, and closes. */
#include "tests/unit/net/server_bench.h"

static const char *const seeds[] = {
    "GET /a?b=c&d=%20 HTTP/1.1\r\nHost: a\r\nX-Test: b\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n0123456789"
    "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    "HEAD /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /reset HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI * "
    "HTTP/2.0\r\n\r\nSM\r\n",
};

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void mutate(struct buffer *request, uint32_t *random)
{
    static const char favourites[] = "\r\n\0 :,;=#%/0159\x7f\xff\t-+A";
    uint32_t edits = next_random(random) % 5;

    for (uint32_t i = 0; i < edits && request->size > 1; i++) {
        size_t at = next_random(random) % request->size;

        switch (next_random(random) % 3) {
        case 0:
            request->start[at] = favourites[next_random(random) % (sizeof(favourites) - 1)];
            break;
        case 1:
            memmove(request->start + at, request->start + at + 1, request->size - at - 1);
            request->size--;
            break;
        default:
            request->start[at] = (char)next_random(random);
        }
    }
}

TEST(mutated_requests_do_no_harm)
{
    struct bench bench;
    struct buffer request, answer;
    uint32_t random = 20260101;

    bench_open(&bench, (struct server_settings){.max_body = 1000, .max_headers = 300});
    buffer_init(&request, 4096);
    buffer_init(&answer, 65536);
    for (int i = 0; i < 1500; i++) {
        int fd = client_connect(&bench);
        struct text rest;
        ssize_t size;

        buffer_reset(&request);
        buffer_reset(&answer);
        buffer_append_string(&request, seeds[i % (int)(sizeof(seeds) / sizeof(seeds[0]))]);
        mutate(&request, &random);
        rest = buffer_text(&request);
        while (rest.size) {
            size_t piece = 1 + next_random(&random) % 60;

            if (!client_send(&bench, fd, text_part(rest, 0, piece)))
                break;
            uv_run(&bench.loop, UV_RUN_NOWAIT);
            rest = text_part(rest, piece, rest.size);
        }
        shutdown(fd, SHUT_WR);
        while ((size = client_receive(&bench, fd, &answer)) > 0 || size == -1)
            continue;
        assert_true(answer.size == 0 || text_starts_with(buffer_text(&answer), TEXT("HTTP/1.1 ")));
        assert_int_equal(bench.held_count, 0);
        close(fd);
    }
    assert_true(bench.calls > 100);
    buffer_clear(&request);
    buffer_clear(&answer);
    bench_close(&bench);
}

int main(void)
{
    return RUN(CASE(mutated_requests_do_no_harm));
}
