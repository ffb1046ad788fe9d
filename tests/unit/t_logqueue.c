/* The queue of the process log and its writer: nobody who has a line to log waits, order holds,
 * what is lost is counted and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/logqueue.h"

enum { LIMIT_MS = 20000, SMALL_PIPE = 4096 };

static struct logqueue queue;

static size_t write_note(char *out, size_t size, uint64_t nr_lost, int error)
{
    return (size_t)snprintf(out, size, "lost %llu %d\n", (unsigned long long)nr_lost, error);
}

static void put(const char *line)
{
    logqueue_put(&queue, line, strlen(line));
}

static void put_number(int i)
{
    char line[64];

    snprintf(line, sizeof(line), "line %d\n", i);
    put(line);
}

/* A line as long as they get. */
static void put_long(char c)
{
    char line[LOGQUEUE_LINE_MAX + 1];

    memset(line, c, LOGQUEUE_LINE_MAX - 1);
    line[LOGQUEUE_LINE_MAX - 1] = '\n';
    line[LOGQUEUE_LINE_MAX] = '\0';
    put(line);
}

static void start(int fd)
{
    assert_int_equal(logqueue_start(&queue, fd, write_note), 0);
}

static void stop(uint64_t limit_ms)
{
    assert_true(logqueue_stop(&queue, limit_ms));
}

static void open_pipe(int fds[2])
{
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, SMALL_PIPE) > 0);
}

static void fill(int fd)
{
    char junk[SMALL_PIPE];

    memset(junk, '-', sizeof(junk));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, junk, sizeof(junk)) > 0)
        continue;
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* Reads to the end on a thread of its own. */
struct reader {
    int fd;
    FILE *out;
    char *text;
    size_t n;
    pthread_t thread;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    char bytes[65536];
    ssize_t n;

    while ((n = read(r->fd, bytes, sizeof(bytes))) > 0)
        fwrite(bytes, 1, (size_t)n, r->out);
    return NULL;
}

static void reader_start(struct reader *r, int fd)
{
    *r = (struct reader){.fd = fd};
    r->out = open_memstream(&r->text, &r->n);
    assert_non_null(r->out);
    assert_int_equal(pthread_create(&r->thread, NULL, read_all, r), 0);
}

/* The other end has been closed. */
static char *reader_end(struct reader *r)
{
    pthread_join(r->thread, NULL);
    fclose(r->out);
    close(r->fd);
    return r->text;
}

static void lines_arrive_in_order_and_whole(void **state)
{
    struct reader reader;
    char expected[32];
    int fds[2];

    (void)state;
    open_pipe(fds);
    reader_start(&reader, fds[0]);
    start(fds[1]);
    for (int i = 0; i < 5000; i++) {
        put_number(i);
        if (i % 1000 == 999)
            assert_true(logqueue_flush(&queue, LIMIT_MS));
    }
    stop(LIMIT_MS);
    close(fds[1]);
    char *text = reader_end(&reader), *p = text;
    for (int i = 0; i < 5000; i++) {
        snprintf(expected, sizeof(expected), "line %d\n", i);
        assert_memory_equal(p, expected, strlen(expected));
        p += strlen(expected);
    }
    assert_string_equal(p, "");
    free(text);
}

static void a_reader_that_stalls_stops_nobody_and_is_told_of_what_was_lost(void **state)
{
    struct reader reader;
    uint64_t nr_lost;
    int fds[2];

    (void)state;
    open_pipe(fds);
    fill(fds[1]);
    start(fds[1]);
    for (int i = 0; i < 200; i++) /* more than pipe and queue hold: this would wait for ever */
        put_long('x');
    assert_false(logqueue_flush(&queue, 1));
    nr_lost = logqueue_lost(&queue);
    assert_in_range(nr_lost, 200 - LOGQUEUE_BYTES / LOGQUEUE_LINE_MAX - 2, 199);
    reader_start(&reader, fds[0]);
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    put("again\n");
    stop(LIMIT_MS);
    close(fds[1]);
    char *text = reader_end(&reader), expected[64];
    snprintf(expected, sizeof(expected), "x\nlost %llu 0\nagain\n", (unsigned long long)nr_lost);
    assert_string_equal(text + strlen(text) - strlen(expected), expected);
    free(text);
}

