/* One line of the access log, formatted by hand: it is written for every exchange, on the worker.
 * docs/metrics.md describes both formats. */
#ifndef WEIR_METRICS_ACCESSLINE_H
#define WEIR_METRICS_ACCESSLINE_H

#include <stddef.h>
#include <stdint.h>

#include "metrics/accesslog.h"

/* A line with its line feed never is longer: PIPE_BUF, so that a pipe takes it in one piece. */
enum { ACCESSLINE_MAX = 4096 };

/* Remembers the text of the last second. All zero is ready for use. */
struct accessline_clock {
    uint64_t second;
    char text[24]; /* 2026-01-01T00:00:00 */
};

/* Writes a line with its line feed and returns the place behind it. out has room for ACCESSLINE_MAX
 * bytes, all of which may be written to. */
char *accessline_json(char *out, const struct accesslog_entry *entry,
                      struct accessline_clock *clock);
char *accessline_text(char *out, const struct accesslog_entry *entry,
                      struct accessline_clock *clock);

#endif
