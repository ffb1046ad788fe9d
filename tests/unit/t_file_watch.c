/* Noticing every way in which a file's content comes to be another: written in place, renamed over,
 * removed and made again, reached through links that are exchanged, in folders that are exchanged.
 * Nothing here depends on time: a test waits for the watch's descriptor and fails when it stays
 * silent for very long. */
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
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conf/file.h"
#include "failmalloc.h"

enum { PATIENCE_MS = 20000 };

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

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(from, to), 0);
}

static struct file_watch *watch(const char *path)
{
    char *paths[] = {(char *)(uintptr_t)path};
    struct file_watch *w = file_watch_open(paths, 1);

    if (!w)
        fail_msg("%s cannot be watched: %s", path, strerror(errno));
    assert_false(file_watch_changed(w));
    return w;
}

static bool is_readable(const struct file_watch *w, int wait_ms)
{
    struct pollfd p = {.fd = file_watch_fd(w), .events = POLLIN};

    return poll(&p, 1, wait_ms) == 1;
}

/* The change is told, and then told no more. */
static void expect_change(struct file_watch *w)
{
    bool is_changed = false;

    for (int i = 0; i < 100 && !is_changed && is_readable(w, PATIENCE_MS); i++)
        is_changed = file_watch_changed(w);
    assert_true(is_changed);
    /* Events come with the system call that makes them: all are there now, and are part of that
     * change. */
    for (int i = 0; i < 100 && is_readable(w, 0); i++)
        assert_false(file_watch_changed(w));
    assert_false(is_readable(w, 0));
}

static void expect_silence(struct file_watch *w)
{
    for (int i = 0; i < 100 && is_readable(w, 0); i++)
        assert_false(file_watch_changed(w));
    assert_false(file_watch_changed(w));
}

/* The watch still works: what it is for is noticed. */
static void expect_alive(struct file_watch *w, const char *name)
{
    write_file("alive.tmp", "{\"alive\": true}");
    move("alive.tmp", name);
    expect_change(w);
}

static void writing_in_place_is_noticed(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    write_file("t.json", "{\"a\": 1}");
    expect_change(w);
    write_file("t.json", "{\"a\": 2}"); /* the same length, perhaps within one tick of the clock */
    expect_change(w);
    write_file("t.json", "{\"a\": 2}");
    expect_change(w);
    file_watch_close(&w);
    assert_null(w);
}

static void every_step_of_a_slow_writer_is_noticed(void **state)
{
    struct file_watch *w;
    int fd;

    (void)state;
    write_file("t.json", "{\"old\": 1}");
    w = watch("t.json");
    fd = open("t.json", O_WRONLY | O_TRUNC | O_CLOEXEC);
    expect_change(w); /* empty: does not parse */
    assert_int_equal(write(fd, "{\"new\":", 7), 7);
    expect_change(w); /* half: does not parse */
    assert_int_equal(write(fd, " 2}", 3), 3);
    expect_change(w); /* whole, though not closed */
    close(fd);
    expect_silence(w);
    file_watch_close(&w);
}

static void an_editors_rename_over_is_noticed_each_time(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    for (int i = 0; i < 5; i++) {
        write_file("t.json.swp", "{}");
        expect_silence(w);
        move("t.json", "t.json~"); /* vi's way */
        move("t.json.swp", "t.json");
        expect_change(w);
        expect_alive(w, "t.json");
    }
    write_file("t.json", "{\"in\": \"place\"}");
    expect_change(w);
    file_watch_close(&w);
}

static void removal_and_making_again_are_noticed(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    assert_int_equal(unlink("t.json"), 0);
    expect_change(w);
    write_file("t.json", "{}");
    expect_change(w);
    expect_alive(w, "t.json");
    file_watch_close(&w);
}

/* The new file may have the inode number, length and time of the old one. */
static void removal_and_making_again_at_once_is_noticed(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(unlink("t.json"), 0);
        write_file("t.json", "{}");
        expect_change(w);
    }
    file_watch_close(&w);
}

