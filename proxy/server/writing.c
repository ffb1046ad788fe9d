/* A request to libuv's pool for each listing. */
#include "proxy/server/writing.h"

#include <stdlib.h>
#include <uv.h>

#include "control/listing.h"
#include "proxy/io/release.h"
#include "proxy/server/state.h"

struct writing {
    uv_work_t work;
    struct server *server;
    struct listing *listing;
};

static void work(uv_work_t *request)
{
    struct writing *w = request->data;

    listing_write(w->listing);
}

static void on_worked(uv_work_t *request, int status)
{
    struct writing *w = request->data;
    struct server *s = w->server;

    (void)status; /* nobody cancels it */
    loop_wake_up(&s->loop);
    s->nr_writing--;
    release_take(&s->loop, listing_written(w->listing));
    free(w);
}

int writing_begin(struct server *s, struct listing *listing)
{
    struct writing *w = malloc(sizeof(*w));

    if (!w)
        return -1;
    w->server = s;
    w->listing = listing;
    w->work.data = w;
    s->nr_writing++;
    /* It can only refuse a function that is NULL. */
    (void)uv_queue_work(&s->loop.uv, &w->work, work, on_worked);
    return 0;
}