static void the_note_stands_where_the_lines_are_missing(void **state)
{
    struct reader reader;
    int fds[2];

    (void)state;
    open_pipe(fds);
    fill(fds[1]);
    start(fds[1]);
    for (int i = 0; i < 100; i++)
        put_long('x');
    char some[2 * SMALL_PIPE]; /* room for a few more: what comes now follows the note */
    ssize_t n = 0;
    while (n < SMALL_PIPE) {
        ssize_t r = read(fds[0], some, sizeof(some));
        assert_true(r > 0);
        n += r;
    }
    reader_start(&reader, fds[0]);
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    stop(LIMIT_MS);
    close(fds[1]);
    char *text = reader_end(&reader), *note = strstr(text, "lost ");
    assert_non_null(note);
    assert_true(note > text && note[-1] == '\n' && note[-2] == 'x');
    free(text);
}

static void the_end_comes_within_its_time_though_nobody_reads(void **state)
{
    int fds[2];

    (void)state;
    open_pipe(fds);
    fill(fds[1]);
    start(fds[1]);
    for (int i = 0; i < 50; i++)
        put_long('x');
    stop(50);
    close(fds[0]);
    close(fds[1]);
}

static void a_socket_that_is_not_read_does_not_hold_the_end_up(void **state)
{
    int fds[2], small = 1;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    start(fds[1]);
    for (int i = 0; i < 50; i++)
        put_long('x');
    stop(50);
    close(fds[0]);
    close(fds[1]);
}

static void a_descriptor_that_takes_nothing_loses_lines_and_no_more(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    start(fd);
    for (int i = 0; i < 10; i++)
        put_number(i);
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    assert_int_equal(logqueue_lost(&queue), 10);
    stop(LIMIT_MS);
    close(fd);
}

static void after_an_error_the_reason_is_told_on_a_line_of_its_own(void **state)
{
    FILE *file = tmpfile();
    char text[256];
    ssize_t n;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd;

    (void)state;
    assert_non_null(file);
    fd = dup(full);
    start(fd);
    put("a\n");
    put("b\n");
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    assert_true(dup2(fileno(file), fd) >= 0);
    put("c\n");
    stop(LIMIT_MS);
    n = pread(fileno(file), text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    snprintf(text + 128, 128, "lost 2 %d\nc\n", ENOSPC);
    assert_string_equal(text, text + 128);
    close(fd);
    close(full);
    fclose(file);
}

static void a_reader_that_has_gone_loses_lines_and_no_more(void **state)
{
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    open_pipe(fds);
    close(fds[0]);
    start(fds[1]);
    put("a\n");
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    assert_int_equal(logqueue_lost(&queue), 1);
    stop(LIMIT_MS);
    close(fds[1]);
}

static void *put_many(void *arg)
{
    for (int i = 0; i < 2000; i++)
        put(arg);
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    static char names[4][8] = {"aaaa\n", "bb\n", "cccccc\n", "d\n"};
    pthread_t threads[4];
    struct reader reader;
    uint64_t nr = 0, nr_lost;
    int fds[2];

    (void)state;
    open_pipe(fds);
    reader_start(&reader, fds[0]);
    start(fds[1]);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, names[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(logqueue_flush(&queue, LIMIT_MS));
    nr_lost = logqueue_lost(&queue);
    stop(LIMIT_MS);
    close(fds[1]);
    char *text = reader_end(&reader), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "lost", 4) == 0)
            continue;
        assert_true(strspn(line, (char[]){line[0], '\0'}) == strlen(line));
        assert_true(strchr("abcd", line[0]));
        nr++;
    }
    assert_int_equal(nr + nr_lost, 8000);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrive_in_order_and_whole),
        cmocka_unit_test(a_reader_that_stalls_stops_nobody_and_is_told_of_what_was_lost),
        cmocka_unit_test(the_note_stands_where_the_lines_are_missing),
        cmocka_unit_test(the_end_comes_within_its_time_though_nobody_reads),
        cmocka_unit_test(a_socket_that_is_not_read_does_not_hold_the_end_up),
        cmocka_unit_test(a_descriptor_that_takes_nothing_loses_lines_and_no_more),
        cmocka_unit_test(after_an_error_the_reason_is_told_on_a_line_of_its_own),
        cmocka_unit_test(a_reader_that_has_gone_loses_lines_and_no_more),
        cmocka_unit_test(lines_of_many_threads_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
