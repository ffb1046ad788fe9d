/* The writer thread of a log. It writes only when poll says that there is room, because the
 * descriptor's flags are shared with other processes and must not be set to O_NONBLOCK. Where a
 * write hangs all the same (a terminal that is held, a disk), it hangs here and nowhere else. */
#include "base/logqueue.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum {
    POLL_MS = 100, /* so soon a blocked writer notices that the end is wanted */
    NAP_MS = 10,
    SLACK_MS = 500 /* how much longer than the time it was given the thread may take to end */
};

_Static_assert((int)LOGQUEUE_LINE_MAX <= PIPE_BUF, "the kernel does not mix a line with others");

/* ---- Putting ----------------------------------------------------------------------------------*/

/* With the lock. The queue is a plain array that is moved down when its end is reached, so that a
 * line is always in one piece; as a rule it runs empty first. */
static bool add(struct logqueue *q, const char *line, size_t n)
{
    if (q->head + n > LOGQUEUE_BYTES && q->tail >= LOGQUEUE_BYTES / 4) {
        memmove(q->bytes, q->bytes + q->tail, q->head - q->tail);
        q->head -= q->tail;
        q->tail = 0;
    }
    if (q->head + n > LOGQUEUE_BYTES)
        return false;
    memcpy(q->bytes + q->head, line, n);
    q->head += n;
    return true;
}

/* With the lock: puts the note where the lines are missing. False where there is no room yet. */
static bool tell_losses(struct logqueue *q)
{
    char note[LOGQUEUE_LINE_MAX];

    if (q->nr_untold == 0)
        return true;
    if (!add(q, note, q->note(note, sizeof(note), q->nr_untold, 0)))
        return false;
    q->nr_untold = 0;
    return true;
}

void logqueue_put(struct logqueue *q, const char *line, size_t n)
{
    assert(n > 0 && n <= LOGQUEUE_LINE_MAX && line[n - 1] == '\n');
    pthread_mutex_lock(&q->lock);
    if (!tell_losses(q) || !add(q, line, n)) {
        q->nr_lost++;
        q->nr_untold++;
    }
    pthread_cond_signal(&q->has_news);
    pthread_mutex_unlock(&q->lock);
}

uint64_t logqueue_lost(struct logqueue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t nr = q->nr_lost;
    pthread_mutex_unlock(&q->lock);
    return nr;
}

/* ---- Writing: the writer thread ---------------------------------------------------------------*/

/* Takes whole lines, PIPE_BUF at most; waits for some. 0: the end. */
static size_t take(struct logqueue *q, char *out)
{
    size_t n = 0;

    pthread_mutex_lock(&q->lock);
    q->is_writing = false;
    while (q->head == q->tail && tell_losses(q) && q->head == q->tail) {
        q->head = q->tail = 0;
        pthread_cond_broadcast(&q->is_written);
        if (q->wants_end)
            goto out;
        pthread_cond_wait(&q->has_news, &q->lock);
    }
    n = q->head - q->tail;
    if (n > LOGQUEUE_LINE_MAX) {
        const char *end = memrchr(q->bytes + q->tail, '\n', LOGQUEUE_LINE_MAX);

        assert(end);
        n = (size_t)(end - (q->bytes + q->tail)) + 1;
    }
    memcpy(out, q->bytes + q->tail, n);
    q->tail += n;
    q->is_writing = true;
out:
    pthread_mutex_unlock(&q->lock);
    return n;
}

static bool is_over(struct logqueue *q)
{
    pthread_mutex_lock(&q->lock);
    bool is_over = q->wants_end && clock_ms() >= q->end_ms;
    pthread_mutex_unlock(&q->lock);
    return is_over;
}

