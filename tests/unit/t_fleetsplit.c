/* The split over a fleet, simulated with the splits themselves: the sum of the members' errors is
 * within the bound that their accounts give after every invocation, whichever member has it. */
#include "router/fleetsplit.h"

#include "base/prng.h"
#include "router/split_account.h"
#include "split_world.h"

enum { MEMBERS_MAX = 1000, ARMS_MAX = 5 };

struct fleet {
    struct world world;
    int nr_members, nr_arms;
    uint32_t weights[ARMS_MAX];
    struct split *members[MEMBERS_MAX];
    int64_t errors[ARMS_MAX]; /* of all, counted here */
    uint64_t picks[ARMS_MAX];
};

static struct fleet fleet_make(int nr_members, int nr_arms, const uint32_t *weights,
                               bool is_in_step)
{
    struct fleet fleet = {.world = world_make(), .nr_members = nr_members, .nr_arms = nr_arms};
    struct split_spec spec = spec_of(nr_arms, weights);

    memcpy(fleet.weights, weights, (size_t)nr_arms * sizeof(weights[0]));
    spec.is_spread = true;
    for (int i = 0; i < nr_members; i++) {
        spec.place = fleetsplit_place(is_in_step ? 0 : (uint32_t)i);
        fleet.members[i] = make(&fleet.world, &spec, NULL);
    }
    return fleet;
}

static void fleet_end(struct fleet *fleet)
{
    for (int i = 0; i < fleet->nr_members; i++)
        split_unref(&fleet->members[i]);
    world_end(&fleet->world);
}

/* The largest error of a version afterwards. */
static int64_t invoke(struct fleet *fleet, int member)
{
    int arm = pick(&fleet->world, fleet->members[member]);
    int64_t most = 0;

    assert_in_range(arm, 0, fleet->nr_arms - 1);
    fleet->picks[arm] += fleet->weights[arm] < ONE; /* else nothing is split */
    fleet->errors[arm] -= ONE;
    for (int i = 0; i < fleet->nr_arms; i++) {
        fleet->errors[i] += fleet->weights[i];
        most = llabs(fleet->errors[i]) > most ? llabs(fleet->errors[i]) : most;
    }
    return most;
}

/* By the members' accounts, which say what was counted here. */
static int64_t bound_of(const struct fleet *fleet)
{
    struct fleetsplit_account sums[ARMS_MAX] = {{0, 0, 0, 0}};
    int64_t bound = 0;

    for (int i = 0; i < fleet->nr_members; i++) {
        struct split_account account;

        (void)split_account(fleet->members[i], &account);
        assert_int_equal(account.nr_arms, fleet->nr_arms);
        for (int arm = 0; arm < fleet->nr_arms; arm++) {
            const struct fleetsplit_account one = {account.counts[arm], account.errors[arm],
                                                   account.low[arm], account.high[arm]};

            assert_true(one.low <= one.error && one.error <= one.high);
            fleetsplit_add(&sums[arm], &one);
        }
    }
    for (int arm = 0; arm < fleet->nr_arms; arm++) {
        assert_int_equal(sums[arm].picks, fleet->picks[arm]);
        assert_int_equal(sums[arm].error, fleet->errors[arm]);
        if (fleetsplit_bound(&sums[arm]) > bound)
            bound = fleetsplit_bound(&sums[arm]);
    }
    return bound;
}

static void the_places_of_any_first_few_are_spread_evenly(void **state)
{
    const double phases[] = {1. / 2, 1. / 4, 3. / 4, 1. / 8, 5. / 8, 3. / 8, 7. / 8, 1. / 16};

    (void)state;
    for (uint32_t slot = 0; slot < 8; slot++)
        assert_true(fleetsplit_place(slot) == (uint64_t)(phases[slot] * 0x1p64));
}

/* The worst that can be done to it: each member goes on until its error is as high, or as low, as
 * it comes in a while. */
static void run_against(struct fleet *fleet, bool is_up, int nr)
{
    for (int i = 0; i < fleet->nr_members; i++) {
        struct split_account account, next;

        (void)split_account(fleet->members[i], &account);
        for (int t = 0; t < nr; t++) {
            (void)invoke(fleet, i);
            (void)split_account(fleet->members[i], &next);
            if (is_up ? next.errors[1] > next.high[1] - ONE / 20
                      : next.errors[1] < next.low[1] + ONE / 20)
                break;
        }
    }
}

static void two_versions_stay_within_half_the_members_in_any_order(void **state)
{
    struct prng rng;

    (void)state;
    prng_seed(&rng, 7);
    for (int nr = 1; nr <= 8; nr++) {
        struct fleet fleet = fleet_make(nr, 2, (uint32_t[]){950731000, 49269000}, false);
        int64_t phases = 0, bound;

        for (int i = 0; i < nr; i++)
            phases += (int64_t)((double)fleetsplit_place((uint32_t)i) / 0x1p64 * 1e9);
        bound = phases > nr * ONE - phases ? phases : nr * ONE - phases;
        for (int t = 0; t < 4000; t++)
            assert_true(invoke(&fleet, (int)prng_below(&rng, (uint32_t)nr)) <= bound);
        assert_true(bound_of(&fleet) == bound);
        for (int round = 0; round < 4; round++) {
            run_against(&fleet, round % 2, 400);
            assert_true(llabs(fleet.errors[1]) <= bound && bound_of(&fleet) == bound);
        }
        assert_true(llabs(fleet.errors[1]) > bound / 2); /* it can be had */
        fleet_end(&fleet);
    }
}

