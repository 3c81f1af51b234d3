/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for any secret, and what holds for those in locked regions. The latter cannot be seen
 * under AddressSanitizer and valgrind, where each secret is an allocation of its own: there the
 * test is that the allocation is wiped before it is freed. The linker wraps malloc() and free(). */
#include "base/secret.h"

#include "tests/unit/base/assert_text.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECRETS 5000

static bool no_memory;
static const char *watched; /* while not NULL, free() copies what is there to `seen` */
static char seen[64];

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

void __wrap_free(void *memory)
{
    if (watched && memory && (const char *)memory < watched && watched - (char *)memory < 64)
        memcpy(seen, watched, sizeof(seen));
    __real_free(memory);
}

static struct secret *filled_secret(size_t size, unsigned seed)
{
    char *bytes = malloc(size + 1);
    struct secret *secret;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(seed * 31 + i);
    secret = secret_new((struct text){bytes, size});
    free(bytes);
    assert_non_null(secret);
    return secret;
}

static bool is_filled(const struct secret *secret, size_t size, unsigned seed)
{
    struct text text = secret_reveal(secret);

    for (size_t i = 0; i < size; i++)
        if (text.start[i] != (char)(seed * 31 + i))
            return false;
    return text.size == size && text.start[size] == '\0';
}

TEST(a_secret_is_a_copy)
{
    char value[] = "hunter2";
    struct secret *secret = secret_new(text_of(value)), *copy;

    memset(value, 'x', sizeof(value));
    assert_non_null(secret);
    assert_text_is(secret_reveal(secret), "hunter2");
    assert_int_equal(secret_reveal(secret).start[7], '\0');

    copy = secret_copy(secret);
    assert_null(secret_free(secret));
    assert_non_null(copy);
    assert_text_is(secret_reveal(copy), "hunter2");
    assert_null(secret_free(copy));
}

TEST(a_secret_may_be_empty_or_hold_nul)
{
    struct secret *empty = secret_new((struct text){NULL, 0}), *nul = secret_new(TEXT("a\0b"));

    assert_non_null(empty);
    assert_int_equal(secret_reveal(empty).size, 0);
    assert_int_equal(secret_reveal(empty).start[0], '\0');
    assert_non_null(nul);
    assert_true(text_equal(secret_reveal(nul), TEXT("a\0b")));
    secret_free(empty);
    secret_free(nul);
}

TEST(every_size_to_a_few_pages_holds_its_bytes)
{
    static struct secret *secrets[9000];

    for (size_t size = 0; size < 9000; size += size < 4200 ? 1 : 97)
        secrets[size] = filled_secret(size, (unsigned)size);
    for (size_t size = 0; size < 9000; size++) {
        if (!secrets[size])
            continue;
        assert_true(is_filled(secrets[size], size, (unsigned)size));
        secrets[size] = secret_free(secrets[size]);
    }
}

TEST(a_megabyte_is_the_limit)
{
    struct secret *secret = filled_secret(SECRET_LIMIT, 7);
    char *too_long = calloc(1, SECRET_LIMIT + 1);

    assert_true(is_filled(secret, SECRET_LIMIT, 7));
    secret_free(secret);
    assert_non_null(too_long);
    assert_null(secret_new((struct text){too_long, SECRET_LIMIT + 1}));
    assert_null(secret_new((struct text){too_long, SIZE_MAX}));
    free(too_long);
}

TEST(secrets_that_come_and_go_keep_their_bytes)
{
    static struct secret *secrets[600];
    static size_t sizes[600];
    uint32_t random = 1;

    for (unsigned turn = 0; turn < 60000; turn++) {
        size_t i;

        random = random * 1664525 + 1013904223;
        i = random >> 16;
        i %= turn / 10000 % 2 ? 40 : 600; /* so that regions also empty */
        if (secrets[i]) {
            assert_true(is_filled(secrets[i], sizes[i], (unsigned)i));
            secrets[i] = secret_free(secrets[i]);
        } else {
            sizes[i] = random % 7 ? (random >> 8) % 300 : (random >> 8) % 5000;
            secrets[i] = filled_secret(sizes[i], (unsigned)i);
        }
    }
    for (size_t i = 0; i < 600; i++)
        secrets[i] = secret_free(secrets[i]);
}

