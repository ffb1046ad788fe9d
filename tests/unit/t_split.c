/* Splits: opening, handing over and closing, by one thread step by step and by many at full speed,
 * with every invocation accounted for. The arithmetic has its own test, t_segment. */
#include "router/split.h"
#include "router/split_account.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmalloc.h"
#include "split_world.h"

/* ---- One thread ------------------------------------------------------------------------------ */

static void five_percent_is_every_twentieth_pick(void **state)
{
    struct world world = world_make();
    struct split *split = make_two(&world, 50000000, NULL);

    (void)state;
    for (int i = 0; i < 400; i++)
        assert_int_equal(pick(&world, split), i % 20 == 9);
    split_unref(&split);
    assert_null(split);
    world_end(&world);
}

static void a_split_with_one_weighty_arm_draws_it_always(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(3, (uint32_t[]){0, SPLIT_ONE, 0});

    (void)state;
    for (int mode = SPLIT_EXACT; mode <= SPLIT_RANDOM; mode++) {
        struct split *split;

        spec.mode = (enum split_mode)mode;
        split = make(&world, &spec, NULL);
        for (int i = 0; i < 100; i++)
            assert_int_equal(pick(&world, split), 1);
        split_unref(&split);
    }
    world_end(&world);
}

static void reloading_every_ten_picks_keeps_the_share_exact(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});
    struct split *split = make(&world, &spec, NULL);
    int nr_second = 0;

    (void)state;
    for (int reload = 0; reload < 1000; reload++) {
        for (int i = 0; i < 10; i++) {
            nr_second += pick(&world, split);
            assert_in_range(nr_second * 20 + 20, reload * 10 + i, reload * 10 + i + 40);
        }
        replace(&world, &split, &spec, reload % 2 == 0);
        qsbr_reclaim(world.domain);
    }
    assert_int_equal(nr_second, 500);
    split_unref(&split);
    world_end(&world);
}

static void changed_weights_go_on_from_the_error_so_far(void **state)
{
    struct world world = world_make();
    struct split *first = make_two(&world, 300000000, NULL), *second;
    int64_t errors[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pick(&world, first), i == 1); /* 0.3, 0.6: picked at the second */
    split_account_errors(first, errors);
    assert_true(errors[1] == 600000000 - ONE && errors[0] == -errors[1]);
    second = make_two(&world, 700000000, first);
    split_account_errors(second, errors); /* not open yet, but already told */
    assert_true(errors[1] == -400000000);
    assert_int_equal(pick(&world, first), 0); /* nobody has closed it: -0.1 */
    assert_int_equal(split_open(second), 0);
    split_account_errors(second, errors);
    assert_true(errors[1] == -100000000);
    assert_int_equal(pick(&world, second), 1); /* 0.6 */
    assert_int_equal(pick(&world, second), 0); /* 0.3 */
    assert_int_equal(pick(&world, second), 1);
    split_account_errors(second, errors);
    assert_true(errors[1] == 0 && errors[0] == 0);
    split_unref(&first);
    split_unref(&second);
    world_end(&world);
}

