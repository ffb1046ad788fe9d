/* The access log's writer thread, and the workers' side of it.
 *
 *     worker 1: format in place -> ring \
 *                                        >- writer thread -> file
 *     worker 2: format in place -> ring /
 *
 * The writer wakes every 50 ms, or when a ring is half full. It takes the rings in turn and writes
 * what each holds with one call. Where a write ends within a line, the same ring goes on first, so
 * that no other line gets in between; in a file that is opened again meanwhile, such a line stays
 * short and counts as lost. */
#include "metrics/accesslog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/accessline.h"
#include "metrics/logfile.h"
#include "metrics/logring.h"

enum {
    RING_BYTES = 1 << 20,
    TURN_MS = 50,
    REST_MS = 4000, /* at the end: so long has a slow reader for the last lines */
    JOIN_S = 6      /* and so long the thread for its end, lest a write never return */
};

_Static_assert((int)ACCESSLINE_MAX <= (int)LOGRING_LINE_MAX, "a line fits into the ring's promise");

struct accesslog_ring {
    struct logring lines;
    struct accesslog *log;
    enum accesslog_format format;
    struct accessline_clock clock;
    _Atomic uint64_t lost; /* no room */
};

struct accesslog {
    /* Any thread's */
    int wake_fd;
    _Atomic bool is_woken; /* a wake-up is on its way */
    _Atomic bool wants_reopen, wants_end;
    _Atomic uint64_t lost; /* could not be written */
    /* The writer's */
    pthread_t thread;
    struct logfile file;
    bool is_mid_line; /* the file ends within a line, which the ring at hand continues */
    int at_hand;
    int nr_rings;
    struct accesslog_ring *rings[];
};

/* ---- The workers' side ----------------------------------------------------------------------- */

/* Hardly ever: when a ring is half full the first time since the writer looked, and from the
 * control thread. */
static void wake(struct accesslog *log)
{
    uint64_t one = 1;

    if (atomic_load_explicit(&log->is_woken, memory_order_relaxed))
        return;
    if (atomic_exchange_explicit(&log->is_woken, true, memory_order_relaxed))
        return;
    /* It can only fail when the counter is full, and then the writer is awake. */
    if (write(log->wake_fd, &one, sizeof(one)) < 0)
        return;
}

void accesslog_write(struct accesslog_ring *ring, const struct accesslog_entry *entry)
{
    char *out = logring_reserve(&ring->lines);

    if (!out) {
        uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);

        atomic_store_explicit(&ring->lost, lost + 1, memory_order_relaxed);
        return;
    }
    if (ring->format == ACCESSLOG_JSON)
        out = accessline_json(out, entry, &ring->clock);
    else
        out = accessline_text(out, entry, &ring->clock);
    if (logring_commit(&ring->lines, out))
        wake(ring->log);
}

struct accesslog_ring *accesslog_ring(struct accesslog *log, int index)
{
    return log->rings[index];
}

void accesslog_reopen(struct accesslog *log)
{
    atomic_store_explicit(&log->wants_reopen, true, memory_order_release);
    wake(log);
}

uint64_t accesslog_lost(const struct accesslog *log)
{
    uint64_t lost = atomic_load_explicit(&log->lost, memory_order_relaxed);

    for (int i = 0; i < log->nr_rings; i++)
        lost += atomic_load_explicit(&log->rings[i]->lost, memory_order_relaxed);
    return lost;
}

/* ---- The writer's side ----------------------------------------------------------------------- */

static void add_lost(struct accesslog *log, uint64_t lines)
{
    atomic_fetch_add_explicit(&log->lost, lines, memory_order_relaxed);
}

/* Counts the lines that end in the pieces. */
static uint64_t count_lines(const struct iovec *pieces, int nr_pieces)
{
    uint64_t nr = 0;

    for (int i = 0; i < nr_pieces; i++) {
        const char *p = pieces[i].iov_base, *end = p + pieces[i].iov_len;

        for (p = memchr(p, '\n', (size_t)(end - p)); p; p = memchr(p, '\n', (size_t)(end - p))) {
            nr++;
            p++;
        }
    }
    return nr;
}

static void drop_ring(struct accesslog *log, struct accesslog_ring *ring)
{
    struct iovec pieces[2];
    int nr_pieces = logring_peek(&ring->lines, pieces);

    if (nr_pieces == 0)
        return;
    add_lost(log, count_lines(pieces, nr_pieces));
    logring_consume(&ring->lines, pieces[0].iov_len + pieces[1].iov_len);
}

/* The last byte of the first n. */
static char last_byte(const struct iovec *pieces, size_t n)
{
    if (n <= pieces[0].iov_len)
        return ((const char *)pieces[0].iov_base)[n - 1];
    return ((const char *)pieces[1].iov_base)[n - pieces[0].iov_len - 1];
}

/* Writes what a ring holds now. False where the file takes no more at present. */
static bool write_ring(struct accesslog *log, struct accesslog_ring *ring)
{
    struct iovec pieces[2];
    size_t left = 0;

    /* What is added meanwhile waits for the next turn, lest one busy worker keep the others' lines
     * from the file. */
    do {
        int nr_pieces = logring_peek(&ring->lines, pieces);
        size_t total = pieces[0].iov_len + pieces[1].iov_len;
        ssize_t n;

        if (nr_pieces == 0)
            return true;
        left = left == 0 ? total : left;
        n = logfile_write(&log->file, pieces, nr_pieces);
        if (n == LOGFILE_GONE) {
            log->is_mid_line = false;
            drop_ring(log, ring);
            return true;
        }
        if (n == 0)
            return false;
        log->is_mid_line = last_byte(pieces, (size_t)n) != '\n';
        logring_consume(&ring->lines, (size_t)n);
        left -= (size_t)n < left ? (size_t)n : left;
    } while (left > 0 || log->is_mid_line);
    return true;
}

