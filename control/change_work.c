/* An operation as its parts share it: how it gets into the queue, and how it fails. */
#include <stdlib.h>

#include "control/apicopy.h"
#include "control/change_parts.h"

struct change_work *change_work_queue(const struct api_hooks *hooks,
                                      const struct api_request *request, change_fn *handle)
{
    const struct api_request none = {.method = STR("")};
    struct change_work *w = calloc(1, sizeof(*w));

    if (!w || apicopy_make(&w->copy, &w->change.request, request ? request : &none) < 0) {
        free(w);
        return NULL;
    }
    w->change.hooks = hooks;
    w->change.work = w;
    w->engine = hooks->changes;
    w->handle = handle;
    TAILQ_INSERT_TAIL(&w->engine->queue, w, link);
    hooks->soon(hooks->context);
    return w;
}

void change_work_fail(struct change_work *w, enum change_status status, const char *reason)
{
    w->result.status = status;
    w->result.reason = reason;
    w->stage = STAGE_SETTLED;
}

void change_work_fail_memory(struct change_work *w)
{
    change_work_fail(w, CHANGE_FAILED, "out of memory");
}