static void a_file_that_does_not_exist_yet_is_waited_for(void **state)
{
    struct file_watch *w;

    (void)state;
    w = watch("a/b/t.json");
    make_folder("a");
    expect_silence(w);
    make_folder("a/b");
    expect_silence(w);
    write_file("a/b/t.json", "{}");
    expect_change(w);
    expect_alive(w, "a/b/t.json");
    file_watch_close(&w);
}

static void what_happens_to_other_files_is_no_change(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    write_file("other", "x");
    expect_silence(w);
    move("other", "another");
    expect_silence(w);
    assert_int_equal(unlink("another"), 0);
    expect_silence(w);
    make_folder("sub");
    write_file("sub/t.json", "{}");
    expect_silence(w);
    expect_alive(w, "t.json");
    file_watch_close(&w);
}

static void a_link_to_the_file_can_be_exchanged(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("store");
    write_file("store/1", "{}");
    write_file("store/2", "{}");
    make_link("store/1", "t.json");
    w = watch("t.json");
    write_file("store/1", "{\"a\": 1}"); /* through the link */
    expect_change(w);
    make_link("store/2", "t.tmp");
    move("t.tmp", "t.json");
    expect_change(w);
    write_file("store/1", "{\"a\": 2}"); /* no longer meant */
    expect_silence(w);
    write_file("store/2", "{\"a\": 3}");
    expect_change(w);
    expect_alive(w, "store/2");
    file_watch_close(&w);
}

static void a_dangling_link_is_waited_for(void **state)
{
    struct file_watch *w;

    (void)state;
    make_link("store/t", "t.json");
    w = watch("t.json");
    make_folder("store");
    expect_silence(w);
    write_file("store/t", "{}");
    expect_change(w);
    file_watch_close(&w);
}

static void absolute_links_and_dots_are_followed(void **state)
{
    struct file_watch *w;
    char target[PATH_MAX];

    (void)state;
    make_folder("a");
    make_folder("a/b");
    make_folder("c");
    write_file("c/real", "{}");
    snprintf(target, sizeof(target), "%s/c/../c/./real", (char *)*state);
    make_link(target, "a/b/abs");
    make_link("..//b/abs", "a/b/t.json");
    w = watch("./a/../a//b/t.json");
    write_file("c/real", "{\"a\": 1}");
    expect_change(w);
    assert_int_equal(unlink("a/b/abs"), 0);
    expect_change(w);
    make_link("../../c/real", "a/b/abs");
    expect_change(w);
    expect_alive(w, "c/real");
    file_watch_close(&w);
}

/* A volume as the kubelet updates it: t.json -> ..data/t.json, ..data -> ..1, then ..data is
 * renamed over. */
static void a_kubernetes_volume_is_followed_through_updates(void **state)
{
    struct file_watch *w;
    char folder[32], file[64], old[64];

    (void)state;
    make_folder("volume");
    make_folder("volume/..0");
    write_file("volume/..0/t.json", "{}");
    make_link("..0", "volume/..data");
    make_link("..data/t.json", "volume/t.json");
    w = watch("volume/t.json");
    for (int i = 1; i < 6; i++) {
        snprintf(folder, sizeof(folder), "volume/..%d", i);
        snprintf(file, sizeof(file), "%s/t.json", folder);
        make_folder(folder);
        write_file(file, "{}");
        expect_silence(w);
        make_link(folder + strlen("volume/"), "volume/..data_tmp");
        move("volume/..data_tmp", "volume/..data");
        expect_change(w);
        snprintf(old, sizeof(old), "volume/..%d/t.json", i - 1);
        assert_int_equal(unlink(old), 0);
        old[strlen(old) - strlen("/t.json")] = '\0';
        assert_int_equal(rmdir(old), 0);
        expect_silence(w);
    }
    expect_alive(w, "volume/..5/t.json");
    file_watch_close(&w);
}

static void the_folder_itself_can_be_exchanged(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("conf");
    write_file("conf/t.json", "{}");
    make_folder("next");
    write_file("next/t.json", "{\"next\": 1}");
    w = watch("conf/t.json");
    move("conf", "old");
    expect_change(w); /* gone */
    write_file("old/t.json", "{\"old\": 1}");
    expect_silence(w);
    move("next", "conf");
    expect_change(w);
    expect_alive(w, "conf/t.json");
    write_file("conf/t.json", "{\"in\": \"place\"}");
    expect_change(w);
    file_watch_close(&w);
}

