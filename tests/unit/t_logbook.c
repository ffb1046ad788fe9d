/* The memory that outlives processes: what is found again, what is refused, who gets which place. */
#include "router/logbook.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/segment.h"

/* In place of the file. */
static _Alignas(LOGBOOK_BLOCK) uint8_t memory[2 * LOGBOOK_BYTES_MIN];
static char reason[100];

static struct logbook *begin(void)
{
    struct logbook *logbook;

    memset(memory, 0, sizeof(memory));
    logbook_format(memory);
    logbook = logbook_open(memory, LOGBOOK_BYTES_MIN, reason, sizeof(reason));
    assert_non_null(logbook);
    logbook_settle(logbook);
    return logbook;
}

/* The next process; the one before was killed. */
static void next_process(struct logbook **logbook)
{
    logbook_close(logbook);
    *logbook = logbook_open(memory, LOGBOOK_BYTES_MIN, reason, sizeof(reason));
}

static struct logbook_key key(const char *alias)
{
    return logbook_key(STR("hello"), str_of(alias));
}

static struct logbook_entry *write_arms(struct logbook *logbook, const char *alias, uint32_t serial,
                                        uint64_t ticket, int nr_arms)
{
    struct logbook_entry as = {.key = key(alias),
                               .place = 17,
                               .nr_tickets = 1000,
                               .serial = serial,
                               .nr_arms = (uint8_t)nr_arms,
                               .flags = SEGMENT_COUNTED};
    int64_t errors[64];
    uint64_t versions[64];
    uint32_t weights[64];

    for (int i = 0; i < nr_arms; i++) {
        errors[i] = -i;
        versions[i] = (uint64_t)i << 33;
        weights[i] = (uint32_t)i + 5;
    }
    atomic_init(&as.ticket, ticket);
    return logbook_write(logbook, &as, &(struct logbook_arrays){errors, versions, NULL, weights});
}

static struct logbook_entry *write_two(struct logbook *logbook, const char *alias, uint32_t serial,
                                       uint64_t ticket)
{
    return write_arms(logbook, alias, serial, ticket, 2);
}

static const struct logbook_entry *found(struct logbook *logbook, const char *alias)
{
    uint32_t number = logbook_find(logbook, key(alias));

    return number == LOGBOOK_NONE ? NULL : logbook_at(logbook, number);
}

static void test_what_was_written_is_found_by_the_next_process(void **state)
{
    static const int sizes[] = {1, 2, 3, 4, 9, 10, 22, 23, 48, 49, 64};
    struct logbook *logbook = begin();
    char name[8];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(name, sizeof(name), "a%d", sizes[i]);
        assert_non_null(write_arms(logbook, name, 7, 42, sizes[i]));
        assert_null(found(logbook, name)); /* it is this process' own */
    }
    next_process(&logbook);
    assert_non_null(logbook);
    assert_int_equal(logbook_count(logbook), sizeof(sizes) / sizeof(sizes[0]));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct logbook_entry *entry;

        snprintf(name, sizeof(name), "a%d", sizes[i]);
        entry = found(logbook, name);
        assert_non_null(entry);
        assert_int_equal(entry->nr_arms, sizes[i]);
        assert_int_equal(atomic_load(&entry->ticket), 42);
        assert_int_equal(entry->place, 17);
        assert_int_equal(entry->nr_tickets, 1000);
        assert_int_equal(entry->serial, 7);
        for (int k = 0; k < sizes[i]; k++) {
            assert_int_equal(logbook_errors(entry)[k], -k);
            assert_int_equal(logbook_versions(entry)[k], (uint64_t)k << 33);
            assert_int_equal(logbook_weights(entry)[k], k + 5);
        }
    }
    assert_null(found(logbook, "other"));
    logbook_close(&logbook);
}

static void test_a_ticket_that_is_drawn_is_in_the_file(void **state)
{
    struct logbook *logbook = begin();
    struct logbook_entry *entry = write_two(logbook, "live", 1, 0);

    (void)state;
    for (int i = 0; i < 5; i++)
        atomic_fetch_add(&entry->ticket, 1);
    next_process(&logbook);
    assert_int_equal(atomic_load(&found(logbook, "live")->ticket), 5);
    logbook_close(&logbook);
}

static void test_of_several_of_one_alias_the_last_counts(void **state)
{
    struct logbook *logbook = begin();

    (void)state;
    assert_non_null(write_two(logbook, "live", 5, 900));
    assert_non_null(write_two(logbook, "live", 6, 0));
    assert_non_null(write_two(logbook, "live", 6, 3)); /* the one that was drawn from */
    assert_non_null(write_two(logbook, "live", 6, 0));
    assert_non_null(write_two(logbook, "live", 4, 1000));
    next_process(&logbook);
    assert_int_equal(found(logbook, "live")->serial, 6);
    assert_int_equal(atomic_load(&found(logbook, "live")->ticket), 3);
    assert_int_equal(logbook_count(logbook), 1);
    assert_true(logbook_first_serial(logbook) > 6);
    logbook_close(&logbook);
}

