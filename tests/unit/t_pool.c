/* Pools: who gets which connection, and in which order. */
#include "worker_lab.h"

static struct lab lab;

static int set_up(void **state)
{
    (void)state;
    lab_init(&lab);
    lab_order = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lab_fini(&lab);
    return 0;
}

static void finish(struct lab_user *u)
{
    pool_put(u->pool, &u->upstream, true);
}

static bool is_connected(const struct lab_user *u)
{
    return strstr(u->events, "connected") != NULL;
}

static void a_connection_is_lent_kept_and_lent_again(void **state)
{
    struct lab_user a, b;

    (void)state;
    lab_begin(&a, &lab, 0, 0, false);
    assert_int_equal(a.result, POOL_CONNECTING);
    LAB_UNTIL(&lab, is_connected(&a));
    struct upstream *first = a.upstream;
    struct pool *pool = a.pool;
    assert_int_equal(pool->nr_busy, 1);
    finish(&a);
    assert_null(a.upstream);
    assert_int_equal(pool->nr_busy, 0);
    assert_int_equal(pool->nr_idle, 1);
    assert_int_equal(first->state, UPSTREAM_IDLE);
    lab_begin(&b, &lab, 0, 0, false);
    assert_int_equal(b.result, POOL_READY);
    assert_ptr_equal(b.upstream, first);
    assert_ptr_equal(first->user, &b.user);
    pool_put(pool, &b.upstream, false);
    assert_int_equal(pool->nr_idle + pool->nr_busy, 0);
    assert_int_equal(metrics_read(&pool->to.cell->opened), 1);
    for (int i = 0; i < METRICS_CONNECTION_STATE_COUNT; i++)
        assert_int_equal(metrics_read(&pool->to.cell->connections[i]), 0);
}

/* Of eight faults by hand this one had survived the whole suite. */
static void a_connection_ends_with_just_its_number_of_requests(void **state)
{
    struct lab_user u;
    struct upstream *first = NULL;

    (void)state;
    lab.settings.upstream.lifetime_requests = 3;
    for (int i = 0; i < 3; i++) {
        lab_begin(&u, &lab, 0, 0, false);
        assert_int_equal(u.result, i == 0 ? POOL_CONNECTING : POOL_READY);
        if (i == 0)
            LAB_UNTIL(&lab, is_connected(&u));
        first = first ? first : u.upstream;
        assert_ptr_equal(u.upstream, first);
        finish(&u);
    }
    lab_begin(&u, &lab, 0, 0, false);
    assert_int_equal(u.result, POOL_CONNECTING);
    assert_int_equal(u.pool->nr_idle, 0);
    pool_put(u.pool, &u.upstream, false);
}

static void only_so_many_are_kept(void **state)
{
    struct lab_user u[3];

    (void)state;
    lab.settings.upstream.idle_connections = 2;
    for (int i = 0; i < 3; i++)
        lab_begin(&u[i], &lab, 0, 0, false);
    LAB_UNTIL(&lab, is_connected(&u[0]) && is_connected(&u[1]) && is_connected(&u[2]));
    for (int i = 0; i < 3; i++)
        finish(&u[i]);
    assert_int_equal(u[0].pool->nr_idle, 2);
}

/* a newcomer took what came free before those in the queue. */
static void those_who_wait_go_before_newcomers(void **state)
{
    struct lab_user holder, waiter, second, newcomer;

    (void)state;
    lab_begin(&holder, &lab, 0, 1, false);
    LAB_UNTIL(&lab, is_connected(&holder));
    lab_begin(&waiter, &lab, 0, 1, false);
    lab_begin(&second, &lab, 0, 1, false);
    assert_int_equal(waiter.result, POOL_WAITING);
    assert_true(pool_is_waiting(&waiter.waiter));
    finish(&holder);
    lab_begin(&newcomer, &lab, 0, 1, false); /* in the same turn */
    assert_int_equal(newcomer.result, POOL_WAITING);
    LAB_UNTIL(&lab, waiter.order > 0);
    assert_int_equal(newcomer.order, 0);
    finish(&waiter);
    LAB_UNTIL(&lab, second.order > 0);
    finish(&second);
    LAB_UNTIL(&lab, newcomer.order > 0);
    assert_true(waiter.order < second.order && second.order < newcomer.order);
    assert_int_equal(metrics_read(&holder.pool->to.cell->opened), 1);
    finish(&newcomer);
}

