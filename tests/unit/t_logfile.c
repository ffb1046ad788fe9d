/* The file behind the access log: what it says to full disks, slow and vanished readers, and how
 * much it writes to a stream at once. */
#include "metrics/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char folder[64], path[80];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weir-logfile-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static ssize_t write_text(struct logfile *file, const char *text, size_t n)
{
    struct iovec piece = {(char *)text, n};

    return logfile_write(file, &piece, 1);
}

static void pieces_are_appended_to_a_file_that_only_the_owner_and_group_read(void **state)
{
    struct iovec pieces[2] = {{"one\n", 4}, {"two\n", 4}};
    struct logfile file;
    struct stat st;

    (void)state;
    umask(0);
    assert_int_equal(logfile_open(&file, path), 0);
    assert_int_equal(logfile_write(&file, pieces, 2), 8);
    assert_int_equal(write_text(&file, "three\n", 6), 6);
    assert_false(file.is_stream);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 14);
    assert_int_equal(st.st_mode & 07777, 0640);
    logfile_close(&file);
}

static void a_full_disk_is_worth_another_try(void **state)
{
    struct logfile file;

    (void)state;
    assert_int_equal(logfile_open(&file, "/dev/full"), 0);
    assert_int_equal(write_text(&file, "x\n", 2), 0);
    assert_false(file.is_blocked);
    assert_int_equal(file.error, ENOSPC);
    logfile_close(&file);
}

/* A reader's end of the path as a named pipe, and the file on the other. */
static int open_pipe(struct logfile *file)
{
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(logfile_open(file, path), 0);
    assert_true(file->is_stream);
    return fd;
}

static void a_stream_gets_whole_lines_that_fit_into_one_write(void **state)
{
    static char text[3 * PIPE_BUF], got[3 * PIPE_BUF];
    struct logfile file;
    int fd = open_pipe(&file);

    (void)state;
    memset(text, 'x', sizeof(text));
    text[999] = text[2499] = text[PIPE_BUF] = '\n';
    assert_int_equal(write_text(&file, text, sizeof(text)), 2500);
    assert_int_equal(write_text(&file, text, PIPE_BUF), PIPE_BUF);
    assert_int_equal(write_text(&file, text + 1, sizeof(text) - 1), PIPE_BUF);
    assert_int_equal(read(fd, got, sizeof(got)), 2500 + 2 * PIPE_BUF);
    assert_memory_equal(got, text, 2500);
    close(fd);
    logfile_close(&file);
}

static void a_full_pipe_is_blocked_until_it_is_read(void **state)
{
    static char text[PIPE_BUF];
    struct logfile file;
    int fd = open_pipe(&file), writes = 0;

    (void)state;
    memset(text, '\n', sizeof(text));
    while (writes < 10000 && write_text(&file, text, sizeof(text)) > 0)
        writes++;
    assert_in_range(writes, 1, 9999);
    assert_true(file.is_blocked);
    assert_int_equal(file.error, 0);
    assert_int_equal(read(fd, text, sizeof(text)), sizeof(text));
    assert_int_equal(write_text(&file, text, sizeof(text)), sizeof(text));
    assert_false(file.is_blocked);
    close(fd);
    logfile_close(&file);
}

static void a_reader_that_left_is_gone_for_good(void **state)
{
    struct logfile file;
    int fd = open_pipe(&file);

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    close(fd);
    assert_int_equal(write_text(&file, "x\n", 2), LOGFILE_GONE);
    assert_int_equal(file.error, EPIPE);
    /* Unless another opens the same named pipe. */
    fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(write_text(&file, "x\n", 2), 2);
    assert_int_equal(file.error, 0);
    close(fd);
    logfile_close(&file);
}

static void reopening_makes_the_file_again_under_its_name(void **state)
{
    struct logfile file;
    struct stat st;

    (void)state;
    assert_int_equal(logfile_open(&file, path), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(logfile_reopen(&file), 0);
    assert_int_equal(write_text(&file, "x\n", 2), 2);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2);
    logfile_close(&file);
}

static void reopening_in_vain_changes_nothing(void **state)
{
    struct logfile file;
    int fd;

    (void)state;
    assert_int_equal(logfile_open(&file, path), 0);
    fd = file.fd;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(logfile_reopen(&file), -1);
    assert_int_equal(file.fd, fd);
    assert_int_equal(write_text(&file, "x\n", 2), 2);
    logfile_close(&file);
    assert_int_equal(mkdir(folder, 0700), 0);
}

static void a_process_without_standard_output_has_none_to_log_to(void **state)
{
    struct logfile file;
    int saved = dup(STDOUT_FILENO), result, error;

    (void)state;
    fflush(stdout);
    close(STDOUT_FILENO);
    result = logfile_open(&file, "-");
    error = errno;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(result, -1);
    assert_int_equal(error, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            pieces_are_appended_to_a_file_that_only_the_owner_and_group_read, setup, teardown),
        cmocka_unit_test(a_full_disk_is_worth_another_try),
        cmocka_unit_test_setup_teardown(a_stream_gets_whole_lines_that_fit_into_one_write, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_is_blocked_until_it_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_left_is_gone_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(reopening_makes_the_file_again_under_its_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reopening_in_vain_changes_nothing, setup, teardown),
        cmocka_unit_test(a_process_without_standard_output_has_none_to_log_to),
    };

    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