static void test_what_was_given_back_or_replaced_is_gone(void **state)
{
    struct logbook *logbook = begin();
    struct logbook_entry *entry = write_two(logbook, "a", 1, 1);

    (void)state;
    assert_non_null(write_two(logbook, "b", 1, 1));
    logbook_release(logbook, &entry);
    assert_null(entry);
    next_process(&logbook);
    assert_null(found(logbook, "a"));
    logbook_retire(logbook, logbook_find(logbook, key("b")));
    assert_null(found(logbook, "b"));
    next_process(&logbook);
    assert_null(found(logbook, "b"));
    assert_int_equal(logbook_count(logbook), 0);
    logbook_close(&logbook);
}

static void test_the_end_of_a_process_leaves_what_it_found(void **state)
{
    struct logbook *logbook = begin();
    struct logbook_entry *entry = write_two(logbook, "live", 1, 1);

    (void)state;
    logbook_seal(logbook);
    logbook_release(logbook, &entry);
    next_process(&logbook);
    assert_non_null(found(logbook, "live"));
    logbook_close(&logbook);
}

static void test_what_no_table_asks_for_goes_a_life_later(void **state)
{
    struct logbook *logbook = begin();

    (void)state;
    assert_non_null(write_two(logbook, "asked", 1, 1));
    assert_non_null(write_two(logbook, "forgotten", 1, 1));
    for (int starts = 0; starts < 3; starts++) { /* starts that come to nothing do not count */
        next_process(&logbook);
        assert_non_null(found(logbook, "asked"));
        assert_int_equal(logbook_count(logbook), 2);
    }
    logbook_settle(logbook);
    next_process(&logbook);
    assert_int_equal(logbook_count(logbook), 1);
    assert_non_null(found(logbook, "asked"));
    assert_null(found(logbook, "forgotten"));
    logbook_close(&logbook);
}

static void test_damage_is_seen_wherever_it_is(void **state)
{
    struct logbook *logbook = begin();
    struct logbook_entry *entry = write_arms(logbook, "live", 3, 500, 16);
    uint8_t *bytes = (uint8_t *)entry;
    size_t n = sizeof(*entry) + 16 * 20;

    (void)state;
    for (size_t i = offsetof(struct logbook_entry, key); i < n; i++) {
        bool is_life = i >= offsetof(struct logbook_entry, life) &&
                       i < offsetof(struct logbook_entry, nr_arms);
        bool is_gap =
            i > offsetof(struct logbook_entry, flags) && i < offsetof(struct logbook_entry, check);

        if (is_life || is_gap)
            continue;
        bytes[i] ^= i == offsetof(struct logbook_entry, flags) ? 1 : 0x10;
        next_process(&logbook);
        assert_null(logbook);
        assert_non_null(strstr(reason, "damaged"));
        bytes[i] ^= i == offsetof(struct logbook_entry, flags) ? 1 : 0x10;
        logbook = logbook_open(memory, LOGBOOK_BYTES_MIN, reason, sizeof(reason));
        assert_non_null(logbook);
    }
    memset(&entry->state, 0x55, sizeof(entry->state));
    next_process(&logbook);
    assert_null(logbook);
}

static void is_refused(size_t bytes, const char *words)
{
    assert_null(logbook_open(memory, bytes, reason, sizeof(reason)));
    assert_non_null(strstr(reason, words));
}

static void test_another_file_a_cut_one_and_another_version_are_refused(void **state)
{
    struct logbook *logbook = begin();

    (void)state;
    for (int i = 0; i < 40; i++)
        assert_non_null(write_two(logbook, "x", 1, 1));
    logbook_close(&logbook);
    is_refused(0, "end is missing");
    is_refused(5000, "end is missing");
    is_refused(LOGBOOK_BLOCK * 66, "end is missing");
    memory[8] = 2;
    is_refused(LOGBOOK_BYTES_MIN, "version");
    memory[0] = 'W';
    is_refused(LOGBOOK_BYTES_MIN, "is not weir's");
}

static void test_a_full_file_gives_nothing_until_it_has_grown(void **state)
{
    struct logbook *logbook = begin();
    struct logbook_entry *entry = NULL, *last = NULL;
    uint32_t nr = 0;

    (void)state;
    assert_int_equal(logbook_wants(logbook), LOGBOOK_BYTES_MIN);
    while ((entry = write_two(logbook, "x", 1, 1))) {
        last = entry;
        nr++;
    }
    assert_int_equal(nr, 191 * 32);
    assert_null(write_arms(logbook, "y", 1, 1, 64));
    assert_true(logbook_wants(logbook) > LOGBOOK_BYTES_MIN);
    logbook_extend(logbook, 2 * LOGBOOK_BYTES_MIN);
    assert_non_null(write_arms(logbook, "y", 1, 1, 64));
    assert_non_null(write_two(logbook, "x", 1, 1));
    logbook_release(logbook, &last);
    assert_int_equal(logbook_count(logbook), nr + 1);
    logbook_close(&logbook);
    logbook = logbook_open(memory, 2 * LOGBOOK_BYTES_MIN, reason, sizeof(reason));
    assert_non_null(found(logbook, "y"));
    logbook_close(&logbook);
}