static void *come_and_go(void *context)
{
    unsigned seed = *(unsigned *)context;
    struct secret *secrets[50] = {NULL};
    uintptr_t wrong = 0;

    for (unsigned turn = 0; turn < 5000; turn++) {
        unsigned i = turn * 7 % 50;

        if (secrets[i])
            wrong += !is_filled(secrets[i], 20 + i * 5, seed + i);
        secret_free(secrets[i]);
        secrets[i] = filled_secret(20 + i * 5, seed + i);
    }
    for (unsigned i = 0; i < 50; i++)
        secret_free(secrets[i]);
    return (void *)wrong;
}

TEST(threads_do_not_disturb_each_other)
{
    pthread_t threads[4];
    unsigned seeds[4] = {1, 1000, 2000, 3000};

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &seeds[i]), 0);
    for (unsigned i = 0; i < 4; i++) {
        void *wrong;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

TEST(equality_is_of_size_and_contents)
{
    struct secret *a = secret_new(TEXT("same")), *b = secret_new(TEXT("same"));
    struct secret *other = secret_new(TEXT("sama")), *longer = secret_new(TEXT("same\0"));
    struct secret *empty = secret_new(TEXT("")), *empty_too = secret_new(TEXT(""));

    assert_true(secret_equal(a, a));
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, other));
    assert_false(secret_equal(a, longer));
    assert_false(secret_equal(a, empty));
    assert_true(secret_equal(empty, empty_too));
    assert_false(secret_equal(a, NULL));
    assert_false(secret_equal(NULL, a));
    assert_false(secret_equal(NULL, NULL));
    secret_free(a);
    secret_free(b);
    secret_free(other);
    secret_free(longer);
    secret_free(empty);
    secret_free(empty_too);
}

TEST(freeing_nothing_is_fine)
{
    struct secret *secret = NULL;

    assert_null(secret_free(NULL));
    secret_clean(&secret);
    secret = secret_new(TEXT("x"));
    assert_non_null(secret);
    secret_clean(&secret);
    assert_null(secret);
}

TEST(out_of_memory_gives_no_secret)
{
    struct secret *small, *large;

    no_memory = true;
    small = secret_new(TEXT("x"));
    large = secret_new((struct text){(const char[5000]){0}, 5000});
    no_memory = false;
    assert_null(small);
    assert_null(large);
}

TEST(wiping_leaves_zeros)
{
    char memory[8] = "abcdefg";

    wipe(memory + 1, 5);
    assert_memory_equal(memory, "a\0\0\0\0\0g", 8);
    wipe(memory, 0);
    assert_int_equal(memory[0], 'a');
    wipe(NULL, 0);
}

/* In locked regions. */

/* The line of /proc/self/status that starts with `name`, in kB. */
static size_t status_kb(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    size_t kb = SIZE_MAX;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtoul(line + strlen(name), NULL, 10);
    fclose(file);
    assert_true(kb != SIZE_MAX);
    return kb;
}

static size_t pages_kb(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) / page * page >> 10;
}

/* Whether the mapping around `address` has the flag "dd": do not dump. */
static bool is_left_out_of_dumps(const void *address)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_ours = false, has_flag = false;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        unsigned long start, end;

        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_ours = (uintptr_t)address >= start && (uintptr_t)address < end;
        else if (is_ours && strncmp(line, "VmFlags:", 8) == 0)
            has_flag = strstr(line, " dd") != NULL;
    }
    fclose(file);
    return has_flag;
}

TEST(five_thousand_secrets_lock_less_than_a_megabyte)
{
    static struct secret *secrets[SECRETS];
    size_t before = status_kb("VmLck:"), during, after;

    for (unsigned i = 0; i < SECRETS; i++)
        secrets[i] = filled_secret(100, i);
    during = status_kb("VmLck:");
    for (unsigned i = 0; i < SECRETS; i++) {
        assert_true(is_filled(secrets[i], 100, i));
        secret_free(secrets[i]);
    }
    after = status_kb("VmLck:");
    assert_true(during > before);
    assert_true(during - before < 1024);
    assert_int_equal(after, before);
}

