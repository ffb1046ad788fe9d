/* What one worker thread lends: made once, and kept up to date with what is published. */
#include "proxy/worker/worker.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "proxy/tls/tls.h"
#include "proxy/worker/urlindex.h"

enum { RETRY_TOKEN = 100000, RETRY_TOKENS_MAX = 100 * RETRY_TOKEN, RETRIES_A_SECOND = 3 };

/* ---- What is in force ------------------------------------------------------------------------ */

bool worker_take_table(struct worker *w)
{
    if (worker_has_newest_table(w))
        return false;
    struct lease *lease = lease_make_take(shared_table(w->shared));

    if (!lease)
        return false;
    lease_unref(&w->lease);
    w->lease = lease;
    return true;
}

bool worker_take_settings(struct worker *w)
{
    /* Read first: what is taken then is that serial's, or newer. */
    uint64_t serial = atomic_load_explicit(&w->shared->settings_serial, memory_order_acquire);

    if (serial == w->settings_serial)
        return false;

    struct tuning *tuning = tuning_make_take(shared_settings(w->shared));
    struct tls_server *tls = shared_tls(w->shared);

    if (!tuning) {
        log_error("worker %d is out of memory and keeps its old settings for now", w->index);
        if (tls)
            tls_server_unref(&tls);
        return false;
    }
    if (w->tls)
        tls_server_unref(&w->tls);
    w->tls = tls;
    tuning_unref(&w->tuning);
    w->tuning = tuning;
    w->settings_serial = serial; /* last: where memory ran out, the next call tries again */
    return true;
}

/* ---- Small services -------------------------------------------------------------------------- */

struct str worker_date(struct worker *w)
{
    uint64_t second = w->loop.now_ms / 1000;

    if (second != w->date_s) {
        time_t now = (time_t)(clock_unix_us() / 1000000);
        struct tm tm;
        w->date_s = second;
        gmtime_r(&now, &tm);
        strftime(w->date_line, sizeof(w->date_line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        (void)text_hex_fixed(w->second, (uint64_t)now, sizeof(w->second));
    }
    return (struct str){w->date_line, 37};
}

const char *worker_second(struct worker *w)
{
    (void)worker_date(w);
    return w->second;
}

/* Each request earns a share of a retry, and each second a few whole ones, so that a failing
 * endpoint never doubles the load. */
bool worker_may_retry(struct worker *w)
{
    struct retry_budget *b = &w->retry_budget;
    uint64_t requests = metrics_read(&w->metrics->requests);
    uint64_t idle_ms = w->loop.now_ms - b->at_ms;
    /* Seconds without retries are not saved up. */
    uint64_t elapsed_ms = idle_ms < 1000 ? idle_ms : 1000;
    uint64_t earned = (requests - b->requests) *
                          w->tuning->settings->upstream.retry_budget_percent * (RETRY_TOKEN / 100) +
                      elapsed_ms * (RETRIES_A_SECOND * RETRY_TOKEN / 1000);

    b->requests = requests;
    b->at_ms = w->loop.now_ms;
    b->tokens = b->tokens + earned > RETRY_TOKENS_MAX ? RETRY_TOKENS_MAX : b->tokens + earned;
    if (b->tokens < RETRY_TOKEN)
        return false;
    b->tokens -= RETRY_TOKEN;
    return true;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static int init_memory(struct worker *w)
{
    w->read_buffer = malloc(TUNING_READ_MAX);
    w->lease = lease_make_take(shared_table(w->shared));
    w->settings_serial = atomic_load(&w->shared->settings_serial);
    w->tuning = tuning_make_take(shared_settings(w->shared));
    w->tls = shared_tls(w->shared);
    return w->read_buffer && w->lease && w->tuning && outbox_init(&w->outbox) == 0 ? 0 : -1;
}

int worker_init(struct worker *w, struct shared *shared, int index)
{
    int r;

    memset(w, 0, sizeof(*w));
    w->shared = shared;
    w->index = index;
    w->metrics = metrics_worker(shared->metrics, index);
    w->log = shared->log ? accesslog_ring(shared->log, index) : NULL;
    w->retry_budget.tokens = RETRIES_A_SECOND * RETRY_TOKEN;
    prng_init(&w->rng);
    LIST_INIT(&w->pools_to_serve);
    r = loop_init(&w->loop, shared->qsbr, w);
    if (r < 0) {
        log_error("cannot make a worker's event loop: %s", uv_strerror(r));
        return -1;
    }
    w->retry_budget.at_ms = w->loop.now_ms;
    if (init_memory(w) < 0) {
        log_error("out of memory");
        return -1;
    }
    return 0;
}

void worker_fini(struct worker *w)
{
    free(w->pools);
    urlindex_free(&w->urls);
    if (w->loop.owner)
        loop_fini(&w->loop);
    if (w->lease)
        lease_unref(&w->lease);
    if (w->tuning)
        tuning_unref(&w->tuning);
    if (w->tls)
        tls_server_unref(&w->tls);
    freelist_fini(&w->blocks);
    freelist_fini(&w->exchanges);
    outbox_fini(&w->outbox);
    free(w->read_buffer);
}
