/* A file that is used as memory: what is there again, how it grows, and where it may not. */
#include "store/mapfile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_folder.h"

enum { PAGE = 4096, RESERVED = 64 * PAGE };

static const struct mapfile_start start = {.bytes = 2 * PAGE, .head = "begin", .head_bytes = 6};
static char *folder;
static struct mapfile file;
static struct store_reason reason;

static int open_it(void)
{
    return mapfile_open(&file, folder_file(folder, "splits"), RESERVED, &start, &reason);
}

static int setup(void **state)
{
    (void)state;
    folder = folder_make();
    return open_it();
}

static int teardown(void **state)
{
    (void)state;
    mapfile_close(&file);
    folder_remove(&folder);
    return 0;
}

static off_t size_of(const char *name)
{
    struct stat status;

    return stat(folder_file(folder, name), &status) == 0 ? status.st_size : -1;
}

static void test_a_new_file_begins_as_it_should(void **state)
{
    struct stat status;

    (void)state;
    assert_string_equal(file.memory, "begin");
    assert_int_equal(((char *)file.memory)[2 * PAGE - 1], 0);
    assert_int_equal(file.bytes, 2 * PAGE);
    assert_int_equal(stat(folder_file(folder, "splits"), &status), 0);
    assert_int_equal(status.st_size, 2 * PAGE);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(status.st_blocks * 512 >= 2 * PAGE); /* it has its room */
    assert_int_equal(size_of("splits.new"), -1);
}

static void test_what_was_stored_is_there_for_the_next(void **state)
{
    (void)state;
    memcpy((char *)file.memory + PAGE, "stored", 7);
    mapfile_close(&file);
    assert_int_equal(open_it(), 0);
    assert_string_equal((char *)file.memory + PAGE, "stored");
    assert_string_equal(file.memory, "begin");
}

static void test_what_a_killed_process_stored_is_there(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        memcpy((char *)file.memory + PAGE, "stored", 7);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    mapfile_close(&file);
    assert_int_equal(open_it(), 0);
    assert_string_equal((char *)file.memory + PAGE, "stored");
}

static void test_it_grows_where_it_is(void **state)
{
    void *before = file.memory;

    (void)state;
    assert_int_equal(mapfile_grow(&file, 10 * PAGE, &reason), 0);
    assert_int_equal(file.bytes, 10 * PAGE);
    assert_ptr_equal(file.memory, before);
    memset((char *)file.memory + 9 * PAGE, 'x', PAGE);
    assert_int_equal(mapfile_grow(&file, PAGE, &reason), 0); /* it never shrinks */
    assert_int_equal(file.bytes, 10 * PAGE);
    assert_int_equal(mapfile_grow(&file, 1000 * PAGE, &reason), 0);
    assert_int_equal(file.bytes, RESERVED);
    mapfile_close(&file);
    assert_int_equal(open_it(), 0);
    assert_int_equal(file.bytes, RESERVED);
    assert_int_equal(((char *)file.memory)[9 * PAGE], 'x');
}

static void test_without_room_it_stays_as_it_is(void **state)
{
    struct rlimit limit, before;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4 * PAGE;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(mapfile_grow(&file, 10 * PAGE, &reason), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(file.bytes, 2 * PAGE);
    assert_non_null(strstr(reason.text, "splits cannot grow"));
    assert_int_equal(mapfile_grow(&file, 10 * PAGE, &reason), 0);
}

static void test_a_start_that_broke_off_leaves_nothing_in_the_way(void **state)
{
    int fd = open(folder_file(folder, "splits.new"), O_CREAT | O_WRONLY, 0600);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    mapfile_close(&file);
    assert_int_equal(unlink(folder_file(folder, "splits")), 0);
    assert_int_equal(open_it(), 0);
    assert_string_equal(file.memory, "begin");
    assert_int_equal(size_of("splits.new"), -1);
}

static void test_a_folder_that_is_not_there_is_named(void **state)
{
    struct mapfile other;

    (void)state;
    assert_int_equal(
        mapfile_open(&other, folder_file(folder, "absent/splits"), RESERVED, &start, &reason), -1);
    assert_non_null(strstr(reason.text, "absent/splits"));
    assert_int_equal(other.fd, -1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_a_new_file_begins_as_it_should),
        test(test_what_was_stored_is_there_for_the_next),
        test(test_what_a_killed_process_stored_is_there),
        test(test_it_grows_where_it_is),
        test(test_without_room_it_stays_as_it_is),
        test(test_a_start_that_broke_off_leaves_nothing_in_the_way),
        test(test_a_folder_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