/* Without a limit nobody waits, and takes nothing from those who do. */
static void who_has_no_limit_opens_a_connection_beside_the_queue(void **state)
{
    struct lab_user holder, waiter, free_one;

    (void)state;
    lab_begin(&holder, &lab, 0, 1, false);
    LAB_UNTIL(&lab, is_connected(&holder));
    lab_begin(&waiter, &lab, 0, 1, false);
    finish(&holder);
    lab_begin(&free_one, &lab, 0, 0, false);
    assert_int_equal(free_one.result, POOL_CONNECTING);
    LAB_UNTIL(&lab, waiter.order > 0);
    assert_int_equal(waiter.result, POOL_READY);
    finish(&waiter);
    pool_put(free_one.pool, &free_one.upstream, false);
}

static void who_leaves_the_queue_is_passed_over(void **state)
{
    struct lab_user holder, leaver, waiter;

    (void)state;
    lab_begin(&holder, &lab, 0, 1, false);
    LAB_UNTIL(&lab, is_connected(&holder));
    lab_begin(&leaver, &lab, 0, 1, false);
    lab_begin(&waiter, &lab, 0, 1, false);
    pool_forget_waiter(&leaver.waiter);
    assert_int_equal(holder.pool->nr_waiters, 1);
    finish(&holder);
    LAB_UNTIL(&lab, waiter.order > 0);
    assert_string_equal(leaver.events, "");
    finish(&waiter);
}

static void a_full_queue_refuses(void **state)
{
    struct lab_user holder, waiter, refused;

    (void)state;
    lab.settings.limits.upstream_queue = 1;
    lab_begin(&holder, &lab, 0, 1, false);
    lab_begin(&waiter, &lab, 0, 1, false);
    lab_begin(&refused, &lab, 0, 1, false);
    assert_int_equal(refused.result, POOL_REFUSED);
    assert_int_equal(refused.error, METRICS_ERROR_OVERLOAD);
    pool_forget_waiter(&waiter.waiter);
    pool_put(holder.pool, &holder.upstream, false);
}

static void who_waits_too_long_is_told(void **state)
{
    struct lab_user holder, waiter;

    (void)state;
    lab.settings.limits.upstream_queue_ms = 5;
    lab_begin(&holder, &lab, 0, 1, false);
    lab_begin(&waiter, &lab, 0, 1, false);
    LAB_UNTIL(&lab, waiter.events[0]);
    assert_string_equal(waiter.events, "waited-in-vain");
    assert_int_equal(waiter.error, METRICS_ERROR_OVERLOAD);
    assert_false(pool_is_waiting(&waiter.waiter));
    pool_put(holder.pool, &holder.upstream, false);
}

/* a reset that came in the very turn in which the connection became idle was no news. */
static void a_connection_that_was_reset_meanwhile_is_not_lent(void **state)
{
    struct lab_user u, next;
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    lab_begin(&u, &lab, 0, 0, false);
    LAB_UNTIL(&lab, is_connected(&u));
    int peer = lab_accept(&lab);
    struct upstream *first = u.upstream;
    finish(&u);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(peer);
    struct pollfd gone = {.fd = first->io.fd, .events = POLLIN};
    assert_int_equal(poll(&gone, 1, 10000), 1);
    first->idle_since_us = u.pool->worker->loop.now_us; /* no turn has passed */
    lab_begin(&next, &lab, 0, 0, false);
    assert_int_equal(next.result, POOL_CONNECTING);
    assert_int_equal(next.pool->nr_idle, 0);
    pool_put(next.pool, &next.upstream, false);
}

static void an_idle_connection_that_ends_leaves_the_pool(void **state)
{
    struct lab_user u;

    (void)state;
    lab_begin(&u, &lab, 0, 0, false);
    LAB_UNTIL(&lab, is_connected(&u));
    int peer = lab_accept(&lab);
    finish(&u);
    assert_int_equal(u.pool->nr_idle, 1);
    close(peer);
    LAB_UNTIL(&lab, u.pool->nr_idle == 0);
}

