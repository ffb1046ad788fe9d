/* The timing wheel: single cases, and random histories against a model that keeps every deadline in
 * a plain array. */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

enum { NODES = 200, TICK = WHEEL_TICK_MS, ROUND_MS = WHEEL_SLOTS * WHEEL_TICK_MS };

static struct wheel wheel;

/* Counts calls and remembers the last node. */
struct calls {
    int nr;
    struct wheel_node *last;
};

static void count_call(struct wheel_node *node, void *ctx)
{
    struct calls *calls = ctx;

    calls->nr++;
    calls->last = node;
}

/* Advances in the steps that wheel_next_ms asks for until the node fires; returns when it did, 0 if
 * never by limit_ms. */
static uint64_t fires_at(struct wheel_node *node, uint64_t now_ms, uint64_t limit_ms)
{
    struct calls calls = {0};

    while (now_ms < limit_ms) {
        int sleep_ms = wheel_next_ms(&wheel, now_ms);

        if (sleep_ms < 0)
            return 0;
        now_ms += (uint64_t)sleep_ms;
        wheel_advance(&wheel, now_ms, count_call, &calls);
        if (calls.nr > 0) {
            assert_int_equal(calls.nr, 1);
            assert_ptr_equal(calls.last, node);
            return now_ms;
        }
    }
    return 0;
}

static void a_deadline_fires_once_and_within_a_tick(void **state)
{
    static const uint64_t offs[] = {1, 63, 64, 65, 1000, ROUND_MS - 1, ROUND_MS, 5 * ROUND_MS + 7};

    (void)state;
    for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
        struct wheel_node node = {0};
        uint64_t now_ms = 1000003, at_ms;

        wheel_init(&wheel, now_ms);
        wheel_set(&wheel, &node, now_ms + offs[i]);
        assert_true(wheel_is_set(&node));
        at_ms = fires_at(&node, now_ms, now_ms + 10 * (uint64_t)ROUND_MS);
        assert_in_range(at_ms, now_ms + offs[i], now_ms + offs[i] + TICK);
        assert_false(wheel_is_set(&node));
        assert_int_equal(wheel_next_ms(&wheel, at_ms), -1);
    }
}

static void a_deadline_that_has_passed_fires_at_the_next_tick(void **state)
{
    struct wheel_node node = {0};
    struct calls calls = {0};

    (void)state;
    wheel_init(&wheel, 5000);
    wheel_set(&wheel, &node, 0);
    wheel_advance(&wheel, 5000 + TICK - 1, count_call, &calls);
    assert_int_equal(calls.nr, 0);
    wheel_advance(&wheel, 5000 + TICK, count_call, &calls);
    assert_int_equal(calls.nr, 1);
}

static void an_extended_deadline_stays_filed_until_its_slot_comes(void **state)
{
    struct wheel_node node = {0};
    uint32_t filed;

    (void)state;
    wheel_init(&wheel, 0);
    wheel_set(&wheel, &node, 1000);
    filed = node.filed;
    for (uint64_t due_ms = 1000; due_ms < 9000; due_ms += 10)
        wheel_set(&wheel, &node, due_ms);
    assert_int_equal(node.filed, filed);
    assert_in_range(fires_at(&node, 0, 20000), 8990, 8990 + TICK);
}

static void an_earlier_deadline_files_the_node_again(void **state)
{
    struct wheel_node node = {0};

    (void)state;
    wheel_init(&wheel, 0);
    wheel_set(&wheel, &node, 60000);
    wheel_set(&wheel, &node, 100);
    assert_in_range(fires_at(&node, 0, 60000), 100, 100 + TICK);
}