static void a_closed_split_sends_its_drawers_away(void **state)
{
    struct world world = world_make();
    struct split *first = make_two(&world, 500000000, NULL), *second;
    int64_t before[2], after[2];

    (void)state;
    assert_true(pick(&world, first) >= 0);
    second = make_two(&world, 500000000, first);
    assert_true(pick(&world, second) >= 0); /* opens it, which closes the first */
    split_account_errors(first, before);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(pick(&world, first), SPLIT_CLOSED);
    split_account_errors(first, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(split_open(second), 0);
    assert_true(pick(&world, second) >= 0);
    split_unref(&second);
    split_unref(&first);
    world_end(&world);
}

static void splits_that_were_never_opened_are_opened_oldest_first(void **state)
{
    enum { CHAIN = 50 };
    struct world world = world_make();
    struct split *chain[CHAIN];
    int64_t errors[2], last[2];

    (void)state;
    chain[0] = make_two(&world, 300000000, NULL);
    for (int i = 0; i < 4; i++)
        assert_true(pick(&world, chain[0]) >= 0);
    for (int i = 1; i < CHAIN; i++)
        chain[i] = make_two(&world, 10000000u * (uint32_t)i, chain[i - 1]);
    split_account_errors(chain[0], errors);
    assert_true(errors[1] == 4 * 300000000 - ONE);
    split_account_errors(chain[CHAIN - 1], last);
    assert_memory_equal(errors, last, sizeof(errors));
    assert_true(pick(&world, chain[CHAIN - 1]) >= 0);
    for (int i = 0; i < CHAIN - 1; i++)
        assert_int_equal(pick(&world, chain[i]), SPLIT_CLOSED);
    split_account_errors(chain[CHAIN - 2], last);
    assert_memory_equal(errors, last, sizeof(errors));
    for (int i = 0; i < CHAIN; i++)
        split_unref(&chain[i]);
    world_end(&world);
}

static void a_chain_that_was_never_opened_is_freed_whole(void **state)
{
    struct world world = world_make();
    struct split *split = make_two(&world, 300000000, NULL);

    (void)state;
    assert_true(pick(&world, split) >= 0);
    for (int i = 0; i < 20; i++) {
        struct split *next = make_two(&world, 1 + (uint32_t)i, split);

        split_unref(&split);
        split = next;
    }
    split_unref(&split);
    world_end(&world);
}

static void errors_follow_versions_to_other_places(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(3, (uint32_t[]){500000000, 300000000, 200000000});
    struct split *split = make(&world, &spec, NULL);
    int64_t before[3], after[4];

    (void)state;
    for (int i = 0; i < 7; i++)
        assert_true(pick(&world, split) >= 0);
    split_account_errors(split, before);
    assert_true(before[0] != 0 && before[1] != 0 && before[2] != 0);
    /* A new version, the old third, the old first without weight; the old second leaves. Two copies
     * of one would be an error of the caller's. */
    spec = (struct split_spec){.mode = SPLIT_EXACT,
                               .nr_arms = 4,
                               .weights = {250000000, 250000000, 0, 500000000},
                               .from = {-1, 2, 0, -1}};
    replace(&world, &split, &spec, true);
    split_account_errors(split, after);
    assert_true(after[0] == 0 && after[1] == before[2] && after[2] == before[0] && after[3] == 0);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(pick(&world, split), 2);
    split_account_errors(split, after);
    assert_true(after[2] == before[0]);
    split_unref(&split);
    world_end(&world);
}

static void errors_pass_through_random_and_single_splits(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){700000000, 300000000});
    struct split *split = make(&world, &spec, NULL);
    int64_t before[2], after[2];

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(pick(&world, split) >= 0);
    split_account_errors(split, before);
    assert_true(before[0] != 0);
    spec.mode = SPLIT_RANDOM;
    replace(&world, &split, &spec, true);
    for (int i = 0; i < 1000; i++)
        assert_true(pick(&world, split) >= 0);
    spec = spec_of(2, (uint32_t[]){0, SPLIT_ONE});
    replace(&world, &split, &spec, false); /* nobody opens it: its picks need nothing */
    for (int i = 0; i < 1000; i++)
        assert_int_equal(pick(&world, split), 1);
    spec = spec_of(2, (uint32_t[]){500000000, 500000000});
    replace(&world, &split, &spec, true);
    split_account_errors(split, after);
    assert_memory_equal(before, after, sizeof(before));
    split_unref(&split);
    world_end(&world);
}

/* Many segments' worth of picks, each prefix followed, against the bound; then closed in the middle
 * of a segment. */
static void many_arms_stay_exact_from_segment_to_segment(void **state)
{
    enum { K = 7, PICKS = 30000 };
    struct world world = world_make();
    struct split_spec spec = spec_of(
        K, (uint32_t[]){400000000, 300000000, 150000000, 70000000, 50000000, 27500000, 2500000});
    struct split *split = make(&world, &spec, NULL);
    int64_t errors[K] = {0}, told[K];

    (void)state;
    for (int n = 0; n < PICKS; n++) {
        int arm = pick(&world, split);

        assert_in_range(arm, 0, K - 1);
        errors[arm] -= ONE;
        for (int i = 0; i < K; i++) {
            errors[i] += spec.weights[i];
            assert_true(llabs(errors[i]) < ONE);
        }
    }
    split_account_errors(split, told);
    assert_memory_equal(told, errors, sizeof(errors));
    replace(&world, &split, &spec, true);
    split_account_errors(split, told);
    assert_memory_equal(told, errors, sizeof(errors));
    split_unref(&split);
    world_end(&world);
}

