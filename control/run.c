/* Making and freeing what an execution has a worker do. */
#include "control/run.h"

#include <stdlib.h>
#include <string.h>

struct run *run_make(const struct run_spec *spec)
{
    struct run *run = calloc(1, sizeof(*run));

    if (!run)
        return NULL;
    run->table = spec->table ? table_ref(spec->table) : NULL;
    run->function = strdup(spec->function);
    run->qualifier = strdup(spec->qualifier);
    run->version = strdup(spec->version);
    run->fields = strdup(spec->fields);
    run->input = malloc(spec->input_bytes + 1);
    run->content_type = spec->content_type ? spec->content_type : "application/json";
    run->max_bytes = spec->max_bytes ? spec->max_bytes : RUN_BODY_MAX;
    run->limit_ms = spec->limit_ms;
    run->over = spec->over;
    run->context = spec->context;
    if (!run->function || !run->qualifier || !run->version || !run->fields || !run->input) {
        run_free(&run);
        return NULL;
    }
    if (spec->input_bytes > 0)
        memcpy(run->input, spec->input, spec->input_bytes);
    run->input_bytes = spec->input_bytes;
    return run;
}

void run_free(struct run **run)
{
    struct run *r = *run;

    *run = NULL;
    if (!r)
        return;
    if (r->table)
        table_unref(&r->table);
    free(r->function);
    free(r->qualifier);
    free(r->version);
    free(r->fields);
    free(r->input);
    free(r->body);
    free(r);
}