static void the_folder_can_be_exchanged_in_one_step(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("conf");
    write_file("conf/t.json", "{}");
    make_folder("next");
    write_file("next/t.json", "{\"next\": 1}");
    w = watch("conf/t.json");
    if (renameat2(AT_FDCWD, "next", AT_FDCWD, "conf", RENAME_EXCHANGE) < 0) {
        assert_true(errno == EINVAL || errno == ENOSYS); /* not on this file system */
    } else {
        expect_change(w);
        expect_alive(w, "conf/t.json");
    }
    file_watch_close(&w);
}

static void a_folder_far_above_can_be_exchanged(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("top");
    make_folder("top/mid");
    make_folder("top/mid/low");
    write_file("top/mid/low/t.json", "{}");
    w = watch("top/mid/low/t.json");
    move("top", "away");
    expect_change(w);
    make_folder("top");
    make_folder("top/mid");
    expect_silence(w);
    move("away/mid/low", "top/mid/low");
    expect_change(w);
    expect_alive(w, "top/mid/low/t.json");
    file_watch_close(&w);
}

static void a_folder_can_be_removed_and_made_again(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("conf");
    write_file("conf/t.json", "{}");
    w = watch("conf/t.json");
    assert_int_equal(unlink("conf/t.json"), 0);
    assert_int_equal(rmdir("conf"), 0);
    expect_change(w);
    make_folder("conf");
    expect_silence(w);
    write_file("conf/t.json", "{}");
    expect_change(w);
    expect_alive(w, "conf/t.json");
    file_watch_close(&w);
}

static void a_file_can_become_a_folder_and_a_file_again(void **state)
{
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    w = watch("t.json");
    assert_int_equal(unlink("t.json"), 0);
    make_folder("t.json");
    expect_change(w);
    assert_int_equal(rmdir("t.json"), 0);
    expect_change(w);
    write_file("t.json", "{}");
    expect_change(w);
    file_watch_close(&w);
}

static void hard_links_and_touch_are_noticed(void **state)
{
    const struct timespec times[2] = {{1000, 0}, {1000, 5}};
    struct file_watch *w;

    (void)state;
    write_file("t.json", "{}");
    assert_int_equal(link("t.json", "elsewhere"), 0);
    w = watch("t.json");
    write_file("elsewhere", "{\"a\": 1}"); /* the same file by another name */
    expect_change(w);
    assert_int_equal(utimensat(AT_FDCWD, "t.json", times, 0), 0);
    expect_change(w);
    file_watch_close(&w);
}

