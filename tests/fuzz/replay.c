/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for libFuzzer in a normal build: gives a fuzzer each file of a directory, as a TAP
 * test. An input is also cut short at many places: what a parser mishandles is most often the end.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that AddressSanitizer sees a read past its end. */
static void give(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void give_file(FILE *file, size_t cuts)
{
    static uint8_t data[(size_t)1 << 20];
    size_t size = fread(data, 1, sizeof data, file);

    for (size_t cut = 0; cut < cuts; cut++)
        give(data, size * cut / cuts);
    give(data, size);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc > 1 ? scandir(argv[1], &entries, is_input, alphasort) : -1;
    size_t cuts = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;

    if (count < 1) {
        printf("Bail out! usage: replay DIRECTORY [CUTS], with at least one input\n");
        return 2;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        printf("# %s\n", path);
        fflush(stdout); /* a crash shows which one it was */
        file = fopen(path, "rb");
        if (file)
            give_file(file, cuts);
        printf("%s %d - %s\n", file ? "ok" : "not ok", i + 1, entries[i]->d_name);
        if (file)
            fclose(file);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
