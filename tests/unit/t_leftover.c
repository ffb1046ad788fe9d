/* Pipelined bytes: nothing is lost, nothing is copied twice. */
#include "proxy/http/leftover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_is_kept_is_given_out_once(void **state)
{
    struct leftover l = {.bytes = NULL};
    char read[] = "GET / HTTP/1.1";

    (void)state;
    assert_true(leftover_is_empty(&l));
    assert_int_equal(leftover_keep(&l, read, strlen(read)), 0);
    memset(read, 'x', sizeof(read) - 1); /* the read buffer serves others meanwhile */
    assert_false(leftover_is_empty(&l));
    struct str all = leftover_begin(&l);
    assert_int_equal(all.n, 14);
    assert_memory_equal(all.p, "GET / HTTP/1.1", 14);
    assert_true(leftover_is_empty(&l));
    leftover_finish(&l);
    assert_null(l.bytes);
    assert_int_equal(leftover_keep(&l, "", 0), 0);
    assert_null(l.bytes);
}

/* B6: the rest of 256 KB of requests was copied for each of them. */
static void many_requests_in_one_read_are_copied_once(void **state)
{
    struct leftover l = {.bytes = NULL};
    static const char read[] = "abcdefghijklmnopqrstuvwxyz";
    const char *first = NULL;

    (void)state;
    assert_int_equal(leftover_keep(&l, read, 26), 0);
    for (size_t i = 0; i < 26; i++) {
        struct str all = leftover_begin(&l);
        if (!first)
            first = all.p;
        assert_int_equal(all.n, 26 - i);
        assert_ptr_equal(all.p, first + i);
        assert_int_equal(all.p[0], 'a' + (int)i);
        assert_int_equal(leftover_keep(&l, all.p + 1, all.n - 1), 0);
        leftover_finish(&l);
    }
    assert_true(leftover_is_empty(&l));
    assert_null(l.bytes);
}

static void others_bytes_take_the_place_of_those_that_were_used(void **state)
{
    struct leftover l = {.bytes = NULL};

    (void)state;
    assert_int_equal(leftover_keep(&l, "one", 3), 0);
    leftover_begin(&l);
    assert_int_equal(leftover_keep(&l, "three", 5), 0);
    leftover_finish(&l);
    struct str all = leftover_begin(&l);
    assert_int_equal(all.n, 5);
    assert_memory_equal(all.p, "three", 5);
    leftover_fini(&l);
    leftover_fini(&l);
}

static void more_bytes_go_behind_those_that_wait(void **state)
{
    struct leftover l = {.bytes = NULL};

    (void)state;
    assert_int_equal(leftover_add(&l, "one", 3), 0);
    struct str all = leftover_begin(&l);
    assert_int_equal(leftover_keep(&l, all.p + 1, 2), 0);
    leftover_finish(&l);
    assert_int_equal(leftover_add(&l, "two", 3), 0);
    all = leftover_begin(&l);
    assert_int_equal(all.n, 5);
    assert_memory_equal(all.p, "netwo", 5);
    leftover_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_given_out_once),
        cmocka_unit_test(many_requests_in_one_read_are_copied_once),
        cmocka_unit_test(others_bytes_take_the_place_of_those_that_were_used),
        cmocka_unit_test(more_bytes_go_behind_those_that_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