static void a_cleared_deadline_does_not_fire_and_can_be_set_again(void **state)
{
    struct wheel_node node = {0};
    struct calls calls = {0};

    (void)state;
    wheel_init(&wheel, 0);
    wheel_set(&wheel, &node, 500);
    wheel_clear(&node);
    assert_false(wheel_is_set(&node));
    wheel_advance(&wheel, 1000, count_call, &calls);
    assert_int_equal(calls.nr, 0);
    assert_int_equal(wheel_next_ms(&wheel, 1000), -1);
    wheel_set(&wheel, &node, 2000);
    wheel_clear(&node);
    wheel_set(&wheel, &node, 3000);
    assert_in_range(fires_at(&node, 1000, 9000), 3000, 3000 + TICK);
}

static void a_forgotten_node_may_be_freed(void **state)
{
    struct wheel_node *node = calloc(1, sizeof(*node));
    struct calls calls = {0};

    (void)state;
    assert_non_null(node);
    wheel_init(&wheel, 0);
    wheel_forget(&wheel, node);
    wheel_set(&wheel, node, 500);
    wheel_clear(node);
    wheel_forget(&wheel, node);
    assert_int_equal(wheel_next_ms(&wheel, 0), -1);
    free(node);
    wheel_advance(&wheel, 1000, count_call, &calls);
    assert_int_equal(calls.nr, 0);
}

static void a_long_sleep_fires_all_that_passed_in_order(void **state)
{
    struct wheel_node nodes[3] = {0};
    struct calls calls = {0};

    (void)state;
    wheel_init(&wheel, 0);
    wheel_set(&wheel, &nodes[0], ROUND_MS + 5000);
    wheel_set(&wheel, &nodes[1], 100);
    wheel_set(&wheel, &nodes[2], 10 * ROUND_MS);
    wheel_advance(&wheel, 3 * ROUND_MS + 17, count_call, &calls);
    assert_int_equal(calls.nr, 2);
    assert_ptr_equal(calls.last, &nodes[0]);
    assert_true(wheel_is_set(&nodes[2]));
    /* Slots that were emptied must not wake the caller again. */
    assert_true(wheel_next_ms(&wheel, 3 * ROUND_MS + 17) > ROUND_MS - 2 * TICK);
    assert_in_range(fires_at(&nodes[2], 3 * ROUND_MS + 17, 20 * ROUND_MS), 10 * ROUND_MS,
                    10 * ROUND_MS + TICK);
}

static void a_deadline_beyond_the_limit_counts_as_the_limit(void **state)
{
    struct wheel_node node = {0};

    (void)state;
    wheel_init(&wheel, 77);
    wheel_set(&wheel, &node, UINT64_MAX);
    assert_int_equal(node.due, WHEEL_TICKS_MAX);
    assert_in_range(wheel_next_ms(&wheel, 77), 1, ROUND_MS);
}

static void ticks_may_wrap_around(void **state)
{
    struct wheel_node nodes[4] = {0};

    (void)state;
    for (uint32_t back = 1; back < 5; back++) {
        wheel_init(&wheel, 1000);
        wheel.tick = 0 - back;
        for (uint64_t i = 0; i < 4; i++)
            wheel_set(&wheel, &nodes[i], 1000 + (i + 1) * TICK * 2 + 1);
        for (uint64_t i = 0; i < 4; i++) {
            uint64_t due_ms = 1000 + (i + 1) * TICK * 2 + 1;

            /* One tick more where the deadline's tick would have had the number that means none. */
            assert_in_range(fires_at(&nodes[i], 1000 + i * TICK, 100000), due_ms,
                            due_ms + 2 * TICK);
        }
    }
}

/* ---- Against the model ----------------------------------------------------------------------- */

struct model_node {
    struct wheel_node *node; /* on the heap, so that a sanitizer sees a use after its end */
    bool is_set;
    uint64_t due_ms, set_ms; /* deadline, and when it was given */
    uint64_t turn;           /* the turn in which it was given */
};

