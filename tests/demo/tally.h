/* What this endpoint has seen, for tests that compare it with what weir counted: GET /_count. */
#ifndef WEIR_DEMO_TALLY_H
#define WEIR_DEMO_TALLY_H

#include <stdint.h>

#include "bytes.h"

struct tally {
    uint64_t requests;    /* heads read, but for /_count and /_reset */
    uint64_t connections; /* that carried such a request */
    uint64_t accepted;    /* connections in all */
    uint64_t aborted;     /* requests whose client left before the answer was complete */
    uint64_t malformed;   /* requests that broke HTTP */
    uint64_t failed;      /* requests that were made to fail */
    uint64_t upgraded;    /* connections that became tunnels */
    uint64_t body_bytes;  /* of request bodies */
    uint64_t responses[6]; /* complete ones, by class: [2] is 2xx */
    uint64_t in_flight, open; /* now; not reset */
    uint64_t max_in_flight;
};

extern struct tally tally;

void tally_reset(void);
void tally_json(struct bytes *out, struct str version);

#endif
