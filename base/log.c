/* The process log: formats a line on the stack and hands it to the kernel in one write, so that
 * lines of several threads never mix and nothing is held or allocated. Whatever a message quotes,
 * one event stays one line of printable text. A line that standard error does not take (a full
 * pipe, a full disk) is lost: a log must not stop the program. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 4096 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static _Atomic enum log_level highest = LOG_INFO;

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

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    size_t room, n;
    va_list arguments;
    int length;
    ssize_t written;

    if (level > atomic_load_explicit(&highest, memory_order_relaxed))
        return;
    n = write_prefix(line, sizeof(line), level);
    room = sizeof(line) - n;
    va_start(arguments, format);
    length = vsnprintf(line + n, room, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= room) {
        length = (int)room - 1;
        memcpy(line + sizeof(line) - 4, "...", 3);
    }
    make_printable(line + n, (size_t)length);
    n += (size_t)length;
    line[n++] = '\n'; /* where the terminating NUL was */
    written = write(STDERR_FILENO, line, n);
    (void)written;
}
