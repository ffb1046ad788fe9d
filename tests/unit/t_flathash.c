/* The index against a plain list, with tags that collide on purpose. */
#include "base/flathash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "failmalloc.h"

enum { NUMBERS = 3000 };

/* Number n is in the index under tags[n], if it is in it. */
struct model {
    uint32_t tags[NUMBERS];
    bool is_in[NUMBERS];
    uint32_t nr;
};

static bool finds(const struct flathash *h, uint32_t tag, uint32_t number)
{
    uint32_t at;

    for (uint32_t n = flathash_first(h, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(h, tag, &at))
        if (n == number)
            return true;
    return false;
}

static uint32_t count(const struct flathash *h, uint32_t tag)
{
    uint32_t at, nr = 0;

    for (uint32_t n = flathash_first(h, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(h, tag, &at))
        nr++;
    return nr;
}

static void check(const struct flathash *h, const struct model *model)
{
    assert_int_equal(h->nr, model->nr);
    for (uint32_t n = 0; n < NUMBERS; n++)
        assert_int_equal(finds(h, model->tags[n], n), model->is_in[n]);
}

/* Tags from small sets at both ends of the array make long runs that wrap around. */
static void run_rounds(uint32_t nr_tags, uint32_t spread, uint32_t offset)
{
    struct flathash h = {0};
    static struct model model;
    struct prng g;

    model = (struct model){0};
    prng_seed(&g, nr_tags + spread);
    for (uint32_t n = 0; n < NUMBERS; n++)
        model.tags[n] = offset + prng_below(&g, nr_tags) * spread;
    for (int round = 0; round < 20000; round++) {
        uint32_t n = prng_below(&g, NUMBERS);

        if (model.is_in[n])
            flathash_remove(&h, model.tags[n], n);
        else
            assert_int_equal(flathash_add(&h, model.tags[n], n), 0);
        model.nr += model.is_in[n] ? -1u : 1u;
        model.is_in[n] = !model.is_in[n];
        if (round % 2500 == 0)
            check(&h, &model);
    }
    check(&h, &model);
    for (uint32_t n = 0; n < NUMBERS; n++)
        if (model.is_in[n])
            flathash_remove(&h, model.tags[n], n);
    assert_int_equal(h.nr, 0);
    for (uint32_t i = 0; i <= h.mask; i++)
        assert_int_equal(h.slots[i].filled, 0);
    flathash_fini(&h);
    assert_null(h.slots);
}

static void numbers_come_and_go_as_in_a_list(void **state)
{
    (void)state;
    run_rounds(UINT32_MAX, 1, 0);   /* spread out */
    run_rounds(100, 1, 0xffffffc0); /* crowded at the end of the array */
    run_rounds(200, 0x10000, 0);    /* all at home in the same place */
}

static void equal_tags_are_all_candidates(void **state)
{
    struct flathash h = {0};

    (void)state;
    assert_int_equal(count(&h, 7), 0);
    for (uint32_t n = 0; n < 10; n++)
        assert_int_equal(flathash_add(&h, 7, n), 0);
    assert_int_equal(flathash_add(&h, 8, 10), 0);
    assert_int_equal(count(&h, 7), 10);
    assert_int_equal(count(&h, 8), 1);
    assert_int_equal(count(&h, 9), 0);
    flathash_remove(&h, 7, 4);
    assert_int_equal(count(&h, 7), 9);
    assert_false(finds(&h, 7, 4));
    flathash_fini(&h);
}

static void without_memory_it_stays_as_it_was(void **state)
{
    struct flathash h = {0};

    (void)state;
    failmalloc_skip();
    failmalloc_arm(1);
    assert_int_equal(flathash_add(&h, 1, 1), -1);
    assert_true(failmalloc_disarm());
    assert_int_equal(h.nr, 0);
    for (uint32_t n = 0; n < 6; n++)
        assert_int_equal(flathash_add(&h, n, n), 0);
    failmalloc_arm(1);
    assert_int_equal(flathash_add(&h, 6, 6), -1);
    assert_true(failmalloc_disarm());
    assert_int_equal(h.nr, 6);
    for (uint32_t n = 0; n < 6; n++)
        assert_true(finds(&h, n, n));
    assert_false(finds(&h, 6, 6));
    flathash_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_and_go_as_in_a_list),
        cmocka_unit_test(equal_tags_are_all_candidates),
        cmocka_unit_test(without_memory_it_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
