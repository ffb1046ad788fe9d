/* The access log as a whole: files, rotation, standard output, slow and vanished readers, full
 * disks. What is written is never lost silently: lines that can be read and lines counted as lost
 * add up. */
#include "metrics/accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

enum { TARGET_MAX = 1400 };

static char folder[64], path[80], other_path[80];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weir-accesslog-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/access", folder);
    snprintf(other_path, sizeof(other_path), "%s/access.1", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(path);
    unlink(other_path);
    return rmdir(folder);
}

static struct accesslog *open_log(const char *file, int nr_rings)
{
    struct accesslog *log = accesslog_open(file, ACCESSLOG_TEXT, nr_rings);

    assert_non_null(log);
    return log;
}

/* One line that names its writer and its number and ends in a mark, with a target that long. */
static void write_line(struct accesslog_ring *ring, int writer, int number, size_t target_bytes)
{
    static const char filler[] = "/abcdefghijklmnopqrstuvwxyz0123456789";
    char id[40], target[TARGET_MAX + 2];
    struct accesslog_entry e = {.connect_us = -1, .head_us = -1, .total_us = -1};

    for (size_t i = 0; i < target_bytes; i++)
        target[i] = filler[i % (sizeof(filler) - 1)];
    snprintf(id, sizeof(id), "w%d-%d.", writer, number);
    e.request_id = str_of(id);
    e.method = STR("GET");
    memcpy(target + target_bytes, "z0", 2);
    e.target = (struct str){target, target_bytes + 2};
    accesslog_write(ring, &e);
}

/* Lines read back: counted, and checked to be whole and in order per writer. */
struct tally {
    int lines, wrong;
    int last[8]; /* number by writer, counted from 1; 0: none yet */
};

static bool is_whole(struct str line)
{
    struct str start = STR("1970-01-01T00:00:00.000000Z REJECT RequestId: w");
    struct str end = STR("z0\" REPORT In: 0 bytes Out: 0 bytes\n");

    return line.n > start.n + end.n && memcmp(line.p, start.p, start.n) == 0 &&
           memcmp(line.p + line.n - end.n, end.p, end.n) == 0 &&
           !memmem(line.p + 1, line.n - 1, start.p, start.n);
}

static void tally_line(struct tally *t, struct str line)
{
    int writer = -1, number = -1;

    t->lines++;
    if (is_whole(line))
        (void)sscanf(line.p + 46, "w%d-%d.", &writer, &number);
    if (writer < 0 || writer > 7 || number < t->last[writer])
        t->wrong++;
    else
        t->last[writer] = number + 1;
}

static void tally_text(struct tally *t, const char *text, size_t n)
{
    const char *end = text + n;

    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *next = feed ? feed + 1 : end;

        tally_line(t, (struct str){text, (size_t)(next - text)});
        text = next;
    }
}

static char *read_file(const char *name, size_t *n)
{
    FILE *file = fopen(name, "r");
    char *text;

    assert_non_null(file);
    text = malloc(8 << 20);
    assert_non_null(text);
    *n = fread(text, 1, 8 << 20, file);
    fclose(file);
    return text;
}

static struct tally tally_file(const char *name)
{
    struct tally t = {0};
    size_t n;
    char *text = read_file(name, &n);

    tally_text(&t, text, n);
    free(text);
    return t;
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = 5000000};

    nanosleep(&t, NULL);
}

/* Waits until the file has that many bytes; false if it never has. */
static bool has_bytes(const char *name, off_t bytes)
{
    struct stat st;

    for (int i = 0; i < 4000; i++) {
        if (stat(name, &st) == 0 && st.st_size >= bytes)
            return true;
        nap();
    }
    return false;
}

static bool has_lost(const struct accesslog *log, uint64_t lines)
{
    for (int i = 0; i < 4000; i++) {
        if (accesslog_lost(log) >= lines)
            return true;
        nap();
    }
    return false;
}

/* ---- Files -------------------------------------------------------------------------------------
 */

static void lines_are_in_the_file_when_the_log_is_closed(void **state)
{
    struct accesslog *log = open_log(path, 2);
    struct tally t;

    (void)state;
    for (int i = 0; i < 1000; i++)
        write_line(accesslog_ring(log, i % 2), i % 2, i, 20);
    accesslog_close(&log);
    assert_null(log);
    t = tally_file(path);
    assert_int_equal(t.lines, 1000);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(t.last[0], 999);
    assert_int_equal(t.last[1], 1000);
}

static void a_line_appears_without_closing(void **state)
{
    struct accesslog *log = open_log(path, 1);

    (void)state;
    write_line(accesslog_ring(log, 0), 0, 0, 20);
    assert_true(has_bytes(path, 50));
    accesslog_close(&log);
}

