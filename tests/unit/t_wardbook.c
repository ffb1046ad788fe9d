/* What is kept of canaries from process to process. */
#include "router/wardbook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *memory;

static int setup(void **state)
{
    (void)state;
    memory = aligned_alloc(WARDBOOK_HEAD, WARDBOOK_BYTES);
    memset(memory, 0, WARDBOOK_BYTES);
    wardbook_format(memory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static struct wardbook *live(void)
{
    char reason[100];
    struct wardbook *book = wardbook_open(memory, reason, sizeof(reason));

    assert_non_null(book);
    return book;
}

static const struct wardbook_key key = {{1, 2}}, other = {{1, 3}};

static void what_stands_in_a_slot_outlives_the_process(void **state)
{
    struct wardbook *book = live();
    struct wardbook_slot *slot = wardbook_take(book, key);

    (void)state;
    wardbook_settle(book);
    atomic_store(&slot->failed, 7);
    slot->guard.logs[3] = 1.5;
    wardbook_close(&book); /* killed: nothing is given back */
    book = live();
    assert_null(wardbook_find(book, other));
    slot = wardbook_find(book, key);
    assert_non_null(slot);
    assert_int_equal(atomic_load(&slot->failed), 7);
    assert_true(slot->guard.logs[3] > 1.4);
    assert_null(wardbook_find(book, key)); /* it has its ward */
    wardbook_close(&book);
}

static void what_the_first_table_does_not_ask_for_is_forgotten(void **state)
{
    struct wardbook *book = live();

    (void)state;
    assert_non_null(wardbook_take(book, key));
    wardbook_settle(book);
    wardbook_close(&book);
    book = live();
    wardbook_settle(book);
    assert_null(wardbook_find(book, key));
    wardbook_close(&book);
    book = live();
    assert_null(wardbook_find(book, key));
    wardbook_close(&book);
}

static void what_rests_or_was_given_back_is_forgotten(void **state)
{
    struct wardbook *book = live();
    struct wardbook_slot *resting = wardbook_take(book, key), *gone = wardbook_take(book, other);

    (void)state;
    wardbook_settle(book);
    wardbook_rest(resting, true);
    wardbook_release(book, &gone);
    assert_null(gone);
    wardbook_close(&book);
    book = live();
    assert_null(wardbook_find(book, key));
    assert_null(wardbook_find(book, other));
    wardbook_close(&book);
}

static void the_end_of_a_process_leaves_what_it_found(void **state)
{
    struct wardbook *book = live();
    struct wardbook_slot *slot = wardbook_take(book, key);

    (void)state;
    wardbook_settle(book);
    wardbook_seal(book);
    wardbook_release(book, &slot);
    wardbook_close(&book);
    book = live();
    slot = wardbook_find(book, key);
    assert_non_null(slot);
    wardbook_release(book, &slot); /* the start fails: no table is in force */
    wardbook_close(&book);
    book = live();
    assert_non_null(wardbook_find(book, key));
    wardbook_close(&book);
}

static void the_later_one_of_two_counts(void **state)
{
    struct wardbook *book = live();

    (void)state;
    atomic_store(&wardbook_take(book, key)->failed, 1);
    atomic_store(&wardbook_take(book, key)->failed, 2);
    wardbook_close(&book);
    book = live();
    assert_int_equal(atomic_load(&wardbook_find(book, key)->failed), 2);
    wardbook_close(&book);
}

static void a_full_book_keeps_no_more(void **state)
{
    struct wardbook *book = live();
    struct wardbook_slot *slot = NULL, *last = NULL;
    int nr = 0;

    (void)state;
    while ((slot = wardbook_take(book, key))) {
        last = slot;
        nr++;
    }
    assert_true(nr > 1000);
    assert_int_equal(nr, wardbook_room);
    assert_int_equal(wardbook_nr_lost(book), 1);
    wardbook_settle(book);
    wardbook_release(book, &last);
    assert_non_null(wardbook_take(book, other));
    assert_int_equal(wardbook_nr_lost(book), 1);
    wardbook_close(&book);
}

static void other_files_are_refused(void **state)
{
    char reason[100];

    (void)state;
    memory[0] = 'x';
    assert_null(wardbook_open(memory, reason, sizeof(reason)));
    assert_non_null(strstr(reason, "damaged"));
    wardbook_format(memory);
    memory[8]++;
    assert_null(wardbook_open(memory, reason, sizeof(reason)));
    assert_non_null(strstr(reason, "another version"));
}

static void keys_tell_names_apart(void **state)
{
    struct wardbook_key a = wardbook_key(STR("f"), STR("live"), STR("2"));
    struct wardbook_key b = wardbook_key(STR("fl"), STR("ive"), STR("2"));

    (void)state;
    assert_memory_not_equal(&a, &b, sizeof(a));
    b = wardbook_key(STR("f"), STR("live"), STR("3"));
    assert_memory_not_equal(&a, &b, sizeof(a));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_stands_in_a_slot_outlives_the_process),
        test(what_the_first_table_does_not_ask_for_is_forgotten),
        test(what_rests_or_was_given_back_is_forgotten),
        test(the_end_of_a_process_leaves_what_it_found),
        test(the_later_one_of_two_counts),
        test(a_full_book_keeps_no_more),
        test(other_files_are_refused),
        test(keys_tell_names_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
