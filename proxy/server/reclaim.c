/* What runs beside the control loop to free memory.
 *
 * malloc_trim holds the lock of one arena after the other. The large ones are those of the
 * threads that build and free tables; a worker waits for its own alone, which is small, as it
 * allocates next to nothing. */
#include "proxy/server/reclaim.h"

#include <malloc.h>

enum { TRIM_MS = 1500, KEPT_BYTES = 1024 * 1024 };

/* malloc_trim does not look at the free memory at the end of an arena, which only freeing a
 * block before it gives back. By itself glibc keeps up to 64 MiB there once a large table was
 * freed: fixed limits end that. And blocks that lie in its lists of small ones join that end
 * without giving anything back: M_MXFAST does without these lists. */
void reclaim_init(struct reclaim *r, struct qsbr *qsbr)
{
    *r = (struct reclaim){.qsbr = qsbr};
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MXFAST, 0);
}

static void work(uv_work_t *request)
{
    struct reclaim *r = request->data;

    qsbr_reclaim(r->qsbr);
    if (r->is_trimming)
        malloc_trim(0);
}

static void on_done(uv_work_t *request, int status)
{
    struct reclaim *r = request->data;

    (void)status;
    r->is_running = false;
}

void reclaim_run(struct reclaim *r, uv_loop_t *loop, uint64_t now_ms)
{
    if (r->is_running)
        return;
    r->is_trimming = r->trim_at_ms > 0 && now_ms >= r->trim_at_ms;
    if (!r->is_trimming && qsbr_is_empty(r->qsbr))
        return;
    if (r->is_trimming)
        r->trim_at_ms = 0;
    r->work.data = r;
    r->is_running = uv_queue_work(loop, &r->work, work, on_done) == 0;
}

void reclaim_trim(struct reclaim *r, uint64_t now_ms)
{
    r->trim_at_ms = now_ms + TRIM_MS;
}