static void an_existing_file_is_continued(void **state)
{
    struct accesslog *log;

    (void)state;
    for (int i = 0; i < 3; i++) {
        log = open_log(path, 1);
        write_line(accesslog_ring(log, 0), 0, i, 20);
        accesslog_close(&log);
    }
    assert_int_equal(tally_file(path).lines, 3);
}

struct worker {
    struct accesslog_ring *ring;
    int number, lines;
    size_t target_bytes;
};

static void *run_worker(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < w->lines; i++)
        write_line(w->ring, w->number, i, w->target_bytes);
    return NULL;
}

static void lines_of_many_workers_add_up(void **state)
{
    enum { WORKERS = 4, LINES = 5000 };
    struct accesslog *log = open_log(path, WORKERS);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    uint64_t lost;
    struct tally t;

    (void)state;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){accesslog_ring(log, i), i, LINES, 100};
        assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    lost = accesslog_lost(log);
    accesslog_close(&log);
    t = tally_file(path);
    assert_int_equal(t.wrong, 0);
    assert_int_equal((uint64_t)t.lines + lost, WORKERS * LINES);
}

static void what_cannot_be_opened_is_an_error(void **state)
{
    char nowhere[100];

    (void)state;
    snprintf(nowhere, sizeof(nowhere), "%s/none/access", folder);
    assert_null(accesslog_open(nowhere, ACCESSLOG_JSON, 1));
    assert_int_equal(errno, ENOENT);
    /* A named pipe that nobody reads must not hang the start. */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(accesslog_open(path, ACCESSLOG_JSON, 1));
    assert_int_equal(errno, ENXIO);
}

static void standard_output_gets_the_lines_and_stays_open(void **state)
{
    struct accesslog *log;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600), saved = dup(STDOUT_FILENO);
    char end = '!';

    (void)state;
    assert_true(file >= 0 && saved >= 0);
    fflush(stdout);
    assert_true(dup2(file, STDOUT_FILENO) >= 0);
    log = accesslog_open("-", ACCESSLOG_TEXT, 1);
    if (log) {
        write_line(accesslog_ring(log, 0), 0, 0, 20);
        accesslog_reopen(log);
        write_line(accesslog_ring(log, 0), 0, 1, 20);
        accesslog_close(&log);
    }
    end = write(STDOUT_FILENO, &end, 1) == 1 ? end : 0;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(file);
    assert_int_equal(end, '!');
    assert_int_equal(tally_file(path).lines, 3);
    assert_int_equal(tally_file(path).wrong, 1);
}

/* ---- Rotation ----------------------------------------------------------------------------------
 */

static void a_reopened_log_goes_on_in_a_new_file(void **state)
{
    struct accesslog *log = open_log(path, 1);

    (void)state;
    for (int i = 0; i < 10; i++)
        write_line(accesslog_ring(log, 0), 0, i, 20);
    assert_int_equal(rename(path, other_path), 0);
    accesslog_reopen(log);
    assert_true(has_bytes(path, 0));
    for (int i = 10; i < 15; i++)
        write_line(accesslog_ring(log, 0), 0, i, 20);
    accesslog_close(&log);
    assert_int_equal(tally_file(other_path).lines, 10);
    assert_int_equal(tally_file(path).lines, 5);
    assert_int_equal(tally_file(path).last[0], 15);
}

