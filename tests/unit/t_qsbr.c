/* Reclamation: nothing is freed while a reader may hold it, everything is freed once none can, and
 * both hold with readers and retirers at full speed (which ThreadSanitizer and AddressSanitizer
 * watch). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/qsbr.h"

static _Atomic int nr_freed;

struct thing {
    struct qsbr_node retired;
    uint64_t magic;
    struct qsbr *domain;
    struct thing *child; /* retired when this one is freed */
};

enum { ALIVE = 0x11223344, DEAD = 0x55667788 };

static void thing_free(struct qsbr_node *node)
{
    struct thing *thing = (struct thing *)((char *)node - offsetof(struct thing, retired));

    thing->magic = DEAD;
    if (thing->child)
        qsbr_retire(thing->domain, &thing->child->retired, thing_free);
    atomic_fetch_add(&nr_freed, 1);
    free(thing);
}

static struct thing *thing_make(struct qsbr *domain)
{
    struct thing *thing = calloc(1, sizeof(*thing));

    if (thing) {
        thing->magic = ALIVE;
        thing->domain = domain;
    }
    return thing;
}

static int setup(void **state)
{
    atomic_store(&nr_freed, 0);
    *state = qsbr_make();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct qsbr *domain = *state;

    qsbr_free(&domain);
    return domain ? -1 : 0;
}

static void retire_one(struct qsbr *domain)
{
    struct thing *thing = thing_make(domain);

    assert_non_null(thing);
    qsbr_retire(domain, &thing->retired, thing_free);
}

static void test_an_object_waits_for_the_reader_that_was_online(void **state)
{
    struct qsbr *domain = *state;
    int slot = qsbr_register(domain);

    assert_int_equal(slot, 0);
    qsbr_online(domain, slot);
    retire_one(domain);
    assert_int_equal(qsbr_reclaim(domain), 1);
    assert_int_equal(nr_freed, 0);
    qsbr_offline(domain, slot);
    assert_int_equal(qsbr_reclaim(domain), 0);
    assert_int_equal(nr_freed, 1);
    qsbr_unregister(domain, slot);
}

static void test_a_reader_that_came_later_is_not_waited_for(void **state)
{
    struct qsbr *domain = *state;
    int early = qsbr_register(domain), late = qsbr_register(domain);

    qsbr_online(domain, early);
    retire_one(domain);
    qsbr_online(domain, late);
    retire_one(domain);
    assert_int_equal(qsbr_reclaim(domain), 2);
    qsbr_offline(domain, early);
    assert_int_equal(qsbr_reclaim(domain), 1); /* the second, for late's sake */
    assert_int_equal(nr_freed, 1);
    qsbr_offline(domain, late);
    qsbr_online(domain, late);
    assert_int_equal(qsbr_reclaim(domain), 0);
    assert_int_equal(nr_freed, 2);
    qsbr_offline(domain, late);
    qsbr_unregister(domain, early);
    qsbr_unregister(domain, late);
}

static void test_offline_readers_hold_nothing_up(void **state)
{
    struct qsbr *domain = *state;
    int slot = qsbr_register(domain);

    for (int i = 0; i < 100; i++)
        retire_one(domain);
    assert_int_equal(qsbr_reclaim(domain), 0);
    assert_int_equal(nr_freed, 100);
    assert_int_equal(qsbr_reclaim(domain), 0);
    qsbr_unregister(domain, slot);
}

static void test_what_a_free_function_retires_is_freed_in_a_later_turn(void **state)
{
    struct qsbr *domain = *state;
    struct thing *parent = thing_make(domain);
    int slot = qsbr_register(domain);

    assert_non_null(parent);
    parent->child = thing_make(domain);
    assert_non_null(parent->child);
    parent->child->child = thing_make(domain);
    qsbr_retire(domain, &parent->retired, thing_free);
    qsbr_online(domain, slot); /* after the retirement: only the children wait for it */
    assert_int_equal(qsbr_reclaim(domain), 1);
    assert_int_equal(nr_freed, 1);
    assert_int_equal(qsbr_reclaim(domain), 1);
    qsbr_offline(domain, slot);
    assert_int_equal(qsbr_reclaim(domain), 1);
    assert_int_equal(nr_freed, 2);
    assert_int_equal(qsbr_reclaim(domain), 0);
    assert_int_equal(nr_freed, 3);
    qsbr_unregister(domain, slot);
}

