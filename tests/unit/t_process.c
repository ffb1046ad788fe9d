/* What the system says about this process, held against what the test does to it. */
#include "metrics/process.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static struct process_facts facts(void)
{
    struct process_facts f;

    process_read(&f);
    return f;
}

static void descriptors_are_counted_without_the_one_that_counts(void **state)
{
    struct process_facts before = facts(), after;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    after = facts();
    close(fds[0]);
    close(fds[1]);
    assert_true(before.open_fds >= 2);
    assert_int_equal(after.open_fds, before.open_fds + 2);
    assert_int_equal(facts().open_fds, before.open_fds);
}

static void the_limit_on_descriptors_is_the_soft_one(void **state)
{
    struct rlimit limit, lower;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    lower = limit;
    lower.rlim_cur = 77;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_int_equal(facts().max_fds, 77);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void *wait_for_end(void *arg)
{
    char c;

    return read(*(int *)arg, &c, 1) < 0 ? arg : NULL;
}

/* The first thread does not count here: a sanitizer may start one of its own with it. */
static void threads_are_counted(void **state)
{
    static int fds[2];
    pthread_t threads[3];
    int64_t nr[3];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &fds[0]), 0);
        nr[i] = facts().threads;
    }
    close(fds[1]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    close(fds[0]);
    assert_true(nr[0] >= 2);
    assert_int_equal(nr[1], nr[0] + 1);
    assert_int_equal(nr[2], nr[0] + 2);
}

static void memory_that_is_touched_becomes_resident(void **state)
{
    enum { BYTES = 64 << 20 };
    struct process_facts before = facts(), after;
    char *block = malloc(BYTES);

    (void)state;
    assert_non_null(block);
    memset(block, 1, BYTES);
    after = facts();
    assert_int_equal(block[BYTES - 1], 1);
    free(block);
    assert_true(after.resident_bytes >= before.resident_bytes + BYTES / 2);
    assert_true(after.virtual_bytes >= after.resident_bytes);
}

static void processor_time_goes_on(void **state)
{
    struct process_facts before = facts();
    volatile uint64_t x = 0;

    (void)state;
    for (int i = 0; i < 100000 && facts().cpu_us == before.cpu_us; i++)
        for (int k = 0; k < 10000; k++)
            x = x + 1;
    assert_true(facts().cpu_us > before.cpu_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_counted_without_the_one_that_counts),
        cmocka_unit_test(the_limit_on_descriptors_is_the_soft_one),
        cmocka_unit_test(threads_are_counted),
        cmocka_unit_test(memory_that_is_touched_becomes_resident),
        cmocka_unit_test(processor_time_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