/* Once around the rings. False where the file takes no more; the ring at hand is then the one to go
 * on with. */
static bool write_rings(struct accesslog *log)
{
    for (int i = 0; i < log->nr_rings; i++) {
        if (!write_ring(log, log->rings[log->at_hand]))
            return false;
        log->at_hand = (log->at_hand + 1) % log->nr_rings;
    }
    return true;
}

/* Gives up the rest of a line whose beginning is in another file. */
static void skip_line(struct accesslog *log)
{
    struct logring *lines = &log->rings[log->at_hand]->lines;
    struct iovec pieces[2];
    const char *end;

    if (!log->is_mid_line || logring_peek(lines, pieces) == 0)
        return;
    end = memchr(pieces[0].iov_base, '\n', pieces[0].iov_len);
    logring_consume(lines,
                    end ? (size_t)(end - (char *)pieces[0].iov_base) + 1 : pieces[0].iov_len);
    add_lost(log, 1);
    log->is_mid_line = false;
}

static void reopen(struct accesslog *log)
{
    if (logfile_reopen(&log->file) == 0 && log->file.path)
        skip_line(log);
}

/* Sleeps for a turn, or until a worker wakes the writer or a slow reader has room. */
static void wait_turn(struct accesslog *log)
{
    struct pollfd fds[2] = {
        {.fd = log->wake_fd, .events = POLLIN},
        {.fd = log->file.is_blocked ? log->file.fd : -1, .events = POLLOUT},
    };
    uint64_t wakes;

    if (poll(fds, 2, TURN_MS) > 0 && fds[0].revents &&
        read(log->wake_fd, &wakes, sizeof(wakes)) < 0)
        return;
}

/* The last lines. A slow reader gets a few seconds; a full disk does not grow by waiting. */
static void write_rest(struct accesslog *log)
{
    uint64_t end_ms = clock_ms() + REST_MS;

    while (!write_rings(log) && log->file.is_blocked && clock_ms() < end_ms)
        wait_turn(log);
    for (int i = 0; i < log->nr_rings; i++)
        drop_ring(log, log->rings[i]);
}

static void *run_writer(void *arg)
{
    struct accesslog *log = arg;

    while (!atomic_load_explicit(&log->wants_end, memory_order_acquire)) {
        wait_turn(log);
        /* Before the rings are looked at: whoever adds a line after that look wakes the writer
         * again. */
        atomic_store_explicit(&log->is_woken, false, memory_order_relaxed);
        write_rings(log);
        if (atomic_exchange_explicit(&log->wants_reopen, false, memory_order_acquire))
            reopen(log);
    }
    write_rest(log);
    return NULL;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static struct accesslog_ring *make_ring(struct accesslog *log, enum accesslog_format format)
{
    size_t size = (sizeof(struct accesslog_ring) + LOGRING_CACHE_LINE - 1) / LOGRING_CACHE_LINE *
                  LOGRING_CACHE_LINE;
    struct accesslog_ring *ring = aligned_alloc(LOGRING_CACHE_LINE, size);

    if (!ring)
        return NULL;
    *ring = (struct accesslog_ring){.log = log, .format = format};
    if (logring_init(&ring->lines, RING_BYTES) < 0) {
        free(ring);
        return NULL;
    }
    return ring;
}

static void free_log(struct accesslog *log)
{
    for (int i = 0; i < log->nr_rings; i++) {
        logring_fini(&log->rings[i]->lines);
        free(log->rings[i]);
    }
    logfile_close(&log->file);
    if (log->wake_fd >= 0)
        close(log->wake_fd);
    free(log);
}

static int make_rings(struct accesslog *log, enum accesslog_format format, int nr_rings)
{
    for (; log->nr_rings < nr_rings; log->nr_rings++) {
        log->rings[log->nr_rings] = make_ring(log, format);
        if (!log->rings[log->nr_rings])
            return -1;
    }
    return 0;
}

/* Signals are the control thread's; a pipe's end is an error code here, not a signal. */
static int start_writer(struct accesslog *log)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&log->thread, NULL, run_writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_setname_np(log->thread, "weir-log");
    errno = error;
    return error ? -1 : 0;
}

struct accesslog *accesslog_open(const char *file, enum accesslog_format format, int nr_rings)
{
    struct accesslog *log = calloc(1, sizeof(*log) + (size_t)nr_rings * sizeof(log->rings[0]));
    int error;

    if (!log)
        return NULL;
    log->file.fd = -1;
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->wake_fd >= 0 && make_rings(log, format, nr_rings) == 0 &&
        logfile_open(&log->file, file) == 0 && start_writer(log) == 0)
        return log;
    error = errno;
    free_log(log);
    errno = error;
    return NULL;
}

void accesslog_close(struct accesslog **log)
{
    struct accesslog *l = *log;
    struct timespec until;

    *log = NULL;
    if (!l)
        return;
    atomic_store_explicit(&l->wants_end, true, memory_order_release);
    wake(l);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_S;
    if (pthread_timedjoin_np(l->thread, NULL, &until) != 0) {
        /* A disk or a reader that hangs must not keep the process from ending. The thread still
         * uses the log. */
        log_error("access log: a write does not return; the lines that wait behind it are lost");
        return;
    }
    if (accesslog_lost(l) > 0)
        log_warning("access log: %llu lines were lost", (unsigned long long)accesslog_lost(l));
    free_log(l);
}