/* Blocks of entries that all went serve other sizes after the next start. */
static void test_places_are_lent_again(void **state)
{
    struct logbook *logbook = begin();

    (void)state;
    for (int life = 0; life < 4; life++) {
        struct logbook_entry *list[191 * 32 + 1];
        int nr_arms = life % 2 ? 64 : 2, nr = 0;

        while ((list[nr] = write_arms(logbook, "x", 1, 1, nr_arms)))
            nr++;
        assert_int_equal(nr, life % 2 ? 191 * 2 : 191 * 32);
        while (nr > 0)
            logbook_release(logbook, &list[--nr]);
        next_process(&logbook);
        assert_non_null(logbook);
        assert_int_equal(logbook_count(logbook), 0);
    }
    logbook_close(&logbook);
}

enum { THREADS = 4, ROUNDS = 20000, HELD = 50 };

static void *churn(void *context)
{
    struct logbook *logbook = context;
    struct logbook_entry *held[HELD] = {NULL};

    for (int i = 0; i < ROUNDS; i++) {
        struct logbook_entry **at = &held[(i * 7) % HELD];

        if (*at) {
            if (atomic_load(&(*at)->ticket) != (uint64_t)(uintptr_t)at)
                abort(); /* another thread has it as well */
            logbook_release(logbook, at);
        } else {
            *at = write_arms(logbook, "x", 1, (uint64_t)(uintptr_t)at, 1 + i % 20);
        }
    }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            logbook_release(logbook, &held[i]);
    return NULL;
}

static void test_many_threads_take_and_give_back(void **state)
{
    struct logbook *logbook = begin();
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, logbook), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(logbook_count(logbook), 0);
    logbook_close(&logbook);
}

static void test_keys_tell_function_and_alias_apart(void **state)
{
    struct logbook_key a = logbook_key(STR("ab"), STR("c")), b = logbook_key(STR("a"), STR("bc"));

    (void)state;
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_true(logbook_version(STR("1")) != logbook_version(STR("$LATEST")));
}

/* A place in a fleet has another account than the one that the process before left. */
static void test_all_is_forgotten_and_another_account_taken_in(void **state)
{
    struct logbook *logbook = begin();
    const int64_t errors[] = {5, -5};
    const uint64_t versions[] = {1, 2}, counts[] = {95, 4};
    const uint32_t weights[] = {950000000, 50000000};
    const struct logbook_arrays arrays = {errors, versions, counts, weights};
    struct logbook_entry as = {.key = key("b"),
                               .nr_tickets = 1000,
                               .serial = 9,
                               .nr_arms = 2,
                               .flags = SEGMENT_COUNTED | SEGMENT_SPREAD};

    (void)state;
    assert_int_equal(logbook_slot(logbook), -1);
    assert_non_null(write_two(logbook, "a", 7, 42));
    assert_non_null(write_two(logbook, "b", 8, 42));
    next_process(&logbook);
    logbook_forget(logbook);
    assert_null(found(logbook, "a"));
    assert_int_equal(logbook_count(logbook), 0);
    assert_int_equal(logbook_import(logbook, &as, &arrays), 0);
    logbook_set_slot(logbook, 3);
    for (int life = 0; life < 2; life++) {
        assert_null(found(logbook, "a"));
        assert_non_null(found(logbook, "b"));
        assert_int_equal(logbook_counts(found(logbook, "b"))[1], 4);
        assert_int_equal(logbook_weights(found(logbook, "b"))[1], 50000000);
        assert_int_equal(logbook_errors(found(logbook, "b"))[1], -5);
        assert_int_equal(logbook_slot(logbook), 3);
        next_process(&logbook);
    }
    logbook_close(&logbook);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_found_by_the_next_process),
        cmocka_unit_test(test_a_ticket_that_is_drawn_is_in_the_file),
        cmocka_unit_test(test_of_several_of_one_alias_the_last_counts),
        cmocka_unit_test(test_what_was_given_back_or_replaced_is_gone),
        cmocka_unit_test(test_the_end_of_a_process_leaves_what_it_found),
        cmocka_unit_test(test_what_no_table_asks_for_goes_a_life_later),
        cmocka_unit_test(test_damage_is_seen_wherever_it_is),
        cmocka_unit_test(test_another_file_a_cut_one_and_another_version_are_refused),
        cmocka_unit_test(test_a_full_file_gives_nothing_until_it_has_grown),
        cmocka_unit_test(test_places_are_lent_again),
        cmocka_unit_test(test_many_threads_take_and_give_back),
        cmocka_unit_test(test_keys_tell_function_and_alias_apart),
        cmocka_unit_test(test_all_is_forgotten_and_another_account_taken_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