/* Two that became idle in different turns, the first one before the turn that is now. */
static void lend_two(struct lab_user *a, struct lab_user *b, struct upstream *lent[2])
{
    lab_begin(a, &lab, 0, 0, false);
    lab_begin(b, &lab, 0, 0, false);
    LAB_UNTIL(&lab, is_connected(a) && is_connected(b));
    lent[0] = a->upstream;
    lent[1] = b->upstream;
    finish(a);
    uint64_t then = a->pool->worker->loop.now_us;
    LAB_UNTIL(&lab, a->pool->worker->loop.now_us > then);
    finish(b);
}

/* A connection that became idle in this turn has to be looked at, one of a turn before has not. */
static void one_that_was_idle_before_goes_first_and_then_the_last_used(void **state)
{
    struct lab_user a, b;
    struct upstream *lent[2];

    (void)state;
    lend_two(&a, &b, lent);
    lab_begin(&a, &lab, 0, 0, false);
    assert_ptr_equal(a.upstream, lent[0]);
    lab_begin(&b, &lab, 0, 0, false);
    assert_ptr_equal(b.upstream, lent[1]);
    finish(&a);
    finish(&b);
    LAB_UNTIL(&lab, a.pool->worker->loop.now_us > a.pool->idle_turn_us);
    lab_begin(&a, &lab, 0, 0, false);
    assert_ptr_equal(a.upstream, lent[1]);
    finish(&a);
}

static void a_connection_ends_at_just_its_age(void **state)
{
    struct lab_user u;

    (void)state;
    lab.settings.upstream.lifetime_requests = 1000;
    for (uint32_t lifetime = 1; lifetime <= 1000; lifetime += 999) {
        lab_begin(&u, &lab, 0, 0, false);
        assert_int_equal(u.result, POOL_CONNECTING);
        LAB_UNTIL(&lab, is_connected(&u));
        lab.settings.upstream.lifetime_ms = lifetime;
        for (uint32_t age = lifetime - 1; age <= lifetime; age++) {
            u.upstream->opened_ms = u.pool->worker->loop.now_ms - age;
            finish(&u);
            lab_begin(&u, &lab, 0, 0, false);
            assert_int_equal(u.result, age < lifetime ? POOL_READY : POOL_CONNECTING);
        }
        pool_put(u.pool, &u.upstream, false);
        lab.settings.upstream.lifetime_ms = 0;
    }
}

static void a_connection_for_one_request_is_closed_after_it(void **state)
{
    struct lab_user u;

    (void)state;
    lab.settings.upstream.lifetime_requests = 1;
    lab_begin(&u, &lab, 0, 0, false);
    LAB_UNTIL(&lab, is_connected(&u));
    finish(&u);
    lab_begin(&u, &lab, 0, 0, false);
    assert_int_equal(u.result, POOL_CONNECTING);
    pool_put(u.pool, &u.upstream, false);
}

/* Where limits differ, room is what the first in the queue may use. */
static void who_waits_has_its_turn_when_its_own_limit_has_room(void **state)
{
    struct lab_user h[3], strict;

    (void)state;
    for (int i = 0; i < 3; i++)
        lab_begin(&h[i], &lab, 0, 3, false);
    lab_begin(&strict, &lab, 0, 1, false);
    assert_int_equal(strict.result, POOL_WAITING);
    for (int i = 0; i < 2; i++) {
        pool_put(h[i].pool, &h[i].upstream, false);
        uint64_t until = lab.workers[0].loop.now_ms + 3 * WHEEL_TICK_MS;
        LAB_UNTIL(&lab, lab.workers[0].loop.now_ms > until);
        assert_string_equal(strict.events, "");
    }
    pool_put(h[2].pool, &h[2].upstream, false);
    LAB_UNTIL(&lab, is_connected(&strict));
    assert_string_equal(strict.events, "turn connected");
    finish(&strict);
}

static void room_that_comes_up_twice_in_a_turn_is_for_two(void **state)
{
    struct lab_user h[2], w[3];

    (void)state;
    for (int i = 0; i < 2; i++)
        lab_begin(&h[i], &lab, 0, 2, false);
    LAB_UNTIL(&lab, is_connected(&h[0]) && is_connected(&h[1]));
    for (int i = 0; i < 3; i++)
        lab_begin(&w[i], &lab, 0, 2, false);
    finish(&h[0]);
    finish(&h[1]);
    LAB_UNTIL(&lab, w[0].order > 0 && w[1].order > 0);
    assert_int_equal(w[2].order, 0);
    finish(&w[0]);
    LAB_UNTIL(&lab, w[2].order > 0);
    finish(&w[1]);
    finish(&w[2]);
    assert_int_equal(metrics_read(&h[0].pool->to.cell->opened), 2);
}