/* A line lasts a billion tickets. Its word is moved near the end by hand: the current segment is
 * what a split begins with. */
static void a_line_that_runs_out_goes_on_in_the_next(void **state)
{
    struct world world = world_make();
    struct split *split = make_two(&world, 123456789, NULL);
    struct segment *segment;
    int64_t errors[2], told[2];

    (void)state;
    assert_true(pick(&world, split) >= 0);
    segment = *(struct segment **)split;
    assert_int_equal(segment->nr_tickets, SEGMENT_LINE_TICKETS);
    assert_int_equal(atomic_load(segment->ticket), 1);
    atomic_store(segment->ticket, SEGMENT_LINE_TICKETS - 1000);
    split_account_errors(split, errors);
    for (int n = 0; n < 3000; n++) {
        int arm = pick(&world, split);

        assert_in_range(arm, 0, 1);
        errors[arm] -= ONE;
        errors[0] += SPLIT_ONE - 123456789;
        errors[1] += 123456789;
        assert_true(llabs(errors[0]) * 2 <= ONE + 1 && errors[0] == -errors[1]);
    }
    assert_ptr_not_equal(*(struct segment **)split, segment);
    split_account_errors(split, told);
    assert_memory_equal(told, errors, sizeof(errors));
    split_unref(&split);
    world_end(&world);
}

static void closing_an_exhausted_segment_closes_the_next(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(3, (uint32_t[]){500000000, 300000000, 200000000});
    struct split *first = make(&world, &spec, NULL), *second;
    int64_t errors[3], told[3];

    (void)state;
    for (int i = 0; i < SEGMENT_FIRST_TICKETS; i++)
        assert_true(pick(&world, first) >= 0);
    split_account_errors(first, errors);
    second = make(&world, &spec, first);
    assert_int_equal(split_open(second), 0);
    assert_int_equal(pick(&world, first), SPLIT_CLOSED);
    split_account_errors(second, told);
    assert_memory_equal(told, errors, sizeof(errors));
    split_unref(&first);
    split_unref(&second);
    world_end(&world);
}

/* ---- Random mode ----------------------------------------------------------------------------- */

static void random_picks_have_the_weights_for_probabilities(void **state)
{
    enum { PICKS = 400000 };
    struct world world = world_make();
    struct split_spec spec = spec_of(4, (uint32_t[]){600000000, 0, 350000000, 50000000});
    struct split *split;
    int counts[4] = {0}, nr_runs = 0, last = -1;

    (void)state;
    spec.mode = SPLIT_RANDOM;
    split = make(&world, &spec, NULL);
    prng_seed(&world.rng, 2024);
    for (int i = 0; i < PICKS; i++) {
        int arm = pick(&world, split);

        assert_in_range(arm, 0, 3);
        counts[arm]++;
        nr_runs += arm != last;
        last = arm;
    }
    /* Within four standard deviations; the draws repeat, so this never fails by chance. */
    assert_in_range(counts[0], 240000 - 1240, 240000 + 1240);
    assert_int_equal(counts[1], 0);
    assert_in_range(counts[2], 140000 - 1207, 140000 + 1207);
    assert_in_range(counts[3], 20000 - 552, 20000 + 552);
    /* Independent draws differ from their predecessor with probability 1 - 0.36 - 0.1225 - 0.0025.
     */
    assert_in_range(nr_runs, 206000 - 1300, 206000 + 1300);
    split_unref(&split);
    world_end(&world);
}

/* ---- Out of memory --------------------------------------------------------------------------- */