struct model {
    struct prng random;
    uint64_t now_ms, turn, fired;
    struct model_node nodes[NODES];
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t random_delay(struct model *m)
{
    static const uint32_t spans[] = {1, TICK, 1000, 20000, ROUND_MS, 4 * ROUND_MS};

    return prng_below(&m->random, spans[prng_below(&m->random, 6)]);
}

static void change_one(struct model *m)
{
    struct model_node *n = &m->nodes[prng_below(&m->random, NODES)];

    switch (prng_below(&m->random, 8)) {
    case 0:
        wheel_clear(n->node);
        n->is_set = false;
        break;
    case 1: /* the owner goes, another comes */
        wheel_forget(&wheel, n->node);
        free(n->node);
        n->node = calloc(1, sizeof(*n->node));
        assert_non_null(n->node);
        n->is_set = false;
        break;
    default:
        n->due_ms = m->now_ms + random_delay(m);
        n->due_ms -= prng_below(&m->random, 4) == 0 ? prng_below(&m->random, 500) : 0;
        n->set_ms = m->now_ms;
        n->turn = m->turn;
        n->is_set = true;
        wheel_set(&wheel, n->node, n->due_ms);
    }
}

static void check_fired(struct wheel_node *node, void *ctx)
{
    struct model *m = ctx;
    struct model_node *n = m->nodes;

    while (n < m->nodes + NODES && n->node != node)
        n++;
    assert_true(n < m->nodes + NODES);
    assert_true(n->is_set);
    assert_true(n->due_ms <= m->now_ms);
    assert_true(n->turn < m->turn);
    assert_false(wheel_is_set(node));
    n->is_set = false;
    m->fired++;
    for (uint32_t i = prng_below(&m->random, 4); i > 0; i--)
        change_one(m);
}

/* What is still set must not be overdue, and the sleep must not lead past it. */
static void check_pending(struct model *m)
{
    int sleep_ms = wheel_next_ms(&wheel, m->now_ms);

    for (int i = 0; i < NODES; i++) {
        struct model_node *n = &m->nodes[i];
        uint64_t latest_ms = later(n->due_ms, n->set_ms) + TICK;

        assert_int_equal(wheel_is_set(n->node), n->is_set);
        if (!n->is_set)
            continue;
        assert_true(m->now_ms < latest_ms);
        assert_true(sleep_ms >= 0);
        assert_true(m->now_ms + (uint64_t)sleep_ms <= latest_ms);
    }
}

static void run_history(uint64_t seed, int steps)
{
    static struct model m;

    m = (struct model){.now_ms = seed * 7919, .turn = 1};
    prng_seed(&m.random, seed);
    wheel_init(&wheel, m.now_ms);
    for (int i = 0; i < NODES; i++) {
        m.nodes[i].node = calloc(1, sizeof(*m.nodes[i].node));
        assert_non_null(m.nodes[i].node);
    }
    for (int step = 0; step < steps; step++) {
        for (uint32_t i = prng_below(&m.random, 10); i > 0; i--)
            change_one(&m);
        m.now_ms += random_delay(&m) >> prng_below(&m.random, 12);
        m.turn++;
        wheel_advance(&wheel, m.now_ms, check_fired, &m);
        m.turn++;
        check_pending(&m);
    }
    assert_true(m.fired > (uint64_t)steps / 10);
    for (int i = 0; i < NODES; i++) {
        wheel_forget(&wheel, m.nodes[i].node);
        free(m.nodes[i].node);
    }
    assert_int_equal(wheel_next_ms(&wheel, m.now_ms), -1);
}

static void random_histories_agree_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++)
        run_history(seed, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_fires_once_and_within_a_tick),
        cmocka_unit_test(a_deadline_that_has_passed_fires_at_the_next_tick),
        cmocka_unit_test(an_extended_deadline_stays_filed_until_its_slot_comes),
        cmocka_unit_test(an_earlier_deadline_files_the_node_again),
        cmocka_unit_test(a_cleared_deadline_does_not_fire_and_can_be_set_again),
        cmocka_unit_test(a_forgotten_node_may_be_freed),
        cmocka_unit_test(a_long_sleep_fires_all_that_passed_in_order),
        cmocka_unit_test(a_deadline_beyond_the_limit_counts_as_the_limit),
        cmocka_unit_test(ticks_may_wrap_around),
        cmocka_unit_test(random_histories_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