TEST(holes_are_filled_before_more_is_locked)
{
    struct secret *secrets[4 * 128];
    size_t before = status_kb("VmLck:"), full;

    for (unsigned i = 0; i < 4 * 128; i++)
        secrets[i] = filled_secret(100, i);
    full = status_kb("VmLck:");
    assert_int_equal(full - before, 4 * pages_kb(16 << 10));
    for (unsigned i = 0; i < 4; i++)
        for (unsigned hole = 0; hole < 2; hole++)
            secret_free(secrets[i * 128 + hole]);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned hole = 0; hole < 2; hole++)
            secrets[i * 128 + hole] = filled_secret(100, i);
    assert_int_equal(status_kb("VmLck:"), full);
    for (unsigned i = 0; i < 4 * 128; i++)
        secret_free(secrets[i]);
    assert_int_equal(status_kb("VmLck:"), before);
}

TEST(secrets_small_and_large_are_locked_and_not_dumped)
{
    size_t before = status_kb("VmLck:");
    struct secret *small = filled_secret(10, 0), *large = filled_secret(5000, 0);

    assert_int_equal(status_kb("VmLck:") - before, pages_kb(16 << 10) + pages_kb(5000));
    assert_true(is_left_out_of_dumps(small));
    assert_true(is_left_out_of_dumps(large));
    assert_false(is_left_out_of_dumps(seen));
    secret_free(small);
    secret_free(large);
    assert_int_equal(status_kb("VmLck:"), before);
}

TEST(a_freed_cell_is_wiped_and_used_again)
{
    struct secret *neighbour = filled_secret(40, 1), *secret = filled_secret(40, 2), *next;
    const char *bytes = secret_reveal(secret).start;

    assert_true(is_filled(secret, 40, 2));
    secret_free(secret);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(bytes[i], 0);
    assert_true(is_filled(neighbour, 40, 1));
    next = filled_secret(40, 3);
    assert_ptr_equal(secret_reveal(next).start, bytes);
    secret_free(next);
    secret_free(neighbour);
}

/* As allocations of their own. */

TEST(a_secret_is_wiped_before_it_is_freed)
{
    struct secret *secret = filled_secret(sizeof(seen), 1);

    watched = secret_reveal(secret).start;
    memset(seen, 'x', sizeof(seen));
    secret_free(secret);
    watched = NULL;
    for (size_t i = 0; i < sizeof(seen); i++)
        assert_int_equal(seen[i], 0);
}

/* Whether secrets are in regions in this process. */
static bool has_regions(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return false;
#endif
#endif
    const char *preloaded = getenv("LD_PRELOAD");

    return !preloaded || !strstr(preloaded, "vgpreload");
}

/* Not where the limit is zero, nor where a sanitizer makes mlock() do nothing. */
static bool can_lock(void)
{
    size_t before = status_kb("VmLck:"), size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool can;

    assert_true(page != MAP_FAILED);
    can = mlock(page, size) == 0 && status_kb("VmLck:") > before;
    munmap(page, size);
    return can;
}

#define ANYWHERE                                                                                   \
    CASE(a_secret_is_a_copy), CASE(a_secret_may_be_empty_or_hold_nul),                             \
        CASE(every_size_to_a_few_pages_holds_its_bytes), CASE(a_megabyte_is_the_limit),            \
        CASE(secrets_that_come_and_go_keep_their_bytes), CASE(threads_do_not_disturb_each_other),  \
        CASE(equality_is_of_size_and_contents), CASE(freeing_nothing_is_fine),                     \
        CASE(out_of_memory_gives_no_secret), CASE(wiping_leaves_zeros)

int main(void)
{
    if (!has_regions())
        return RUN(ANYWHERE, CASE(a_secret_is_wiped_before_it_is_freed));
    if (!can_lock())
        return RUN(ANYWHERE, CASE(a_freed_cell_is_wiped_and_used_again));
    return RUN(ANYWHERE, CASE(a_freed_cell_is_wiped_and_used_again),
               CASE(holes_are_filled_before_more_is_locked),
               CASE(five_thousand_secrets_lock_less_than_a_megabyte),
               CASE(secrets_small_and_large_are_locked_and_not_dumped));
}
