/* The process log: formats a line on the stack and hands it over in one piece, so that lines of
 * several threads never mix and nothing is allocated. Whatever a message quotes, one event stays
 * one line of printable text.
 *
 * From log_start on, a thread writes the lines (base/logqueue.h) and nobody waits for the reader of
 * standard error. Before it, and in commands that do not serve, a line is written at once. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logqueue.h"

enum { LINE_MAX_BYTES = LOGQUEUE_LINE_MAX, LIMIT_MS = 1000 };

enum log_mode { LOG_AT_ONCE, LOG_QUEUED, LOG_MUTE };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* Any thread. */
static _Atomic enum log_level highest = LOG_INFO;
/* Set by the control thread while no other thread logs. */
static _Atomic enum log_mode mode = LOG_AT_ONCE;
/* Any thread, with mode LOG_QUEUED. */
static struct logqueue queue;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&highest, level, memory_order_relaxed);
}

bool log_parse_level(const char *name, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* "2026-03-01T12:00:00.123Z error ", always shorter than size. */
static size_t write_prefix(char *out, size_t size, enum log_level level)
{
    uint64_t now_us = clock_unix_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm t;
    size_t n;

    gmtime_r(&seconds, &t);
    n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &t);
    n += (size_t)snprintf(out + n, size - n, ".%03uZ %s ", (unsigned)(now_us / 1000 % 1000),
                          level_names[level]);
    return n;
}

/* Bytes that would break the line or steer a terminal become '?'. */
static void make_printable(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            s[i] = '?';
}

/* Ends a line of n bytes, for which there was room of so many and which has length bytes more. */
static size_t end_line(char *line, size_t n, size_t size, int length)
{
    size_t room = size - n;

    if ((size_t)length >= room) {
        length = (int)room - 1;
        memcpy(line + size - 4, "...", 3);
    }
    make_printable(line + n, (size_t)length);
    n += (size_t)length;
    line[n++] = '\n'; /* where the terminating NUL was */
    return n;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    int length;
    size_t n;

    if (level > atomic_load_explicit(&highest, memory_order_relaxed))
        return;
    n = write_prefix(line, sizeof(line), level);
    va_start(arguments, format);
    length = vsnprintf(line + n, sizeof(line) - n, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    n = end_line(line, n, sizeof(line), length);
    switch (atomic_load_explicit(&mode, memory_order_acquire)) {
    case LOG_QUEUED:
        logqueue_put(&queue, line, n);
        return;
    case LOG_AT_ONCE:
        (void)!write(STDERR_FILENO, line, n);
        return;
    case LOG_MUTE:
        return;
    }
}

void log_warning_limited(struct log_limit *limit, uint64_t now_ms, const char *format, ...)
{
    char message[LINE_MAX_BYTES];
    va_list arguments;

    if (now_ms < limit->next_ms) {
        limit->nr_left_out++;
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (limit->nr_left_out > 0)
        log_warning("%s (and %u more such since the last line)", message, limit->nr_left_out);
    else
        log_warning("%s", message);
    *limit = (struct log_limit){.next_ms = now_ms + LIMIT_MS};
}

/* ---- The writer thread ------------------------------------------------------------------------*/

static size_t write_note(char *out, size_t size, uint64_t nr_lost, int error)
{
    size_t n = write_prefix(out, size, LOG_WARNING);
    char text[128];
    int length = snprintf(out + n, size - n, "%llu line%s of this log were lost: %s",
                          (unsigned long long)nr_lost, nr_lost == 1 ? "" : "s",
                          error ? strerror_r(error, text, sizeof(text))
                                : "standard error was not read fast enough");

    return end_line(out, n, size, length < 0 ? 0 : length);
}

int log_start(void)
{
    int r = logqueue_start(&queue, STDERR_FILENO, write_note);

    if (r == 0)
        atomic_store_explicit(&mode, LOG_QUEUED, memory_order_release);
    return r;
}

bool log_flush(uint64_t limit_ms)
{
    if (atomic_load_explicit(&mode, memory_order_acquire) != LOG_QUEUED)
        return true;
    return logqueue_flush(&queue, limit_ms);
}

void log_stop(uint64_t limit_ms)
{
    if (atomic_load_explicit(&mode, memory_order_acquire) != LOG_QUEUED)
        return;
    bool is_written = logqueue_flush(&queue, limit_ms);
    bool is_ended = logqueue_stop(&queue, 0);
    /* A line that is written at once now would wait for the reader who kept the thread waiting. */
    atomic_store_explicit(&mode, is_written && is_ended ? LOG_AT_ONCE : LOG_MUTE,
                          memory_order_release);
}

uint64_t log_lost(void)
{
    return atomic_load_explicit(&mode, memory_order_acquire) == LOG_QUEUED ? logqueue_lost(&queue)
                                                                           : 0;
}
