/* The three-way merge: sets against a plain list, and the rule against histories of edits. */
#include "conf/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "failmalloc.h"

static struct merge_said *said_of(const struct merge_thing *things, size_t nr)
{
    struct merge_said *said = merge_said_make();

    assert_non_null(said);
    for (size_t i = 0; i < nr; i++)
        assert_int_equal(merge_said_add(said, things[i].key, things[i].digest), 0);
    assert_int_equal(merge_said_seal(said), 0);
    return said;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

enum { MANY = 20000 };

static void what_was_added_is_found_and_nothing_else(void **state)
{
    /* Spread like hashes, crowded at both ends of the range, and all alike. */
    static const uint64_t spreads[] = {UINT64_C(0x9e3779b97f4a7c15), 1, 0};
    static struct merge_thing things[MANY];

    (void)state;
    for (size_t s = 0; s < sizeof(spreads) / sizeof(spreads[0]); s++) {
        size_t nr = spreads[s] > 1 ? MANY : 300;
        for (uint64_t i = 0; i < nr; i++)
            things[i] =
                (struct merge_thing){i % 2 ? i * spreads[s] : UINT64_MAX - i * spreads[s], i + 1};
        struct merge_said *said = said_of(things, nr);
        for (size_t i = 0; i < nr; i++) {
            assert_true(merge_said_has(said, things[i].key));
            assert_true(merge_said_says(said, things[i].key, things[i].digest));
            assert_false(merge_said_says(said, things[i].key, MANY + 1));
        }
        assert_false(merge_said_has(said, UINT64_C(0x8000000000000000)));
        merge_said_free(&said);
        assert_null(said);
    }
}

static void an_empty_set_and_none_say_nothing(void **state)
{
    struct merge_said *said = said_of(NULL, 0);

    (void)state;
    assert_false(merge_said_has(said, 0));
    assert_false(merge_said_has(NULL, 0));
    assert_false(merge_said_says(said, 7, 7));
    assert_false(merge_said_says(NULL, 7, 7));
    merge_said_free(&said);
    merge_said_free(&said);
}

static void the_order_of_things_does_not_matter(void **state)
{
    static struct merge_thing there[MANY], back[MANY];
    struct prng rng;

    (void)state;
    prng_seed(&rng, 1);
    for (int i = 0; i < MANY; i++) /* some keys twice */
        there[i] = back[MANY - 1 - i] =
            (struct merge_thing){prng_next(&rng) % (MANY * 10), prng_next(&rng)};
    struct merge_said *a = said_of(there, MANY), *b = said_of(back, MANY);
    assert_true(merge_said_is_same(a, b));
    merge_said_free(&b);
    back[17].digest++;
    b = said_of(back, MANY);
    assert_false(merge_said_is_same(a, b));
    merge_said_free(&b);
    b = said_of(there, MANY - 1);
    assert_false(merge_said_is_same(a, b));
    merge_said_free(&b);
    merge_said_free(&a);
}

static void keys_of_different_things_differ(void **state)
{
    const uint64_t keys[] = {
        merge_key(MERGE_FUNCTION, STR("f"), STR("")),
        merge_key(MERGE_VERSION, STR("f"), STR("1")),
        merge_key(MERGE_ALIAS, STR("f"), STR("1")),
        merge_key(MERGE_ALIAS, STR("f"), STR("live")),
        merge_key(MERGE_ALIAS, STR("fl"), STR("ive")),
        merge_key(MERGE_ALIAS, STR("flive"), STR("")),
        merge_key(MERGE_ROUTE, STR("f"), STR("live")),
        merge_key(MERGE_ROUTE, STR(""), STR("flive")),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        for (size_t k = 0; k < i; k++)
            assert_true(keys[i] != keys[k]);
}

/* ---- The rule -------------------------------------------------------------------------------- */

static struct merge_verdict decide(int base, int theirs, int ours)
{
    struct merge_thing thing = {7, (uint64_t)base};
    struct merge_said *said = said_of(&thing, base != 0);
    uint64_t t = (uint64_t)theirs, o = (uint64_t)ours;
    struct merge_verdict verdict = merge_decide(said, 7, theirs ? &t : NULL, ours ? &o : NULL);

    merge_said_free(&said);
    return verdict;
}

/* All cases there are, with three values and absence (0). */
static void the_files_word_counts_where_it_changed_and_only_there(void **state)
{
    (void)state;
    for (int base = 0; base < 4; base++)
        for (int theirs = 0; theirs < 4; theirs++)
            for (int ours = 0; ours < 4; ours++) {
                struct merge_verdict v = decide(base, theirs, ours);
                assert_int_equal(v.is_edit, theirs != base);
                assert_int_equal(v.side, theirs != base ? MERGE_THEIRS : MERGE_OURS);
                assert_int_equal(v.is_conflict, theirs != base && ours != base && ours != theirs);
            }
}

static void a_first_file_wins_over_all(void **state)
{
    uint64_t theirs = 1, ours = 2;

    (void)state;
    assert_int_equal(merge_decide(NULL, 7, &theirs, NULL).side, MERGE_THEIRS);
    assert_int_equal(merge_decide(NULL, 7, &theirs, &ours).side, MERGE_THEIRS);
    assert_true(merge_decide(NULL, 7, &theirs, &ours).is_conflict);
    /* What only the API made stays. */
    assert_int_equal(merge_decide(NULL, 7, NULL, &ours).side, MERGE_OURS);
}

/* A file and an API edit things at random, deletions too; the file is read now and then, often
 * unedited. After each reading every thing is as the last of its edits made it, where the file's
 * count from the reading that first saw them. */
enum { THINGS = 12, VALUES = 4 };

static void each_thing_is_as_its_last_edit_made_it(void **state)
{
    int file[THINGS] = {0}, base[THINGS] = {0}, ours[THINGS] = {0}, expected[THINGS] = {0};
    struct prng rng;

    (void)state;
    prng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        uint32_t n = prng_below(&rng, THINGS);
        switch (prng_below(&rng, 3)) {
        case 0:
            file[n] = (int)prng_below(&rng, VALUES);
            continue;
        case 1:
            ours[n] = expected[n] = (int)prng_below(&rng, VALUES);
            continue;
        default:
            break;
        }
        struct merge_thing said[THINGS];
        size_t nr = 0;
        for (uint64_t i = 0; i < THINGS; i++)
            if (base[i])
                said[nr++] = (struct merge_thing){i, (uint64_t)base[i]};
        struct merge_said *set = said_of(said, nr);
        for (int i = 0; i < THINGS; i++) {
            uint64_t t = (uint64_t)file[i], o = (uint64_t)ours[i];
            struct merge_verdict v =
                merge_decide(set, (uint64_t)i, file[i] ? &t : NULL, ours[i] ? &o : NULL);
            if (file[i] != base[i])
                expected[i] = file[i];
            if (v.side == MERGE_THEIRS)
                ours[i] = file[i];
            base[i] = file[i];
            assert_int_equal(ours[i], expected[i]);
        }
        merge_said_free(&set);
    }
}

static bool fill(struct merge_said *said)
{
    for (uint64_t i = 0; i < 200; i++)
        if (merge_said_add(said, i, i) < 0)
            return false;
    return merge_said_seal(said) == 0;
}

static void out_of_memory_is_told_and_leaks_nothing(void **state)
{
    bool has_failed = true;

    (void)state;
    failmalloc_skip();
    for (long n = 1; has_failed; n++) {
        long live = failmalloc_live();
        failmalloc_arm(n);
        struct merge_said *said = merge_said_make();
        bool is_filled = said && fill(said);
        has_failed = failmalloc_disarm();
        assert_int_equal(is_filled, !has_failed);
        merge_said_free(&said);
        assert_int_equal(failmalloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(an_empty_set_and_none_say_nothing),
        cmocka_unit_test(the_order_of_things_does_not_matter),
        cmocka_unit_test(keys_of_different_things_differ),
        cmocka_unit_test(the_files_word_counts_where_it_changed_and_only_there),
        cmocka_unit_test(a_first_file_wins_over_all),
        cmocka_unit_test(each_thing_is_as_its_last_edit_made_it),
        cmocka_unit_test(out_of_memory_is_told_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