static void permission_that_comes_back_is_noticed(void **state)
{
    struct file_watch *w;

    (void)state;
    assert_int_equal(chmod(".", 0777), 0);
    write_file("t.json", "{}");
    if (geteuid() == 0)
        assert_int_equal(chown("t.json", 65534, 65534), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    w = watch("t.json");
    assert_int_equal(chmod("t.json", 0), 0);
    expect_change(w);
    assert_int_equal(chmod("t.json", 0644), 0);
    expect_change(w);
    file_watch_close(&w);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void several_files_are_watched_together(void **state)
{
    char *paths[] = {"one/a", "two/b", "one/c"};
    struct file_watch *w;

    (void)state;
    make_folder("one");
    make_folder("two");
    write_file("one/a", "a");
    write_file("two/b", "b");
    w = file_watch_open(paths, 3);
    assert_non_null(w);
    assert_false(file_watch_changed(w));
    for (int i = 0; i < 3; i++) {
        write_file(paths[i], "x");
        expect_change(w);
        expect_alive(w, paths[i]);
    }
    file_watch_close(&w);
}

static void a_relative_name_means_what_it_meant_at_first(void **state)
{
    struct file_watch *w;

    (void)state;
    make_folder("sub");
    write_file("t.json", "{}");
    w = watch("t.json");
    assert_int_equal(chdir("sub"), 0);
    write_file("t.json", "{}");
    expect_silence(w);
    write_file("../t.json", "{\"a\": 1}");
    expect_change(w);
    file_watch_close(&w);
}

static void links_in_a_circle_end(void **state)
{
    struct file_watch *w;

    (void)state;
    make_link("b", "a");
    make_link("a", "b");
    w = watch("a");
    assert_int_equal(unlink("b"), 0);
    expect_silence(w);
    write_file("b", "{}");
    expect_change(w);
    file_watch_close(&w);
}

static void a_name_that_no_file_can_have_is_refused(void **state)
{
    char name[PATH_MAX + 10], component[NAME_MAX + 20];
    char *paths[] = {name};
    struct file_watch *w;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_null(file_watch_open(paths, 1));
    assert_int_equal(errno, ENAMETOOLONG);
    name[0] = '\0';
    assert_null(file_watch_open(paths, 1));
    assert_int_equal(errno, ENOENT);
    memset(component, 'x',
           sizeof(component) - 1); /* longer than a component may be: never exists */
    component[sizeof(component) - 1] = '\0';
    w = watch(component);
    expect_silence(w);
    file_watch_close(&w);
    file_watch_close(&w); /* of nothing: nothing */
}

static int open_descriptors(void)
{
    int nr = 0;

    for (int fd = 0; fd < 256; fd++)
        nr += fcntl(fd, F_GETFD) >= 0;
    return nr;
}

static void nothing_is_left_open(void **state)
{
    int before = open_descriptors();
    struct problems problems = {0};
    struct file_watch *w;
    size_t length;

    (void)state;
    write_file("t.json", "{}");
    for (int i = 0; i < 3; i++) {
        w = watch("t.json");
        expect_alive(w, "t.json");
        file_watch_close(&w);
        free(file_read("t.json", &length, &problems));
        free(file_read(".", &length, &problems));
        free(file_read("missing", &length, &problems));
    }
    problems_fini(&problems);
    assert_int_equal(open_descriptors(), before);
}

static void a_failed_allocation_of_a_watch_leaks_nothing(void **state)
{
    char *paths[] = {"a", "b"};
    long before, n;
    int descriptors = open_descriptors();

    (void)state;
    failmalloc_skip();
    before = failmalloc_live();
    for (n = 1; n < 100; n++) {
        struct file_watch *w;
        failmalloc_arm(n);
        w = file_watch_open(paths, 2);
        if (!failmalloc_disarm()) {
            assert_non_null(w);
            file_watch_close(&w);
            break;
        }
        assert_null(w);
        assert_int_equal(errno, ENOMEM);
        assert_int_equal(failmalloc_live(), before);
        assert_int_equal(open_descriptors(), descriptors);
    }
    assert_in_range(n, 2, 99);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(writing_in_place_is_noticed),
        test(every_step_of_a_slow_writer_is_noticed),
        test(an_editors_rename_over_is_noticed_each_time),
        test(removal_and_making_again_are_noticed),
        test(removal_and_making_again_at_once_is_noticed),
        test(a_file_that_does_not_exist_yet_is_waited_for),
        test(what_happens_to_other_files_is_no_change),
        test(a_link_to_the_file_can_be_exchanged),
        test(a_dangling_link_is_waited_for),
        test(absolute_links_and_dots_are_followed),
        test(a_kubernetes_volume_is_followed_through_updates),
        test(the_folder_itself_can_be_exchanged),
        test(the_folder_can_be_exchanged_in_one_step),
        test(a_folder_far_above_can_be_exchanged),
        test(a_folder_can_be_removed_and_made_again),
        test(a_file_can_become_a_folder_and_a_file_again),
        test(hard_links_and_touch_are_noticed),
        test(permission_that_comes_back_is_noticed),
        test(several_files_are_watched_together),
        test(a_relative_name_means_what_it_meant_at_first),
        test(links_in_a_circle_end),
        test(a_name_that_no_file_can_have_is_refused),
        test(nothing_is_left_open),
        test(a_failed_allocation_of_a_watch_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
