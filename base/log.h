/* The process log: one line per event on standard error, for operators. Not for what happens per
 * exchange: that is the access log's and the metrics' matter. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped. Set before threads start; default LOG_INFO. */
void log_set_level(enum log_level level);

/* "error", "warning", "info" or "debug" to a level; false where it is none. */
bool log_parse_level(const char *name, enum log_level *level);

/* Writes "TIME LEVEL message" in one write(2). Any thread. A message over 4 KiB is cut. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

#endif