static void a_pick_without_memory_does_not_count(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(3, (uint32_t[]){500000000, 300000000, 200000000});
    struct split *first, *second;
    int64_t errors[3] = {0}, told[3];
    int nr_failed = 0;

    (void)state;
    failmalloc_skip();
    failmalloc_arm(1);
    assert_null(split_make(world.domain, &spec, NULL));
    assert_true(failmalloc_disarm());
    first = make(&world, &spec, NULL);
    /* The first pick opens, and every segment's end needs the next: each fails twice, then
     * succeeds. */
    for (int n = 0; n < 2000;) {
        int arm;

        failmalloc_arm(nr_failed < 2 ? 1 : 1000);
        arm = pick(&world, first);
        if (failmalloc_disarm()) {
            assert_int_equal(arm, SPLIT_NO_MEMORY);
            nr_failed++;
            continue;
        }
        assert_in_range(arm, 0, 2);
        nr_failed = n % 200 == 199 ? 0 : nr_failed;
        errors[arm] -= ONE;
        for (int i = 0; i < 3; i++)
            errors[i] += spec.weights[i];
        n++;
    }
    split_account_errors(first, told);
    assert_memory_equal(told, errors, sizeof(errors));
    second = make(&world, &spec, first);
    failmalloc_arm(1);
    assert_int_equal(split_open(second), SPLIT_NO_MEMORY);
    assert_true(failmalloc_disarm());
    failmalloc_arm(1);
    assert_int_equal(pick(&world, second), SPLIT_NO_MEMORY);
    assert_true(failmalloc_disarm());
    assert_int_equal(split_open(second), 0);
    split_account_errors(second, told);
    assert_memory_equal(told, errors, sizeof(errors));
    split_unref(&first);
    split_unref(&second);
    world_end(&world);
}

