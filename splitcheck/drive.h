/* One run: so many requests over so many connections, in a closed or an open loop, with reloads in
 * between. */
#ifndef WEIR_SPLITCHECK_DRIVE_H
#define WEIR_SPLITCHECK_DRIVE_H

#include <netinet/in.h>
#include <stdio.h>
#include <uv.h>

#include "splitcheck/sample.h"

/* Called in place of the reload command, while no request is on its way. */
typedef void drive_reload_fn(void *ctx);

struct drive_terms {
    const struct asked *asked;
    uv_loop_t *loop;
    FILE *progress;          /* NULL: tells nobody */
    drive_reload_fn *reload; /* NULL: asked->reload_command is run */
    void *reload_ctx;
    void (*on_end)(
        void *ctx); /* when the last request is done: the loop may have other users. NULL: none */
    void *end_ctx;
};

enum { DRIVE_WHY_BYTES = 320 };

/* Runs the loop until all is done. NULL, or why the split could not be measured: words that are
 * good until the next call. The sample has what came, in both cases. Blocks. */
const char *drive_run(const struct drive_terms *terms, struct sample *sample);

#endif
