/* The events' schedule: order, turns, bounds, and a naive model beside it. */
#include "proxy/async/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static const struct schedule_limits wide = {1000, 1000};

static void add(struct schedule *s, const char *function, int64_t event, uint64_t due_ms)
{
    assert_int_equal(schedule_add(s, str_of(function), event, due_ms), 0);
}

/* The next event, whose attempt has ended at once; -1: none. */
static int64_t run_next(struct schedule *s, uint64_t now_ms)
{
    struct schedule_turn turn;

    if (!schedule_take(s, now_ms, &turn))
        return -1;
    schedule_done(s, &turn, SCHEDULE_RAN);
    assert_null(turn.function);
    return turn.event;
}

static void events_run_when_they_are_due_and_in_order(void **state)
{
    struct schedule *s = schedule_make(&wide);

    (void)state;
    assert_true(schedule_next_ms(s) == SCHEDULE_NEVER);
    add(s, "f", 3, 100);
    add(s, "f", 1, 300);
    add(s, "f", 2, 100);
    assert_int_equal(schedule_nr_queued(s), 3);
    assert_int_equal(schedule_next_ms(s), 100);
    assert_int_equal(run_next(s, 99), -1);
    assert_int_equal(run_next(s, 100), 2); /* those due together by their numbers */
    assert_int_equal(run_next(s, 100), 3);
    assert_int_equal(run_next(s, 100), -1);
    assert_int_equal(schedule_next_ms(s), 300);
    add(s, "f", 4, 200); /* earlier than all that sleep */
    assert_int_equal(schedule_next_ms(s), 200);
    assert_int_equal(run_next(s, 1000), 4);
    assert_int_equal(run_next(s, 1000), 1);
    assert_true(schedule_next_ms(s) == SCHEDULE_NEVER);
    assert_int_equal(schedule_nr_queued(s), 0);
    schedule_free(&s);
    assert_null(s);
}

static void functions_take_turns(void **state)
{
    struct schedule *s = schedule_make(&wide);
    int at = -1;

    (void)state;
    for (int i = 0; i < 1000; i++)
        add(s, "many", i, 10);
    add(s, "one", 5000, 20);
    add(s, "two", 6000, 20);
    for (int i = 0; i < 10 && at < 0; i++)
        if (run_next(s, 20) == 5000)
            at = i;
    assert_in_range(at, 0, 3);
    assert_in_range(schedule_nr_queued(s), 990, 1001);
    schedule_free(&s);
}

static void attempts_at_the_same_time_are_bounded_in_all(void **state)
{
    struct schedule *s = schedule_make(&(struct schedule_limits){3, 2});
    struct schedule_turn turns[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        add(s, "a", i, 1);
        add(s, "b", 10 + i, 1);
    }
    for (int i = 0; i < 3; i++)
        assert_true(schedule_take(s, 1, &turns[i]));
    assert_false(schedule_take(s, 1, &turns[3]));
    assert_int_equal(schedule_nr_in_flight(s), 3);
    assert_true(schedule_next_ms(s) == SCHEDULE_NEVER); /* one has to end first */
    schedule_done(s, &turns[1], SCHEDULE_RAN);
    assert_int_equal(schedule_next_ms(s), 0);
    assert_true(schedule_take(s, 1, &turns[1]));
    for (int i = 0; i < 3; i++)
        schedule_done(s, &turns[i], SCHEDULE_RAN);
    schedule_free(&s);
}

static void one_function_gets_no_more_than_its_share(void **state)
{
    struct schedule *s = schedule_make(&(struct schedule_limits){100, 2});
    struct schedule_turn turns[3], other;

    (void)state;
    for (int i = 0; i < 4; i++)
        add(s, "a", i, 1);
    assert_true(schedule_take(s, 1, &turns[0]));
    assert_true(schedule_take(s, 1, &turns[1]));
    assert_false(schedule_take(s, 1, &turns[2]));
    add(s, "b", 100, 1); /* others go on */
    assert_true(schedule_take(s, 1, &other));
    assert_int_equal(other.event, 100);
    schedule_done(s, &turns[0], SCHEDULE_UNKNOWN);
    assert_true(schedule_take(s, 1, &turns[0]));
    assert_int_equal(turns[0].event, 2);
    schedule_done(s, &turns[0], SCHEDULE_RAN);
    schedule_done(s, &turns[1], SCHEDULE_RAN);
    schedule_done(s, &other, SCHEDULE_RAN);
    schedule_free(&s);
}

/* How many attempts of "f" may run now: takes them all and gives them back without news. */
static int window(struct schedule *s)
{
    struct schedule_turn turns[1000];
    int nr = 0;

    while (nr < 1000 && schedule_take(s, 1, &turns[nr]))
        nr++;
    for (int i = 0; i < nr; i++) {
        int64_t event = turns[i].event;
        add(s, "f", event, 1);
        schedule_done(s, &turns[i], SCHEDULE_UNKNOWN);
    }
    return nr;
}

static void end_one(struct schedule *s, enum schedule_result result)
{
    struct schedule_turn turn;

    assert_true(schedule_take(s, 1, &turn));
    add(s, "f", turn.event, 1);
    schedule_done(s, &turn, result);
}

