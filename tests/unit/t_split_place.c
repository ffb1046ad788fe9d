/* Where the order of a split begins: at its place where nothing was drawn before, else where its
 * predecessor was. */
#include "router/split.h"
#include "router/split_account.h"

#include "split_world.h"

/* What a place is good for: 30 splits that begin at places all over have been right together
 * after nine picks each, though one alone has 0 or 1 of the 5 % version. */
static void many_splits_of_few_picks_are_right_together(void **state)
{
    enum { SPLITS = 1000, PICKS = 9 };
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});
    int nr_second = 0;

    (void)state;
    for (uint64_t i = 0; i < SPLITS; i++) {
        struct split *split;

        spec.place = UINT64_MAX / SPLITS * i + UINT64_MAX / SPLITS / 2;
        split = make(&world, &spec, NULL);
        for (int n = 0; n < PICKS; n++)
            nr_second += pick(&world, split);
        split_unref(&split);
    }
    assert_int_equal(nr_second, SPLITS * PICKS / 20);
    world_end(&world);
}

/* The tenth of 20 for one in the middle; at any other place there is one in each 20 too. */
static void wherever_it_begins_five_percent_is_one_in_each_twenty(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});

    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        struct split *split;
        int first = 0;

        spec.place = UINT64_MAX / 59 * i;
        split = make(&world, &spec, NULL);
        while (pick(&world, split) == 0)
            first++;
        assert_in_range(first, 0, 19);
        for (int n = first + 1; n < 400; n++)
            assert_int_equal(pick(&world, split), n % 20 == first);
        split_unref(&split);
    }
    world_end(&world);
}

/* The place of the first split counts, though another one was opened first; those of its successors
 * do not. */
static void a_successor_goes_on_at_the_place_of_the_first(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});
    struct split *split;

    (void)state;
    spec.place = SEGMENT_MIDDLE + SEGMENT_MIDDLE / 2 + 1; /* three quarters: the fifth of 20 */
    split = make(&world, &spec, NULL);
    for (int n = 0; n < 400; n++) {
        assert_int_equal(pick(&world, split), n % 20 == 4);
        spec.place = (uint64_t)n << 55;
        if (n % 7 == 3)
            replace(&world, &split, &spec, n % 2);
    }
    split_unref(&split);
    world_end(&world);
}

/* Where nothing was drawn a successor begins at a place of its own. */
static void a_successor_of_a_split_that_was_never_drawn_from_begins_at_its_own_place(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});
    struct split *split = make(&world, &spec, NULL);

    (void)state;
    spec.place = SEGMENT_MIDDLE / 2;
    replace(&world, &split, &spec, true);
    spec.place = UINT64_MAX; /* the first at once */
    replace(&world, &split, &spec, true);
    for (int n = 0; n < 60; n++)
        assert_int_equal(pick(&world, split), n % 20 == 0);
    split_unref(&split);
    world_end(&world);
}

/* Versions that are named in another order are owed what they were, but the window is not that
 * of the second one any more: one is drawn that both errors are in. */
static void versions_in_another_order_keep_below_one(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){700000000, 300000000});
    struct prng g;

    (void)state;
    prng_seed(&g, 3);
    for (int round = 0; round < 300; round++) {
        struct split *split;
        int64_t errors[2];

        spec.place = prng_next(&g);
        spec.from[0] = 0;
        spec.from[1] = 1;
        split = make(&world, &spec, NULL);
        for (int change = 0; change < 10; change++) {
            for (int n = 0; n < 1 + change; n++) {
                assert_true(pick(&world, split) >= 0);
                split_account_errors(split, errors);
                assert_true(llabs(errors[0]) < ONE && errors[0] == -errors[1]);
            }
            spec.from[0] = 1;
            spec.from[1] = 0;
            replace(&world, &split, &spec, change % 2);
        }
        split_unref(&split);
    }
    world_end(&world);
}

/* The window is that of two versions: a new one in the first one's place begins another, though the
 * second one is who it was. */
static void a_new_first_version_leaves_the_place_of_the_old_one(void **state)
{
    enum { PLACES = 20, BEFORE = 7 };
    struct world world = world_make();
    int nr_same = 0;

    (void)state;
    for (int i = 0; i < PLACES; i++) {
        struct split_spec spec = spec_of(2, (uint32_t[]){950000000, 50000000});
        struct split *split, *alone;
        bool is_same = true;

        spec.place = UINT64_MAX / PLACES * (uint64_t)i + UINT64_MAX / PLACES / 2;
        split = make(&world, &spec, NULL);
        alone = make(&world, &spec, NULL);
        for (int n = 0; n < BEFORE; n++)
            assert_int_equal(pick(&world, split), pick(&world, alone));
        spec.from[0] = -1;
        replace(&world, &split, &spec, true);
        for (int n = 0; n < 40; n++)
            is_same &= pick(&world, split) == pick(&world, alone);
        nr_same += is_same;
        split_unref(&split);
        split_unref(&alone);
    }
    assert_in_range(nr_same, 0, PLACES / 2);
    world_end(&world);
}

/* The smallest weight there is counts: at the last place it is picked first, then not for long. */
static void a_version_of_a_billionth_has_its_turn(void **state)
{
    struct world world = world_make();
    struct split_spec spec = spec_of(2, (uint32_t[]){SPLIT_ONE - 1, 1});
    struct split *split;

    (void)state;
    spec.place = UINT64_MAX;
    split = make(&world, &spec, NULL);
    for (int n = 0; n < 1000; n++)
        assert_int_equal(pick(&world, split), n == 0);
    split_unref(&split);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_splits_of_few_picks_are_right_together),
        cmocka_unit_test(wherever_it_begins_five_percent_is_one_in_each_twenty),
        cmocka_unit_test(a_successor_goes_on_at_the_place_of_the_first),
        cmocka_unit_test(a_successor_of_a_split_that_was_never_drawn_from_begins_at_its_own_place),
        cmocka_unit_test(versions_in_another_order_keep_below_one),
        cmocka_unit_test(a_new_first_version_leaves_the_place_of_the_old_one),
        cmocka_unit_test(a_version_of_a_billionth_has_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