/* After a connection that turned out dead a user asks for one that was never used. */
static void a_fresh_one_is_made_room_for(void **state)
{
    struct lab_user u;
    struct upstream *first;

    (void)state;
    lab_begin(&u, &lab, 0, 1, false);
    LAB_UNTIL(&lab, is_connected(&u));
    first = u.upstream;
    finish(&u);
    u.wish.is_fresh = true;
    lab_ask(&u);
    assert_int_equal(u.result, POOL_CONNECTING);
    assert_int_equal(first->state, UPSTREAM_CLOSED);
    assert_int_equal(u.pool->nr_idle, 0);
    pool_put(u.pool, &u.upstream, false);
}

/* ---- Limits over all workers ----------------------------------------------------------------- */

static void a_limit_over_all_workers_is_served_in_order(void **state)
{
    struct lab_user holder, w[4];

    (void)state;
    lab_begin(&holder, &lab, 0, 1, true);
    LAB_UNTIL(&lab, is_connected(&holder));
    for (int i = 0; i < 4; i++) {
        lab_begin(&w[i], &lab, i % 2 == 0, 1, true); /* worker 1, 0, 1, 0 */
        assert_int_equal(w[i].result, POOL_WAITING);
    }
    finish(&holder);
    for (int i = 0; i < 4; i++) {
        LAB_UNTIL(&lab, w[i].order > 0);
        for (int k = i + 1; k < 4; k++)
            assert_int_equal(w[k].order, 0);
        assert_int_equal(atomic_load(&lab.origin.nr_connections), 1);
        LAB_UNTIL(&lab, w[i].result == POOL_READY || is_connected(&w[i]));
        finish(&w[i]);
    }
}

static void a_connection_that_is_idle_elsewhere_is_given_up(void **state)
{
    struct lab_user a, b;

    (void)state;
    lab_begin(&a, &lab, 0, 1, true);
    LAB_UNTIL(&lab, is_connected(&a));
    finish(&a);
    assert_int_equal(a.pool->nr_idle, 1);
    lab_begin(&b, &lab, 1, 1, true);
    assert_int_equal(b.result, POOL_WAITING);
    LAB_UNTIL(&lab, is_connected(&b));
    assert_int_equal(a.pool->nr_idle, 0);
    finish(&b);
}

static void who_leaves_with_a_slot_gives_it_back(void **state)
{
    struct lab_user holder, leaver, waiter;

    (void)state;
    lab_begin(&holder, &lab, 0, 1, true);
    lab_begin(&leaver, &lab, 1, 1, true);
    lab_begin(&waiter, &lab, 1, 1, true);
    pool_put(holder.pool, &holder.upstream, false); /* it has the slot now, and does not know yet */
    assert_int_equal(leaver.waiter.slots.state, SLOTS_GRANTED);
    pool_forget_waiter(&leaver.waiter);
    LAB_UNTIL(&lab, is_connected(&waiter));
    assert_string_equal(leaver.events, "");
    finish(&waiter);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_lent_kept_and_lent_again),
        TEST(a_connection_ends_with_just_its_number_of_requests),
        TEST(only_so_many_are_kept),
        TEST(one_that_was_idle_before_goes_first_and_then_the_last_used),
        TEST(a_connection_ends_at_just_its_age),
        TEST(a_connection_for_one_request_is_closed_after_it),
        TEST(who_waits_has_its_turn_when_its_own_limit_has_room),
        TEST(room_that_comes_up_twice_in_a_turn_is_for_two),
        TEST(a_fresh_one_is_made_room_for),
        TEST(those_who_wait_go_before_newcomers),
        TEST(who_has_no_limit_opens_a_connection_beside_the_queue),
        TEST(who_leaves_the_queue_is_passed_over),
        TEST(a_full_queue_refuses),
        TEST(who_waits_too_long_is_told),
        TEST(a_connection_that_was_reset_meanwhile_is_not_lent),
        TEST(an_idle_connection_that_ends_leaves_the_pool),
        TEST(a_limit_over_all_workers_is_served_in_order),
        TEST(a_connection_that_is_idle_elsewhere_is_given_up),
        TEST(who_leaves_with_a_slot_gives_it_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