static void a_function_without_room_gets_fewer_and_then_more_again(void **state)
{
    struct schedule *s = schedule_make(&(struct schedule_limits){1000, 20});

    (void)state;
    for (int i = 0; i < 100; i++)
        add(s, "f", i, 1);
    assert_int_equal(window(s), 8);
    end_one(s, SCHEDULE_NO_ROOM);
    assert_int_equal(window(s), 4);
    for (int i = 0; i < 10; i++)
        end_one(s, SCHEDULE_NO_ROOM);
    assert_int_equal(window(s), 1); /* never none */
    end_one(s, SCHEDULE_RAN);
    assert_int_equal(window(s), 2);
    for (int i = 0; i < 100; i++)
        end_one(s, SCHEDULE_RAN);
    assert_int_equal(window(s), 20);
    schedule_limit(s, &(struct schedule_limits){1000, 5});
    assert_int_equal(window(s), 5);
    schedule_free(&s);
}

/* ---- Beside a naive model -------------------------------------------------------------------- */

enum { MODEL_EVENTS = 400, MODEL_FUNCTIONS = 7, MODEL_STEPS = 200000 };

struct model {
    uint64_t due_ms[MODEL_EVENTS]; /* 0: not queued */
    uint32_t of[MODEL_EVENTS];     /* function */
    uint32_t running[MODEL_FUNCTIONS];
    struct schedule_turn turns[MODEL_EVENTS];
    int nr_turns;
};

static const char *name_of(uint32_t function)
{
    static const char *const names[MODEL_FUNCTIONS] = {"a",           "b", "ab", "c",
                                                       "longer-name", "d", "e"};

    return names[function];
}

/* What was taken is the function's first one that is due. */
static void check_turn(const struct model *m, const struct schedule_turn *turn, uint64_t now_ms)
{
    uint32_t f = m->of[turn->event];
    uint64_t due = m->due_ms[turn->event];

    assert_true(due > 0 && due <= now_ms);
    for (int i = 0; i < MODEL_EVENTS; i++) {
        if (m->due_ms[i] == 0 || m->of[i] != f || i == turn->event)
            continue;
        assert_true(m->due_ms[i] > due || (m->due_ms[i] == due && i > turn->event));
    }
}

static uint64_t first_due(const struct model *m)
{
    uint64_t first = SCHEDULE_NEVER;

    for (int i = 0; i < MODEL_EVENTS; i++)
        if (m->due_ms[i] > 0 && m->due_ms[i] < first)
            first = m->due_ms[i];
    return first;
}

static void take_some(struct schedule *s, struct model *m, uint64_t now_ms)
{
    struct schedule_turn *turn = &m->turns[m->nr_turns];

    if (!schedule_take(s, now_ms, turn)) {
        /* All that is due waits for its function's window, or for all. */
        for (int i = 0; i < MODEL_EVENTS; i++)
            if (m->due_ms[i] > 0 && m->due_ms[i] <= now_ms)
                assert_true(m->nr_turns >= 10 || m->running[m->of[i]] > 0);
        return;
    }
    check_turn(m, turn, now_ms);
    m->due_ms[turn->event] = 0;
    m->running[m->of[turn->event]]++;
    m->nr_turns++;
    assert_in_range(m->nr_turns, 1, 10);
    assert_in_range(m->running[m->of[turn->event]], 1, 4);
}

static void end_some(struct schedule *s, struct model *m, struct prng *rng)
{
    struct schedule_turn *turn = &m->turns[prng_next(rng) % (uint64_t)m->nr_turns];

    m->running[m->of[turn->event]]--;
    schedule_done(s, turn, (enum schedule_result)(prng_next(rng) % 3));
    *turn = m->turns[--m->nr_turns];
}

static void it_does_as_a_naive_model_does(void **state)
{
    struct schedule *s = schedule_make(&(struct schedule_limits){10, 4});
    static struct model m;
    struct prng rng;
    uint64_t now_ms = 1000, nr_queued = 0;

    (void)state;
    prng_seed(&rng, 42);
    for (int step = 0; step < MODEL_STEPS; step++) {
        uint64_t what = prng_next(&rng) % 8;
        int64_t event = (int64_t)(prng_next(&rng) % MODEL_EVENTS);
        bool is_running = false;

        for (int i = 0; i < m.nr_turns; i++)
            is_running |= m.turns[i].event == event;
        if (what < 3 && m.due_ms[event] == 0 && !is_running) {
            m.of[event] = (uint32_t)(prng_next(&rng) % MODEL_FUNCTIONS);
            m.due_ms[event] = now_ms - 100 + prng_next(&rng) % 1000;
            add(s, name_of(m.of[event]), event, m.due_ms[event]);
        } else if (what < 6) {
            take_some(s, &m, now_ms);
        } else if (what == 6 && m.nr_turns > 0) {
            end_some(s, &m, &rng);
        } else {
            now_ms += prng_next(&rng) % 50;
        }
        if (m.nr_turns == 0 && schedule_next_ms(s) > 0) /* 0: some are known to be due */
            assert_true(schedule_next_ms(s) == first_due(&m));
    }
    for (int i = 0; i < MODEL_EVENTS; i++)
        nr_queued += m.due_ms[i] > 0;
    assert_int_equal(schedule_nr_queued(s), nr_queued);
    assert_int_equal(schedule_nr_in_flight(s), m.nr_turns);
    schedule_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_run_when_they_are_due_and_in_order),
        cmocka_unit_test(functions_take_turns),
        cmocka_unit_test(attempts_at_the_same_time_are_bounded_in_all),
        cmocka_unit_test(one_function_gets_no_more_than_its_share),
        cmocka_unit_test(a_function_without_room_gets_fewer_and_then_more_again),
        cmocka_unit_test(it_does_as_a_naive_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
