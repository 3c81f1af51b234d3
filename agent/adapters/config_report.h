/* SPDX-License-Identifier: Apache-2.0 */
/* Collects what is wrong with a file, and writes it down in file order. */
#ifndef AGENT_ADAPTERS_CONFIG_REPORT_H
#define AGENT_ADAPTERS_CONFIG_REPORT_H

#include "agent/adapters/config.h"

#define REPORT_LINES 1000 /* more are counted, not kept */

struct report_line {
    unsigned line, column;
    size_t order;
    bool is_warning;
    char *text;
};

struct report {
    const char *path;
    struct report_line *lines;
    size_t count, capacity, unkept;
    size_t errors, warnings;
    bool is_broken; /* out of memory */
};

struct report_place {
    unsigned line, column; /* from 1 */
};

void report_error(struct report *report, struct report_place place, const char *format, ...)
    printf_like(3, 4);
void report_warning(struct report *report, struct report_place place, const char *format, ...)
    printf_like(3, 4);
void report_out_of_memory(struct report *report);
/* Moves everything to `problems`, sorted, and frees the report. */
void report_finish(struct report *report, struct config_problems *problems);

#endif