static void test_freeing_the_domain_frees_what_waits_and_what_that_retires(void **state)
{
    struct qsbr *domain = qsbr_make();
    struct thing *parent;

    (void)state;
    assert_non_null(domain);
    parent = thing_make(domain);
    assert_non_null(parent);
    parent->child = thing_make(domain);
    qsbr_retire(domain, &parent->retired, thing_free);
    retire_one(domain);
    qsbr_free(&domain);
    assert_null(domain);
    assert_int_equal(nr_freed, 3);
    qsbr_free(&domain);
}

static void test_slots_run_out_and_come_back(void **state)
{
    struct qsbr *domain = *state;

    for (int i = 0; i < QSBR_READERS_MAX; i++)
        assert_int_equal(qsbr_register(domain), i);
    assert_int_equal(qsbr_register(domain), -1);
    qsbr_unregister(domain, 77);
    assert_int_equal(qsbr_register(domain), 77);
    assert_int_equal(qsbr_register(domain), -1);
    for (int i = 0; i < QSBR_READERS_MAX; i++)
        qsbr_unregister(domain, i);
}

/* ---- Many threads ---------------------------------------------------------------------------- */

enum { READERS = 4, SWAPPERS = 2, SWAPS = 20000 };

struct arena {
    struct qsbr *domain;
    _Atomic(struct thing *) published;
    _Atomic int nr_swappers;
    _Atomic int nr_bad; /* reads of something dead */
    _Atomic long nr_reads;
};

static void *read_on(void *context)
{
    struct arena *arena = context;
    int slot = qsbr_register(arena->domain);

    if (slot < 0) {
        atomic_fetch_add(&arena->nr_bad, 1);
        return NULL;
    }
    do {
        qsbr_online(arena->domain, slot);
        for (int i = 0; i < 20; i++) {
            struct thing *thing = atomic_load_explicit(&arena->published, memory_order_acquire);

            if (thing->magic != ALIVE || thing->domain != arena->domain)
                atomic_fetch_add(&arena->nr_bad, 1);
        }
        atomic_fetch_add_explicit(&arena->nr_reads, 20, memory_order_relaxed);
        qsbr_offline(arena->domain, slot);
    } while (atomic_load(&arena->nr_swappers) > 0);
    qsbr_unregister(arena->domain, slot);
    return NULL;
}

/* Retires without being a reader: the pointer that it retires is its own from the exchange on. */
static void *swap_on(void *context)
{
    struct arena *arena = context;

    for (int i = 0; i < SWAPS; i++) {
        struct thing *thing = thing_make(arena->domain);
        struct thing *old;

        if (!thing) {
            atomic_fetch_add(&arena->nr_bad, 1);
            break;
        }
        old = atomic_exchange(&arena->published, thing);
        qsbr_retire(arena->domain, &old->retired, thing_free);
    }
    atomic_fetch_sub(&arena->nr_swappers, 1);
    return NULL;
}

static void test_readers_never_see_what_was_freed(void **state)
{
    struct arena arena = {.domain = *state, .nr_swappers = SWAPPERS};
    pthread_t threads[READERS + SWAPPERS];
    struct thing *first = thing_make(arena.domain);
    int nr_freed_meanwhile = 0;

    assert_non_null(first);
    atomic_store(&arena.published, first);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &arena), 0);
    for (int i = READERS; i < READERS + SWAPPERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, swap_on, &arena), 0);
    while (atomic_load(&arena.nr_swappers) > 0) {
        qsbr_reclaim(arena.domain);
        nr_freed_meanwhile = atomic_load(&nr_freed);
    }
    for (int i = 0; i < READERS + SWAPPERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(arena.nr_bad, 0);
    assert_true(arena.nr_reads >= READERS * 20);
    assert_true(nr_freed_meanwhile <= SWAPPERS * SWAPS);
    qsbr_retire(arena.domain, &atomic_load(&arena.published)->retired, thing_free);
    assert_int_equal(qsbr_reclaim(arena.domain), 0);
    assert_int_equal(nr_freed, SWAPPERS * SWAPS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_object_waits_for_the_reader_that_was_online, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_came_later_is_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_offline_readers_hold_nothing_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_free_function_retires_is_freed_in_a_later_turn,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_freeing_the_domain_frees_what_waits_and_what_that_retires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots_run_out_and_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readers_never_see_what_was_freed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