static void three_and_more_stay_within_tijdemans_constant_for_each_member(void **state)
{
    const uint32_t weights[3][ARMS_MAX] = {{900000000, 71000000, 29000000},
                                           {340000000, 330000000, 320000000, 10000000},
                                           {200000001, 199999999, 300000000, 290000000, 10000000}};
    struct prng rng;

    (void)state;
    prng_seed(&rng, 8);
    for (int k = 3; k <= 5; k++)
        for (int nr = 1; nr <= 16; nr *= 4) {
            struct fleet fleet = fleet_make(nr, k, weights[k - 3], false);
            int64_t bound = nr * (ONE - ONE / (2 * k - 2));

            for (int t = 0; t < 6000; t++)
                assert_true(invoke(&fleet, (int)prng_below(&rng, (uint32_t)nr)) <= bound);
            assert_true(bound_of(&fleet) <= bound);
            run_against(&fleet, true, 200);
            assert_true(llabs(fleet.errors[1]) <= bound);
            fleet_end(&fleet);
        }
}

static int64_t simulate(int nr_members, bool is_in_step, bool is_in_turn, uint64_t seed)
{
    struct fleet fleet = fleet_make(nr_members, 2, (uint32_t[]){951000000, 49000000}, is_in_step);
    int64_t most = 0;
    struct prng rng;

    prng_seed(&rng, seed);
    for (int t = 0; t < 100000; t++) {
        int member = is_in_turn ? t % nr_members : (int)prng_below(&rng, (uint32_t)nr_members);
        int64_t now = invoke(&fleet, member);

        most = now > most ? now : most;
    }
    assert_true(most <= bound_of(&fleet));
    fleet_end(&fleet);
    return most;
}

/* What docs/split.md says of 4.9 % over 100 000 invocations. */
static void members_in_turn_are_close_because_their_phases_are_spread(void **state)
{
    const int sizes[] = {3, 16, 64, 1000}, most[] = {1, 2, 4, 14};

    (void)state;
    for (int i = 0; i < 4; i++) {
        int64_t spread = simulate(sizes[i], false, true, 1);
        int64_t in_step = simulate(sizes[i], true, true, 1);
        int64_t by_chance = simulate(sizes[i], false, false, 2);

        print_message("%d members: in turn %.2f, all begun alike %.2f; by chance %.2f\n", sizes[i],
                      (double)spread / 1e9, (double)in_step / 1e9, (double)by_chance / 1e9);
        assert_true(spread <= most[i] * ONE);
        assert_true(in_step > spread * (i == 0 ? 1 : 2));
    }
}

/* A replica that has had nine of a 5 % canary's alias has not had the canary; 64 of them together
 * have. */
static void a_fleet_gives_a_rare_version_its_first_invocations_in_time(void **state)
{
    struct fleet two = fleet_make(64, 2, (uint32_t[]){950000000, 50000000}, false);
    struct fleet three = fleet_make(64, 3, (uint32_t[]){900000000, 50000000, 50000000}, false);

    (void)state;
    for (int t = 0; t < 576; t++) {
        (void)invoke(&two, t % 64);
        (void)invoke(&three, t % 64);
    }
    assert_in_range(two.picks[1], 26, 31);
    assert_true(three.picks[1] > 10 && three.picks[2] > 10);
    fleet_end(&two);
    fleet_end(&three);
}

static void change(struct fleet *fleet, int member, const uint32_t *weights)
{
    struct split_spec spec = spec_of(fleet->nr_arms, weights);

    spec.is_spread = true;
    spec.place = fleetsplit_place((uint32_t)member);
    replace(&fleet->world, &fleet->members[member], &spec, member % 2);
}

/* Changes come to one member after the other, with invocations in between. */
static void bounds_hold_through_changes_of_weights(void **state)
{
    struct prng rng;

    (void)state;
    prng_seed(&rng, 9);
    for (int k = 2; k <= 4; k++) {
        struct fleet fleet =
            fleet_make(5, k, (uint32_t[]){SPLIT_ONE - 100000000, 100000000, 0, 0}, false);

        for (int round = 0; round < 200; round++) {
            uint32_t weights[4] = {0}, left = SPLIT_ONE;

            for (int i = 0; i < k - 1; i++) {
                weights[i] = prng_below(&rng, 4) == 0 ? 0 : prng_below(&rng, left + 1);
                left -= weights[i];
            }
            weights[k - 1] = left;
            memcpy(fleet.weights, weights, sizeof(weights));
            for (int i = 0; i < fleet.nr_members; i++)
                change(&fleet, i, weights);
            for (uint32_t nr = prng_below(&rng, 60); nr > 0; nr--)
                (void)invoke(&fleet, (int)prng_below(&rng, 5));
            {
                int64_t bound = bound_of(&fleet);

                for (int i = 0; i < k; i++)
                    assert_true(llabs(fleet.errors[i]) <= bound);
                if (k == 2)
                    assert_true(bound <= 3 * ONE);
            }
        }
        fleet_end(&fleet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_places_of_any_first_few_are_spread_evenly),
        cmocka_unit_test(two_versions_stay_within_half_the_members_in_any_order),
        cmocka_unit_test(three_and_more_stay_within_tijdemans_constant_for_each_member),
        cmocka_unit_test(members_in_turn_are_close_because_their_phases_are_spread),
        cmocka_unit_test(a_fleet_gives_a_rare_version_its_first_invocations_in_time),
        cmocka_unit_test(bounds_hold_through_changes_of_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