static void a_failed_reopen_keeps_the_old_file(void **state)
{
    struct accesslog *log = open_log(path, 1);

    (void)state;
    assert_int_equal(rename(path, other_path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    accesslog_reopen(log);
    for (int i = 0; i < 5; i++)
        write_line(accesslog_ring(log, 0), 0, i, 20);
    assert_true(has_bytes(other_path, 5 * 50));
    accesslog_close(&log);
    assert_int_equal(tally_file(other_path).lines, 5);
    assert_int_equal(tally_file(other_path).wrong, 0);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on file sizes cuts a write short within a line, as a full disk does. */
static void a_line_cut_short_goes_on_when_there_is_room_again(void **state)
{
    struct accesslog *log = open_log(path, 2);

    (void)state;
    limit_file_size(1000);
    for (int i = 0; i < 20; i++)
        write_line(accesslog_ring(log, i % 2), i % 2, i, 300);
    assert_true(has_bytes(path, 1000));
    limit_file_size(RLIM_INFINITY);
    assert_true(has_bytes(path, 20 * 350));
    assert_int_equal(accesslog_lost(log), 0);
    accesslog_close(&log);
    assert_int_equal(tally_file(path).lines, 20);
    assert_int_equal(tally_file(path).wrong, 0);
}

static void a_line_cut_short_by_a_rotation_counts_as_lost(void **state)
{
    struct accesslog *log = open_log(path, 2);
    struct tally old, new;

    (void)state;
    limit_file_size(1000);
    for (int i = 0; i < 20; i++)
        write_line(accesslog_ring(log, i % 2), i % 2, i, 300);
    assert_true(has_bytes(path, 1000));
    assert_int_equal(rename(path, other_path), 0);
    accesslog_reopen(log);
    assert_true(has_bytes(path, 1000));
    limit_file_size(RLIM_INFINITY);
    assert_true(has_bytes(path, 17 * 350));
    assert_int_equal(accesslog_lost(log), 1);
    accesslog_close(&log);
    old = tally_file(other_path);
    new = tally_file(path);
    assert_int_equal(old.wrong, 1); /* its last line is short */
    assert_int_equal(new.wrong, 0);
    assert_int_equal(old.lines + new.lines, 20);
}

/* ---- Slow, full, gone --------------------------------------------------------------------------
 */

static void a_full_disk_loses_only_what_the_ring_cannot_hold(void **state)
{
    struct accesslog *log = open_log("/dev/full", 1);
    int lines = 0;

    (void)state;
    while (lines < 100 || (accesslog_lost(log) == 0 && lines < 100000)) {
        write_line(accesslog_ring(log, 0), 0, lines++, 1000);
        assert_true(lines > 900 || accesslog_lost(log) == 0);
    }
    /* The last one found no room. */
    assert_int_equal(accesslog_lost(log), 1);
    assert_in_range(lines, 900, 1100);
    accesslog_close(&log);
}

/* Reads a pipe to its end. */
struct reader {
    int fd;
    struct tally tally;
    char *text;
    size_t n;
};

static void *run_reader(void *arg)
{
    struct reader *r = arg;
    ssize_t n;

    while ((size_t)(8 << 20) > r->n) {
        n = read(r->fd, r->text + r->n, (8 << 20) - r->n);
        if (n <= 0)
            break;
        r->n += (size_t)n;
    }
    tally_text(&r->tally, r->text, r->n);
    return NULL;
}

static int open_pipe_to_read(void)
{
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    return fd;
}

static void a_slow_reader_never_stops_a_worker(void **state)
{
    enum { LINES = 4000 };
    struct reader reader = {.fd = open_pipe_to_read(), .text = malloc(8 << 20)};
    struct accesslog *log = open_log(path, 1);
    pthread_t thread;
    uint64_t lost;

    (void)state;
    assert_non_null(reader.text);
    for (int i = 0; i < LINES; i++)
        write_line(accesslog_ring(log, 0), 0, i, 1000);
    lost = accesslog_lost(log);
    assert_true(lost > 0);
    assert_int_equal(pthread_create(&thread, NULL, run_reader, &reader), 0);
    accesslog_close(&log);
    pthread_join(thread, NULL);
    assert_int_equal(reader.tally.wrong, 0);
    assert_int_equal((uint64_t)reader.tally.lines + lost, LINES);
    close(reader.fd);
    free(reader.text);
}

static void two_writers_of_one_pipe_do_not_mix_their_lines(void **state)
{
    enum { LINES = 500 };
    struct reader reader = {.fd = open_pipe_to_read(), .text = malloc(8 << 20)};
    struct accesslog *logs[2] = {open_log(path, 1), open_log(path, 1)};
    pthread_t thread;

    (void)state;
    assert_non_null(reader.text);
    assert_int_equal(pthread_create(&thread, NULL, run_reader, &reader), 0);
    for (int i = 0; i < LINES; i++)
        for (int k = 0; k < 2; k++)
            write_line(accesslog_ring(logs[k], 0), k, i, 1300);
    accesslog_close(&logs[0]);
    accesslog_close(&logs[1]);
    pthread_join(thread, NULL);
    assert_int_equal(reader.tally.wrong, 0);
    assert_int_equal(reader.tally.lines, 2 * LINES);
    close(reader.fd);
    free(reader.text);
}

static void lines_for_a_reader_that_left_are_counted_as_lost(void **state)
{
    int fd = open_pipe_to_read();
    struct accesslog *log = open_log(path, 1);

    (void)state;
    close(fd);
    for (int i = 0; i < 50; i++)
        write_line(accesslog_ring(log, 0), 0, i, 20);
    assert_true(has_lost(log, 50));
    assert_int_equal(accesslog_lost(log), 50);
    accesslog_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_in_the_file_when_the_log_is_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_line_appears_without_closing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_existing_file_is_continued, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_of_many_workers_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(standard_output_gets_the_lines_and_stays_open, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_reopened_log_goes_on_in_a_new_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_reopen_keeps_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_cut_short_goes_on_when_there_is_room_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_line_cut_short_by_a_rotation_counts_as_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_only_what_the_ring_cannot_hold, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_slow_reader_never_stops_a_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(two_writers_of_one_pipe_do_not_mix_their_lines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lines_for_a_reader_that_left_are_counted_as_lost, setup,
                                        teardown),
    };

    /* The failures that are provoked here are reported, too; they need not fill the screen. */
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