static ssize_t write_some(const struct logqueue *q, const char *p, size_t n)
{
    return q->is_socket ? send(q->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(q->fd, p, n);
}

/* Until all is written: 0. Else the errno of what was in the way (ETIMEDOUT: the time is over), and
 * the rest is what was not written. */
static int write_all(struct logqueue *q, struct str *rest)
{
    struct pollfd room = {.fd = q->fd, .events = POLLOUT};

    while (rest->n > 0) {
        bool is_last_try = is_over(q);

        if (poll(&room, 1, is_last_try ? 0 : POLL_MS) == 0) {
            if (is_last_try)
                return ETIMEDOUT;
            continue;
        }
        ssize_t n = write_some(q, rest->p, rest->n);
        if (n >= 0)
            *rest = (struct str){rest->p + n, rest->n - (size_t)n};
        else if (errno == EAGAIN && !is_last_try)
            /* Another process made it O_NONBLOCK, and was faster to take the room. */
            nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000L}, NULL);
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static uint64_t count_lines(struct str s)
{
    uint64_t nr = 0;

    for (size_t i = 0; i < s.n; i++)
        nr += s.p[i] == '\n';
    return nr;
}

/* What the descriptor did not take: told before the next lines that are written. */
struct refused {
    uint64_t nr;
    int error;
    bool is_mid_line; /* the beginning of the first one was taken */
};

static int tell_refused(struct logqueue *q, struct refused *refused)
{
    char note[LOGQUEUE_LINE_MAX];
    size_t n = 0;

    if (refused->nr == 0)
        return 0;
    if (refused->is_mid_line)
        note[n++] = '\n';
    n += q->note(note + n, sizeof(note) - n, refused->nr, refused->error);

    struct str rest = {note, n};
    int error = write_all(q, &rest);
    if (rest.n < n)
        refused->is_mid_line = rest.n > 0;
    if (error == 0)
        refused->nr = 0;
    return error;
}

static void *run(void *arg)
{
    struct logqueue *q = arg;
    struct refused refused = {0};
    char lines[LOGQUEUE_LINE_MAX];
    size_t n;

    while ((n = take(q, lines)) > 0) {
        struct str rest = {lines, n};
        int error = tell_refused(q, &refused);
        if (error == 0)
            error = write_all(q, &rest);
        if (error == 0)
            continue;
        if (rest.n < n)
            refused.is_mid_line = rest.p[-1] != '\n';
        refused.error = error;
        refused.nr += count_lines(rest);
        pthread_mutex_lock(&q->lock);
        q->nr_lost += count_lines(rest);
        pthread_mutex_unlock(&q->lock);
    }
    (void)tell_refused(q, &refused);
    pthread_mutex_lock(&q->lock);
    q->has_ended = true;
    pthread_cond_broadcast(&q->is_written);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* ---- Start and end ----------------------------------------------------------------------------*/

static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int logqueue_start(struct logqueue *q, int fd, logqueue_note *note)
{
    pthread_condattr_t monotonic;
    sigset_t all, before;
    int error;

    q->fd = fd;
    q->is_socket = is_socket(fd);
    q->note = note;
    q->is_writing = q->wants_end = q->has_ended = false;
    q->nr_lost = q->nr_untold = 0;
    q->head = q->tail = 0;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->has_news, NULL);
    pthread_cond_init(&q->is_written, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&q->thread, NULL, run, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_setname_np(q->thread, "weir-stderr");
    return -error;
}

static struct timespec time_of(uint64_t ms)
{
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

bool logqueue_flush(struct logqueue *q, uint64_t limit_ms)
{
    struct timespec until = time_of(clock_ms() + limit_ms);
    int error = 0;

    pthread_mutex_lock(&q->lock);
    while (error == 0 && (q->head != q->tail || q->nr_untold > 0 || q->is_writing))
        error = pthread_cond_timedwait(&q->is_written, &q->lock, &until);
    pthread_mutex_unlock(&q->lock);
    return error == 0;
}

bool logqueue_stop(struct logqueue *q, uint64_t limit_ms)
{
    uint64_t end_ms = clock_ms() + limit_ms;
    struct timespec until = time_of(end_ms + SLACK_MS);
    bool has_ended;
    int error = 0;

    pthread_mutex_lock(&q->lock);
    q->wants_end = true;
    q->end_ms = end_ms;
    pthread_cond_signal(&q->has_news);
    while (!q->has_ended && error == 0)
        error = pthread_cond_timedwait(&q->is_written, &q->lock, &until);
    has_ended = q->has_ended;
    pthread_mutex_unlock(&q->lock);
    if (!has_ended)
        return false;
    pthread_join(q->thread, NULL);
    pthread_cond_destroy(&q->has_news);
    pthread_cond_destroy(&q->is_written);
    pthread_mutex_destroy(&q->lock);
    return true;
}
