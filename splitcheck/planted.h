/* A server with a known split: what the self-test measures. It answers each request of a kept
 * connection with the version that its plan picks next. On the caller's loop and thread, on
 * 127.0.0.1. */
#ifndef WEIR_SPLITCHECK_PLANTED_H
#define WEIR_SPLITCHECK_PLANTED_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/prng.h"

enum planted_kind {
    PLANTED_EXACT,  /* spread evenly: no fault */
    PLANTED_RANDOM, /* drawn independently: no fault */
    PLANTED_BLOCKS, /* of each hundred, first all of version 1, then all of version 2 */
};

struct planted_plan {
    enum planted_kind kind;
    uint32_t percent;   /* of version 2 */
    bool is_off_by_one; /* "up to" where "below" is meant: a percent more */
    bool forgets_on_reload;
};

struct planted;

/* NULL when out of memory or without a port. Draws begin with the same seed each time. */
struct planted *planted_open(uv_loop_t *loop, const struct planted_plan *plan);

uint16_t planted_port(const struct planted *planted);

/* What an operator's reload does to the server. */
void planted_reload(struct planted *planted);

/* Ends all connections; frees itself when the loop has closed them. */
void planted_close(struct planted *planted);

#endif
