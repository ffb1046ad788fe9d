/* A request to libuv's pool for each. */
#include "proxy/io/release.h"

#include <stdlib.h>

static void work(uv_work_t *request)
{
    free(request->data);
}

static void on_done(uv_work_t *request, int status)
{
    (void)status; /* nobody cancels it */
    free(request);
}

void release_take(struct loop *loop, void *memory)
{
    uv_work_t *request = memory ? malloc(sizeof(*request)) : NULL;

    if (!request) {
        free(memory);
        return;
    }
    request->data = memory;
    /* It can only refuse a function that is NULL. */
    (void)uv_queue_work(&loop->uv, request, work, on_done);
}
