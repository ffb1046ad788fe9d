/* Reading documents: what is read, what is refused and why. */
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
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/file.h"
#include "failmalloc.h"

static int setup(void **state)
{
    const char *parent = getenv("TMPDIR");
    char name[PATH_MAX];

    snprintf(name, sizeof(name), "%s/weir-file-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(name) || chdir(name) < 0)
        return -1;
    *state = strdup(name);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    char command[PATH_MAX + 32];
    int result;

    if (chdir("/") < 0)
        return -1;
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    result = system(command);
    free(*state);
    return result;
}

static void write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(name, 0755), 0);
}

static void make_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, name), 0);
}

static void a_file_is_read_whole_and_terminated(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 1000000};
    struct problems problems = {0};
    char *big = malloc(1000001);

    (void)state;
    assert_non_null(big);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t length = 77;
        char *text;
        memset(big, 'x', sizes[i]);
        big[sizes[i]] = '\0';
        write_file("f", big);
        text = file_read("f", &length, &problems);
        assert_non_null(text);
        assert_int_equal(length, sizes[i]);
        assert_string_equal(text, big);
        free(text);
    }
    free(big);
    assert_int_equal(problems.nr, 0);
}

static void expect_refusal(const char *path, const char *code, const char *part)
{
    struct problems problems = {0};
    size_t length;
    char *text = file_read(path, &length, &problems);

    if (text || problems.nr != 1)
        fail_msg("%s: read, or %zu problems", path, problems.nr);
    assert_string_equal(problems.list[0].code, code);
    assert_string_equal(problems.list[0].file, path);
    assert_string_equal(problems.list[0].path, "$");
    if (!strstr(problems.list[0].message, part))
        fail_msg("%s: %s", path, problems.list[0].message);
    problems_fini(&problems);
}

static void what_is_no_readable_file_is_refused(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(mkfifo("fifo", 0644), 0);
    make_folder("folder");
    write_file("plain", "x");
    make_link("loop", "loop");
    expect_refusal("missing", "file_missing", "there is no such file");
    expect_refusal("plain/x", "file_missing", "there is no such file");
    expect_refusal("folder", "file_kind", "is a folder");
    expect_refusal("fifo", "file_kind", "is a device, pipe or socket");
    expect_refusal("/dev/null", "file_kind", "is a device");
    expect_refusal("socket", "file_error", "cannot be read");
    expect_refusal("loop", "file_error", "cannot be read");
    close(fd);
}

static void a_file_without_permission_is_refused(void **state)
{
    (void)state;
    write_file("secret", "x");
    assert_int_equal(chmod("secret", 0), 0);
    if (geteuid() != 0) {
        expect_refusal("secret", "file_denied", "read permission");
        return;
    }
    /* root reads everything: be somebody else for a moment. */
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(seteuid(65534), 0);
    expect_refusal("secret", "file_denied", "read permission");
    assert_int_equal(seteuid(0), 0);
}

static void a_file_above_the_limit_is_refused(void **state)
{
    (void)state;
    write_file("huge", "");
    assert_int_equal(truncate("huge", (off_t)FILE_BYTES_MAX + 1), 0); /* sparse */
    expect_refusal("huge", "file_size", "256 MiB");
}

static void a_file_that_grows_while_it_is_read_is_read_to_its_end(void **state)
{
    struct problems problems = {0};
    size_t length;
    char *text;

    (void)state;
    /* A file of the kernel that says its size is 0. */
    text = file_read("/proc/self/status", &length, &problems);
    assert_non_null(text);
    assert_true(length > 100);
    assert_int_equal(strlen(text), length);
    free(text);
}

static void a_failed_allocation_of_a_read_is_a_problem(void **state)
{
    long before, n;

    (void)state;
    failmalloc_skip();
    write_file("f", "{}");
    before = failmalloc_live();
    for (n = 1; n < 100; n++) {
        struct problems problems = {0};
        size_t length;
        char *text;
        failmalloc_arm(n);
        text = file_read("f", &length, &problems);
        if (!failmalloc_disarm()) {
            assert_non_null(text);
            free(text);
            break;
        }
        assert_null(text);
        assert_int_equal(problems_count(&problems), 1);
        problems_fini(&problems);
        assert_int_equal(failmalloc_live(), before);
    }
    assert_in_range(n, 2, 99);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_file_is_read_whole_and_terminated),
        test(what_is_no_readable_file_is_refused),
        test(a_file_without_permission_is_refused),
        test(a_file_above_the_limit_is_refused),
        test(a_file_that_grows_while_it_is_read_is_read_to_its_end),
        test(a_failed_allocation_of_a_read_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
