/* SPDX-License-Identifier: Apache-2.0 */
/* One event, one line on standard error, as logfmt: time, level, event, fields. Values are quoted
 * where needed and cut at 500 bytes. Callers pass names and failure texts, never values of secrets.
 */
#ifndef AGENT_DAEMON_LOG_H
#define AGENT_DAEMON_LOG_H

#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_field {
    const char *name;
    struct text value;
};

/* Nothing below this level is written. The start value is LOG_OFF: libraries and one-shot commands
 * are quiet. */
void log_set_level(enum log_level level);
void log_event(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

#define FIELD(name, string)                                                                        \
    {                                                                                              \
        (name), text_of(string)                                                                    \
    }
#define FIELD_TEXT(name, text)                                                                     \
    {                                                                                              \
        (name), (text)                                                                             \
    }
#define LOG_LINE(level, event, ...)                                                                \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define log_info(event, ...)  LOG_LINE(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_LINE(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_LINE(LOG_ERROR, event, __VA_ARGS__)

#endif
