/* The process log: one line per event on standard error, for operators. Not for what happens per
 * exchange: that is the access log's and the metrics' matter. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped. Set before threads start; default LOG_INFO. */
void log_set_level(enum log_level level);

/* "error", "warning", "info" or "debug" to a level; false where it is none. */
bool log_parse_level(const char *name, enum log_level *level);

/* Logs "TIME LEVEL message" as one line. Any thread. A message over 4 KiB is cut. Between log_start
 * and log_stop it never waits; else it is one write(2) to standard error. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on a thread writes the lines, and a standard error that nobody reads stops nobody: lines
 * for which there is no room are lost, counted, and a line says so once there is room. 0 or a
 * negative errno. Control thread, first of all. */
int log_start(void) __attribute__((warn_unused_result));

/* Waits until all lines so far are written, at most so long. Any thread. False when the time was up
 * first. */
bool log_flush(uint64_t limit_ms);

/* Writes what can be written within the time and ends the thread. Control thread, last of all. */
void log_stop(uint64_t limit_ms);

/* Lines that were lost since log_start. Any thread. */
uint64_t log_lost(void);

/* A limit on lines that one cause could repeat without end: one a second. All zero at first. One
 * thread's. */
struct log_limit {
    uint64_t next_ms;     /* until then the cause has said its word */
    uint32_t nr_left_out; /* since its last line */
};

/* As log_line at LOG_WARNING, where the limit allows it; the next line that it allows says how many
 * were left out. now_ms: any clock that does not go back. */
void log_warning_limited(struct log_limit *limit, uint64_t now_ms, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

#endif
