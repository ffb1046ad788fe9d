/* Which endpoint, and which address of a name, an invocation goes to; and what failures lead to. The
 * worker here has a clock, pools that are counted by hand, and dice; nothing is connected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/upstream/balance.h"

enum { ENDPOINTS = 3, PLACES = 4, DRAWS = 20000, NOW_MS = 1000000 };

/* One version with endpoints 0 to 2, whose origins have the ids 0 to 2; the first can be made a name,
 * whose addresses have the ids 10 to 13. */
static struct {
    struct worker worker;
    struct function function;
    struct version version;
    struct endpoint endpoints[ENDPOINTS];
    struct endpoint_health health[ENDPOINTS], place_health[PLACES];
    struct origin origins[ENDPOINTS], places[PLACES];
    struct origin_name name;
    struct origin_set *set;
    struct endpoint_places *known;
    struct pool pools[ENDPOINTS + PLACES];
    struct pool *by_id[10 + PLACES];
} lab;

static int set_up(void **state)
{
    (void)state;
    memset(&lab, 0, sizeof(lab));
    prng_seed(&lab.worker.rng, 7);
    lab.worker.loop.now_ms = NOW_MS;
    lab.worker.pools = lab.by_id;
    lab.worker.nr_pools = 10 + PLACES;
    lab.function.name = STR("hello");
    lab.version = (struct version){.name = STR("1"),
                                   .function = &lab.function,
                                   .endpoints = lab.endpoints,
                                   .nr_endpoints = ENDPOINTS,
                                   .may_fail = true};
    lab.version.ejection = (struct ejection){
        .is_on = true, .consecutive_errors = 3, .pause_ms = 1000, .pause_max_ms = 5000};
    for (int i = 0; i < ENDPOINTS; i++) {
        lab.origins[i] = (struct origin){.id = (uint32_t)i, .address = "127.0.0.1"};
        lab.endpoints[i] = (struct endpoint){.origin = &lab.origins[i],
                                             .url = (char *)"http://127.0.0.1",
                                             .health = &lab.health[i],
                                             .version = &lab.version};
        lab.pools[i].origin = &lab.origins[i];
        lab.by_id[i] = &lab.pools[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(lab.set);
    free(lab.known);
    return 0;
}

/* Endpoint 0 becomes a name of nr addresses, in the order of their priorities. */
static void make_name(int nr)
{
    lab.set = calloc(1, sizeof(*lab.set) + (size_t)nr * sizeof(lab.set->places[0]));
    lab.known = calloc(1, sizeof(*lab.known) + (size_t)nr * sizeof(lab.known->list[0]));
    lab.set->serial = 5;
    lab.set->nr = lab.known->nr = nr;
    for (int i = 0; i < nr; i++) {
        lab.places[i] = (struct origin){.id = (uint32_t)(10 + i), .address = "127.0.0.9"};
        lab.set->places[i] = (struct origin_place){&lab.places[i], 0, ORIGIN_WEIGHT};
        lab.known->list[i].origin_id = lab.places[i].id;
        lab.known->list[i].health = &lab.place_health[i];
        lab.pools[ENDPOINTS + i].origin = &lab.places[i];
        lab.by_id[10 + i] = &lab.pools[ENDPOINTS + i];
    }
    lab.origins[0].address = NULL;
    lab.origins[0].name = &lab.name;
    lab.version.has_names = true;
    atomic_store(&lab.name.set, lab.set);
    atomic_store(&lab.health[0].places, lab.known);
}

/* The number of its endpoint or, for an address of the name, its id; -1: none. */
static int choose(const struct place *except)
{
    struct place place = balance_choose(&lab.worker, &lab.version, except);

    assert_int_equal(place.endpoint == NULL, place.origin == NULL);
    return place.origin ? (int)place.origin->id : -1;
}

/* How often each id is chosen. */
static void draw(int counts[10 + PLACES])
{
    memset(counts, 0, (10 + PLACES) * sizeof(counts[0]));
    for (int i = 0; i < DRAWS; i++) {
        int id = choose(NULL);
        assert_true(id >= 0);
        counts[id]++;
    }
}

static void assert_share(int count, double share)
{
    assert_true(count > DRAWS * (share - 0.02) && count < DRAWS * (share + 0.02));
}

static void equal_endpoints_take_turns_and_busy_ones_wait(void **state)
{
    int counts[10 + PLACES];

    (void)state;
    draw(counts);
    for (int i = 0; i < ENDPOINTS; i++)
        assert_share(counts[i], 1.0 / 3);
    lab.pools[0].nr_busy = 2;
    lab.pools[1].nr_busy = 1;
    lab.pools[1].nr_waiters = 1;
    draw(counts);
    assert_int_equal(counts[2], DRAWS);
    lab.pools[2].nr_busy = 1;
    lab.pools[2].nr_waiters = 2;
    draw(counts);
    assert_share(counts[0], 0.5); /* a waiter counts as one that is there */
    assert_share(counts[1], 0.5);
}

static void what_is_down_ejected_or_excepted_is_passed_over(void **state)
{
    struct place except = {&lab.endpoints[2], &lab.origins[2]};

    (void)state;
    atomic_store(&lab.health[0].is_down, true);
    atomic_store(&lab.health[1].ejected_until_ms, NOW_MS + 1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(choose(NULL), 2);
    assert_int_equal(choose(&except), -1);
    assert_true(balance_has_place(&lab.worker, &lab.version));
    lab.worker.loop.now_ms++; /* the pause is over in the millisecond that it names */
    assert_int_equal(choose(&except), 1);
    atomic_store(&lab.health[1].is_down, true);
    atomic_store(&lab.health[2].is_down, true);
    assert_int_equal(choose(NULL), -1);
    assert_false(balance_has_place(&lab.worker, &lab.version));
    lab.version.may_fail = false; /* nobody watches it: what stands in health says nothing */
    assert_true(choose(NULL) >= 0);
}

static void a_single_endpoint_is_used_or_none(void **state)
{
    struct place except = {&lab.endpoints[0], &lab.origins[0]};

    (void)state;
    lab.version.nr_endpoints = 1;
    assert_int_equal(choose(NULL), 0);
    assert_int_equal(choose(&except), -1);
    atomic_store(&lab.health[0].is_down, true);
    assert_int_equal(choose(NULL), -1);
}

static void an_endpoint_that_returns_begins_with_a_small_share(void **state)
{
    int counts[10 + PLACES];

    (void)state;
    lab.version.nr_endpoints = 2;
    lab.version.ejection.slow_start_ms = 10000;
    atomic_store(&lab.health[0].returned_at_ms, NOW_MS);
    draw(counts);
    assert_share(counts[0], 0.5 / 20); /* a twentieth of its half */
    assert_true(counts[0] > 0);
    lab.worker.loop.now_ms = NOW_MS + 5000;
    draw(counts);
    assert_share(counts[0], 0.25);
    lab.worker.loop.now_ms = NOW_MS + 10000;
    draw(counts);
    assert_share(counts[0], 0.5);
    /* Held back is better than none. */
    lab.worker.loop.now_ms = NOW_MS;
    atomic_store(&lab.health[1].is_down, true);
    for (int i = 0; i < 50; i++)
        assert_int_equal(choose(NULL), 0);
}

static void the_addresses_of_a_name_are_places_of_their_own(void **state)
{
    struct place except = {&lab.endpoints[0], &lab.places[1]};
    int counts[10 + PLACES];

    (void)state;
    lab.version.nr_endpoints = 1;
    make_name(3);
    lab.set->places[2].weight = 2 * ORIGIN_WEIGHT;
    draw(counts);
    assert_share(counts[10], 0.25);
    assert_share(counts[11], 0.25);
    assert_share(counts[12], 0.5);
    lab.pools[ENDPOINTS + 0].nr_busy = 1;
    lab.pools[ENDPOINTS + 1].nr_busy = 2;
    lab.pools[ENDPOINTS + 2].nr_busy = 3; /* per weight it is the second */
    draw(counts);
    assert_int_equal(counts[10], DRAWS);
    atomic_store(&lab.place_health[0].is_down, true);
    assert_int_equal(choose(NULL), 12);
    lab.pools[ENDPOINTS + 2].to.avoid_until_ms = NOW_MS + 1;
    assert_int_equal(choose(NULL), 11);
    assert_int_equal(choose(&except), 12); /* avoided is better than none */
    lab.worker.loop.now_ms++;
    assert_int_equal(choose(NULL), 12);
}

static void an_address_that_returns_begins_with_a_small_share(void **state)
{
    int counts[10 + PLACES];

    (void)state;
    lab.version.nr_endpoints = 1;
    lab.version.ejection.slow_start_ms = 10000;
    make_name(2);
    atomic_store(&lab.place_health[0].returned_at_ms, NOW_MS);
    draw(counts);
    assert_share(counts[10], 0.5 / 20);
    assert_share(counts[11], 1 - 0.5 / 20);
}

static void the_lowest_priority_with_a_good_address_is_used(void **state)
{
    (void)state;
    lab.version.nr_endpoints = 1;
    make_name(3);
    lab.set->places[1].priority = lab.set->places[2].priority = 1;
    lab.pools[ENDPOINTS + 0].nr_busy = 100;
    assert_int_equal(choose(NULL), 10);
    lab.pools[ENDPOINTS + 0].to.avoid_until_ms = NOW_MS + 1;
    lab.pools[ENDPOINTS + 2].nr_busy = 1;
    assert_int_equal(choose(NULL), 11);
    lab.pools[ENDPOINTS + 0].to.avoid_until_ms = 0;
    atomic_store(&lab.place_health[0].is_down, true);
    assert_int_equal(choose(NULL), 11);
}

static void a_name_without_addresses_is_the_last_resort(void **state)
{
    struct place except = {&lab.endpoints[0], &lab.origins[0]};

    (void)state;
    lab.version.nr_endpoints = 2;
    make_name(1);
    atomic_store(&lab.name.set, NULL);
    lab.pools[1].to.avoid_until_ms = NOW_MS + 1;
    lab.pools[1].nr_busy = 500;
    assert_int_equal(choose(NULL), 1);
    atomic_store(&lab.health[1].is_down, true);
    assert_int_equal(choose(NULL), 0);
    assert_int_equal(choose(&except), -1);
}

static void each_address_is_tried_once(void **state)
{
    struct tried tried = {0};
    struct place first = {&lab.endpoints[0], &lab.places[1]};

    (void)state;
    make_name(3);
    assert_int_equal(balance_nr_untried(&lab.endpoints[0], &tried), 3);
    balance_note_tried(&first, &tried);
    assert_int_equal(balance_nr_untried(&lab.endpoints[0], &tried), 2);
    lab.pools[ENDPOINTS + 2].nr_busy = 1;
    assert_ptr_equal(balance_next_address(&lab.worker, &lab.endpoints[0], &tried), &lab.places[0]);
    assert_ptr_equal(balance_next_address(&lab.worker, &lab.endpoints[0], &tried), &lab.places[2]);
    assert_null(balance_next_address(&lab.worker, &lab.endpoints[0], &tried));
    assert_int_equal(tried.nr, 3);
    assert_int_equal(balance_nr_untried(&lab.endpoints[0], &tried), 0);
    lab.set->serial++; /* other addresses */
    assert_int_equal(balance_nr_untried(&lab.endpoints[0], &tried), 3);
    assert_ptr_equal(balance_next_address(&lab.worker, &lab.endpoints[0], &tried), &lab.places[0]);
    assert_int_equal(tried.places, 1);
    tried.nr = BALANCE_TRIED_MAX;
    assert_null(balance_next_address(&lab.worker, &lab.endpoints[0], &tried));
}

static uint64_t paused_ms(int i)
{
    uint64_t until = atomic_load(&lab.health[i].ejected_until_ms);

    return until > lab.worker.loop.now_ms ? until - lab.worker.loop.now_ms : 0;
}

static void fail_times(int nr)
{
    for (int i = 0; i < nr; i++)
        balance_on_failure(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
}

static void failures_in_a_row_eject_for_longer_and_longer(void **state)
{
    static const uint64_t pauses[] = {1000, 2000, 4000, 5000, 5000};

    (void)state;
    fail_times(2);
    assert_int_equal(paused_ms(0), 0);
    balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    fail_times(2);
    assert_int_equal(paused_ms(0), 0);
    balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    fail_times(1);
    balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    for (int i = 0; i < 5; i++) {
        fail_times(2);
        assert_int_equal(paused_ms(0), 0);
        fail_times(1);
        assert_int_equal(paused_ms(0), pauses[i]);
        assert_int_equal(atomic_load(&lab.health[0].nr_ejections), i + 1);
        assert_int_equal(atomic_load(&lab.health[0].returned_at_ms),
                         lab.worker.loop.now_ms + pauses[i]);
        fail_times(10); /* of exchanges that were under way */
        balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
        assert_int_equal(paused_ms(0), pauses[i]);
        assert_int_equal(atomic_load(&lab.health[0].ejections), i + 1);
        lab.worker.loop.now_ms += pauses[i];
        assert_int_equal(paused_ms(0), 0);
    }
    balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    assert_int_equal(atomic_load(&lab.health[0].ejections), 0);
    for (int i = 0; i < 2; i++) { /* an answer that is well begins anew */
        fail_times(3);
        assert_int_equal(paused_ms(0), 1000);
        lab.worker.loop.now_ms += 1000;
        balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    }
    assert_int_equal(atomic_load(&lab.health[1].nr_ejections), 0);
}

static void failures_of_an_address_are_its_own(void **state)
{
    (void)state;
    make_name(2);
    for (int i = 0; i < 3; i++)
        balance_on_failure(&lab.worker, &lab.endpoints[0], &lab.pools[ENDPOINTS + 1]);
    assert_int_equal(atomic_load(&lab.place_health[1].nr_ejections), 1);
    assert_int_equal(atomic_load(&lab.place_health[0].nr_ejections), 0);
    assert_int_equal(atomic_load(&lab.health[0].nr_ejections), 0);
    for (int i = 0; i < 3; i++) /* before there was an address */
        balance_on_failure(&lab.worker, &lab.endpoints[0], &lab.pools[0]);
    assert_int_equal(atomic_load(&lab.health[0].nr_ejections), 1);
    lab.places[0].id = 13; /* an address of which nothing is known */
    for (int i = 0; i < 9; i++)
        balance_on_failure(&lab.worker, &lab.endpoints[0], &lab.pools[ENDPOINTS]);
    balance_on_success(&lab.worker, &lab.endpoints[0], &lab.pools[ENDPOINTS]);
    lab.version.nr_endpoints = 1;
    assert_int_equal(choose(NULL), 13);
}

static void without_ejection_nothing_is_counted(void **state)
{
    (void)state;
    lab.version.ejection.is_on = false;
    fail_times(20);
    balance_on_failure(&lab.worker, &lab.endpoints[0], NULL);
    assert_int_equal(atomic_load(&lab.health[0].consecutive_errors), 0);
    lab.version.ejection.is_on = true;
    for (int i = 0; i < 3; i++) /* refused before there was a pool */
        balance_on_failure(&lab.worker, &lab.endpoints[0], NULL);
    assert_int_equal(paused_ms(0), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_endpoints_take_turns_and_busy_ones_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_down_ejected_or_excepted_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_single_endpoint_is_used_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_endpoint_that_returns_begins_with_a_small_share, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_addresses_of_a_name_are_places_of_their_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_returns_begins_with_a_small_share, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_lowest_priority_with_a_good_address_is_used, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_without_addresses_is_the_last_resort, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_address_is_tried_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_in_a_row_eject_for_longer_and_longer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failures_of_an_address_are_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_ejection_nothing_is_counted, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