static void splits_nothing_was_drawn_from_need_no_memory(void **state)
{
    struct world world = world_make();
    struct split *chain[4] = {make_two(&world, 300000000, NULL)};

    (void)state;
    failmalloc_skip();
    for (int i = 1; i < 4; i++)
        chain[i] = make_two(&world, 100000000 * (uint32_t)i, chain[i - 1]);
    failmalloc_arm(1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(split_open(chain[3]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pick(&world, chain[i]), SPLIT_CLOSED);
    assert_false(failmalloc_disarm());
    for (int i = 0; i < 20; i++) /* as one without any predecessor: from 0.5 up by 0.3 */
        assert_int_equal(pick(&world, chain[3]), (5 + 3 * i) % 10 >= 7);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pick(&world, chain[i]), SPLIT_CLOSED);
    for (int i = 0; i < 4; i++)
        split_unref(&chain[i]);
    world_end(&world);
}

/* ---- Many threads ---------------------------------------------------------------------------- */

enum { WORKERS_MAX = 8, VERSIONS = 5, EDITIONS_MAX = 20000, EDITIONS_HALFWAY = 100 };

/* A split as it was in force for a time, and what was drawn from it. */
struct edition {
    struct split *split;
    struct split_spec spec;
    _Atomic long nr_drawn;
};

/* Workers pick from whatever edition is published, as they do from tables. */
struct crowd {
    struct qsbr *domain;
    _Atomic(struct edition *) published;
    struct edition *editions;
    long picks_each;
    _Atomic int nr_editions; /* published so far, after the first */
    int nr_halfway;
    _Atomic int nr_working;
    _Atomic int nr_errors;
    _Atomic long counts[VERSIONS];
};

static bool crowd_pick(struct crowd *crowd, struct prng *rng)
{
    for (int tries = 0; tries < 1000; tries++) {
        struct edition *edition = atomic_load_explicit(&crowd->published, memory_order_acquire);
        int arm = split_pick(edition->split, rng);

        if (arm >= 0) {
            atomic_fetch_add_explicit(&edition->nr_drawn, 1, memory_order_relaxed);
            atomic_fetch_add_explicit(&crowd->counts[arm], 1, memory_order_relaxed);
            return true;
        }
        if (arm != SPLIT_CLOSED)
            return false;
    }
    return false;
}

static void *crowd_work(void *context)
{
    struct crowd *crowd = context;
    int slot = qsbr_register(crowd->domain);
    struct prng rng;

    prng_init(&rng);
    for (long n = 0; n < crowd->picks_each;) {
        qsbr_online(crowd->domain, slot);
        for (int i = 0; i < 16 && n < crowd->picks_each; i++, n++)
            if (!crowd_pick(crowd, &rng))
                atomic_fetch_add(&crowd->nr_errors, 1);
        qsbr_offline(crowd->domain, slot);
        /* However the threads are scheduled, some editions come while there are picks to come. */
        while (n >= crowd->picks_each / 2 && atomic_load(&crowd->nr_editions) < crowd->nr_halfway)
            sched_yield();
    }
    qsbr_unregister(crowd->domain, slot);
    atomic_fetch_sub(&crowd->nr_working, 1);
    return NULL;
}

/* What an experiment varies. */
struct experiment {
    int nr_workers;
    long picks_each;
    int nr_arms;
    int nr_changes_max;
    const uint32_t *weights; /* NULL: other ones for each edition */
    bool is_opening;         /* this thread opens each other edition; else the workers open all */
};

static void next_spec(const struct experiment *experiment, struct prng *rng,
                      struct split_spec *spec)
{
    uint32_t left = SPLIT_ONE;

    *spec = (struct split_spec){
        .mode = SPLIT_EXACT, .nr_arms = experiment->nr_arms, .place = prng_next(rng)};
    for (int i = 0; i < spec->nr_arms; i++) {
        spec->weights[i] = i == spec->nr_arms - 1 ? left : prng_below(rng, left + 1);
        if (experiment->weights)
            spec->weights[i] = experiment->weights[i];
        spec->from[i] = (int16_t)i;
        left -= spec->weights[i];
    }
}

/* (k - 1)/2, or for up to three arms less than one, is what any changes may lead to. */
static void check_bound(const int64_t *errors, int k)
{
    for (int i = 0; i < k; i++)
        assert_true(k <= 3 ? llabs(errors[i]) < ONE : 2 * llabs(errors[i]) <= (k - 1) * ONE);
}

/* Publishes one edition after another while the workers pick; returns how many there were. */
static int publish_editions(struct crowd *crowd, const struct experiment *experiment,
                            struct prng *rng)
{
    int64_t errors[VERSIONS];
    int i;

    for (i = 1; i <= experiment->nr_changes_max && atomic_load(&crowd->nr_working) > 0; i++) {
        struct edition *edition = &crowd->editions[i];
        struct split *old = crowd->editions[i - 1].split;

        next_spec(experiment, rng, &edition->spec);
        edition->split = split_make(crowd->domain, &edition->spec, old);
        assert_non_null(edition->split);
        atomic_store(&crowd->published, edition);
        atomic_fetch_add(&crowd->nr_editions, 1);
        if (experiment->is_opening && i % 2)
            assert_int_equal(split_open(edition->split), 0);
        split_account_errors(edition->split, errors);
        check_bound(errors, experiment->nr_arms);
        /* Workers may still pick from the old one, without a reference: the domain keeps it for
         * them. */
        split_unref(&old);
        qsbr_reclaim(crowd->domain);
    }
    return i;
}

/* The books: what the last split says it owes is the sum of all targets less what the workers
 * counted. */
static void check_books(struct crowd *crowd, const struct experiment *experiment, int nr_editions)
{
    struct split *last = crowd->editions[nr_editions - 1].split;
    int64_t errors[VERSIONS], owed[VERSIONS] = {0};
    long nr_drawn = 0;

    for (int e = 0; e < nr_editions; e++) {
        nr_drawn += crowd->editions[e].nr_drawn;
        for (int i = 0; i < experiment->nr_arms; i++)
            owed[i] += crowd->editions[e].nr_drawn * (int64_t)crowd->editions[e].spec.weights[i];
    }
    assert_int_equal(nr_drawn, experiment->nr_workers * experiment->picks_each);
    for (int i = 0; i < experiment->nr_arms; i++)
        owed[i] -= crowd->counts[i] * ONE;
    assert_int_equal(split_open(last), 0);
    split_account_errors(last, errors);
    assert_memory_equal(errors, owed, (size_t)experiment->nr_arms * sizeof(owed[0]));
    check_bound(errors, experiment->nr_arms);
}

/* Tells how many editions there were. */
static int conduct(const struct experiment *experiment)
{
    struct crowd crowd = {.domain = qsbr_make(), .picks_each = experiment->picks_each};
    pthread_t threads[WORKERS_MAX];
    struct prng rng;
    int nr_editions;

    crowd.editions = calloc((size_t)experiment->nr_changes_max + 1, sizeof(crowd.editions[0]));
    assert_true(crowd.domain && crowd.editions);
    crowd.nr_halfway = experiment->nr_changes_max < EDITIONS_HALFWAY ? experiment->nr_changes_max
                                                                     : EDITIONS_HALFWAY;
    prng_seed(&rng, 77);
    next_spec(experiment, &rng, &crowd.editions[0].spec);
    crowd.editions[0].split = split_make(crowd.domain, &crowd.editions[0].spec, NULL);
    assert_non_null(crowd.editions[0].split);
    atomic_store(&crowd.published, &crowd.editions[0]);
    atomic_store(&crowd.nr_working, experiment->nr_workers);
    for (int i = 0; i < experiment->nr_workers; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_work, &crowd), 0);
    nr_editions = publish_editions(&crowd, experiment, &rng);
    for (int i = 0; i < experiment->nr_workers; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(crowd.nr_errors, 0);
    check_books(&crowd, experiment, nr_editions);
    split_unref(&crowd.editions[nr_editions - 1].split);
    qsbr_free(&crowd.domain);
    free(crowd.editions);
    return nr_editions;
}

static void a_million_picks_of_two_versions_are_exact_through_reloads(void **state)
{
    const struct experiment experiment = {.nr_workers = 4,
                                          .picks_each = 250000,
                                          .nr_arms = 2,
                                          .nr_changes_max = EDITIONS_MAX,
                                          .weights = (uint32_t[]){950000000, 50000000},
                                          .is_opening = true};

    (void)state;
    assert_true(conduct(&experiment) >= EDITIONS_HALFWAY);
}

static void half_a_million_picks_of_three_versions_are_exact_through_reloads(void **state)
{
    const struct experiment experiment = {.nr_workers = 8,
                                          .picks_each = 60000,
                                          .nr_arms = 3,
                                          .nr_changes_max = EDITIONS_MAX,
                                          .weights = (uint32_t[]){850000000, 149999999, 1}};

    (void)state;
    assert_true(conduct(&experiment) >= EDITIONS_HALFWAY);
}

static void without_reloads_many_threads_share_one_order(void **state)
{
    (void)state;
    for (int nr_arms = 2; nr_arms <= VERSIONS; nr_arms++) {
        const struct experiment experiment = {
            .nr_workers = 4, .picks_each = 50000, .nr_arms = nr_arms, .nr_changes_max = 0};

        assert_int_equal(conduct(&experiment), 1);
    }
}

static void changing_weights_under_load_keeps_the_books(void **state)
{
    (void)state;
    for (int nr_arms = 2; nr_arms <= VERSIONS; nr_arms++)
        for (int is_opening = 0; is_opening < 2; is_opening++) {
            const struct experiment experiment = {.nr_workers = 6,
                                                  .picks_each = 25000,
                                                  .nr_arms = nr_arms,
                                                  .nr_changes_max = 3000,
                                                  .is_opening = is_opening};

            assert_true(conduct(&experiment) >= EDITIONS_HALFWAY);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_percent_is_every_twentieth_pick),
        cmocka_unit_test(a_split_with_one_weighty_arm_draws_it_always),
        cmocka_unit_test(reloading_every_ten_picks_keeps_the_share_exact),
        cmocka_unit_test(changed_weights_go_on_from_the_error_so_far),
        cmocka_unit_test(a_closed_split_sends_its_drawers_away),
        cmocka_unit_test(splits_that_were_never_opened_are_opened_oldest_first),
        cmocka_unit_test(a_chain_that_was_never_opened_is_freed_whole),
        cmocka_unit_test(errors_follow_versions_to_other_places),
        cmocka_unit_test(errors_pass_through_random_and_single_splits),
        cmocka_unit_test(many_arms_stay_exact_from_segment_to_segment),
        cmocka_unit_test(a_line_that_runs_out_goes_on_in_the_next),
        cmocka_unit_test(closing_an_exhausted_segment_closes_the_next),
        cmocka_unit_test(random_picks_have_the_weights_for_probabilities),
        cmocka_unit_test(a_pick_without_memory_does_not_count),
        cmocka_unit_test(splits_nothing_was_drawn_from_need_no_memory),
        cmocka_unit_test(a_million_picks_of_two_versions_are_exact_through_reloads),
        cmocka_unit_test(half_a_million_picks_of_three_versions_are_exact_through_reloads),
        cmocka_unit_test(without_reloads_many_threads_share_one_order),
        cmocka_unit_test(changing_weights_under_load_keeps_the_books),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
