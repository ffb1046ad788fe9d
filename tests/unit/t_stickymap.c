/* Maps of sticky splits: what each edit must move, and no more; and how many pieces that takes. */
#include "router/stickymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"

enum { ARMS_MAX = SEGMENT_ARMS_MAX, EDITS = 1000 };

static struct str names[ARMS_MAX];
static char texts[ARMS_MAX][4];
static struct prng rng;

static int setup(void **state)
{
    (void)state;
    prng_seed(&rng, 1);
    for (int i = 0; i < ARMS_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", i + 1);
        names[i] = str_of(texts[i]);
    }
    return 0;
}

/* ---- Points ---------------------------------------------------------------------------------- */

static void points_are_those_that_other_programs_compute(void **state)
{
    static const struct {
        const char *salt, *key;
        uint32_t point;
    } cases[] = {
        {"checkout", "user-1", 434193840},
        {"checkout", "user-2", 768133303},
        {"checkout", "203.0.113.7", 303282731},
        {"a", "user-1", 171212673},
        {"a", "user-2", 322582534},
        {"a", "203.0.113.7", 154823004},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seed = stickymap_seed(str_of(cases[i].salt));

        assert_int_equal(stickymap_point(stickymap_hash(seed, str_of(cases[i].key))),
                         cases[i].point);
    }
    assert_int_equal(stickymap_point(UINT64_MAX), STICKYMAP_ONE - 1);
    assert_int_equal(stickymap_point(0), 0);
}

/* ---- Look-ups -------------------------------------------------------------------------------- */

static int find_slowly(const struct stickymap *map, uint32_t point)
{
    for (int i = 0;; i++)
        if (point < map->ends[i])
            return map->owners[i];
}

static void each_point_is_found_in_its_piece(void **state)
{
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];

    (void)state;
    for (int nr = 1; nr <= STICKYMAP_PIECES_MAX; nr = nr < 40 ? nr + 1 : nr * 2) {
        struct stickymap *map;

        for (int i = 0; i < nr; i++)
            pieces[i] = (struct stickymap_piece){
                (uint32_t)((uint64_t)STICKYMAP_ONE * (uint64_t)(i + 1) / (uint64_t)nr),
                (uint16_t)(i % 3)};
        map = stickymap_make(names, 3, pieces, nr);
        assert_non_null(map);
        assert_int_equal(map->nr, nr);
        for (int i = 0; i < nr; i++) {
            assert_int_equal(stickymap_find(map, map->ends[i] - 1), map->owners[i]);
            if (i + 1 < nr)
                assert_int_equal(stickymap_find(map, map->ends[i]), map->owners[i + 1]);
        }
        for (int i = 0; i < 200; i++) {
            uint32_t point = (uint32_t)(prng_next(&rng) % STICKYMAP_ONE);

            assert_int_equal(stickymap_find(map, point), find_slowly(map, point));
        }
        stickymap_unref(&map);
    }
}

/* Most of them in one place, so that one bucket has many. */
static void crowded_pieces_are_found_too(void **state)
{
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];

    (void)state;
    for (int nr = 2; nr <= STICKYMAP_PIECES_MAX; nr *= 2) {
        struct stickymap *map;

        for (int i = 0; i < nr; i++)
            pieces[i] = (struct stickymap_piece){500000000 + 3 * (uint32_t)i, (uint16_t)(i % 2)};
        pieces[nr - 1].end = STICKYMAP_ONE;
        map = stickymap_make(names, 2, pieces, nr);
        assert_non_null(map);
        for (uint32_t point = 499999000; point < 500004000; point++)
            assert_int_equal(stickymap_find(map, point), find_slowly(map, point));
        assert_int_equal(stickymap_find(map, 0), 0);
        assert_int_equal(stickymap_find(map, STICKYMAP_ONE - 1), map->owners[nr - 1]);
        stickymap_unref(&map);
    }
}

static void empty_pieces_go_and_neighbours_join(void **state)
{
    const struct stickymap_piece pieces[] = {
        {0, 1}, {10, 0}, {10, 1}, {20, 0}, {30, 1}, {STICKYMAP_ONE, 1}, {STICKYMAP_ONE, 0},
    };
    struct stickymap *map = stickymap_make(names, 2, pieces, 7);

    (void)state;
    assert_int_equal(map->nr, 2);
    assert_int_equal(map->ends[0], 20);
    assert_int_equal(map->owners[0], 0);
    assert_int_equal(map->owners[1], 1);
    assert_true(stickymap_is_row(map));
    stickymap_unref(&map);
}

/* ---- Edits ----------------------------------------------------------------------------------- */

static void random_weights(uint32_t *weights, int nr)
{
    uint32_t cuts[ARMS_MAX + 1];

    cuts[0] = 0;
    cuts[nr] = STICKYMAP_ONE;
    for (int i = 1; i < nr; i++) {
        uint32_t cut = (uint32_t)(prng_next(&rng) % (STICKYMAP_ONE + 1ull));
        int k = i;

        for (; k > 1 && cuts[k - 1] > cut; k--)
            cuts[k] = cuts[k - 1];
        cuts[k] = cut;
    }
    for (int i = 0; i < nr; i++)
        weights[i] = cuts[i + 1] - cuts[i];
}

static void all_weights(uint32_t *weights, int nr)
{
    random_weights(weights, nr);
}

/* Two versions trade. */
static void two_weights(uint32_t *weights, int nr)
{
    uint64_t a = prng_next(&rng) % (uint64_t)nr, b = prng_next(&rng) % (uint64_t)nr;
    uint32_t n = (uint32_t)(prng_next(&rng) % (weights[a] + 1ull));

    weights[a] -= n;
    weights[b] += n;
}

/* One rises or falls, the primary version makes up for it. */
static void one_weight(uint32_t *weights, int nr)
{
    uint64_t a = 1 + prng_next(&rng) % (uint64_t)(nr - 1);
    uint32_t both = weights[0] + weights[a];

    weights[a] = (uint32_t)(prng_next(&rng) % (both + 1ull));
    weights[0] = both - weights[a];
}

/* Some of them end, as when an experiment is over. */
static void few_weights(uint32_t *weights, int nr)
{
    random_weights(weights, nr);
    for (int i = 1; i < nr; i++) {
        if (prng_next(&rng) % 2)
            continue;
        weights[0] += weights[i];
        weights[i] = 0;
    }
}

/* The map gives each version its weight, gives to those whose weight rose alone, and takes from those
 * whose weight fell alone: so what moves is half the sum of the changes, the theoretical minimum. */
static void check_edit(const struct stickymap *from, const struct stickymap *to,
                       const uint32_t *before, const uint32_t *after, int nr)
{
    int64_t has[ARMS_MAX] = {0};
    uint64_t least = 0;
    uint32_t start = 0;

    for (int i = 0; i < to->nr; i++) {
        has[to->owners[i]] += to->ends[i] - start;
        assert_true(to->ends[i] > start);
        assert_true(i == 0 || to->owners[i] != to->owners[i - 1]);
        start = to->ends[i];
    }
    assert_int_equal(start, STICKYMAP_ONE);
    for (int i = 0; i < nr; i++) {
        assert_int_equal(has[i], after[i]);
        least += after[i] > before[i] ? after[i] - before[i] : 0;
    }
    assert_int_equal(stickymap_moved(from, to), least);
    start = 0;
    for (int i = 0, k = 0; start < STICKYMAP_ONE;) {
        uint32_t end = from->ends[i] < to->ends[k] ? from->ends[i] : to->ends[k];
        uint16_t giver = from->owners[i], taker = to->owners[k];

        if (giver != taker) {
            assert_true(after[giver] < before[giver]);
            assert_true(after[taker] > before[taker]);
        }
        i += from->ends[i] == end;
        k += to->ends[k] == end;
        start = end;
    }
}

/* The most pieces at any time of so many edits in a row. */
static int edit_often(void (*edit)(uint32_t *weights, int nr), int nr)
{
    uint32_t weights[ARMS_MAX], before[ARMS_MAX];
    struct stickymap *map;
    int most = 0;

    random_weights(weights, nr);
    map = stickymap_row(names, weights, nr);
    for (int i = 0; i < EDITS; i++) {
        struct stickymap *next;

        memcpy(before, weights, sizeof(before));
        edit(weights, nr);
        next = stickymap_fit(map, names, weights, nr);
        assert_non_null(next);
        check_edit(map, next, before, weights, nr);
        stickymap_unref(&map);
        map = next;
        most = map->nr > most ? map->nr : most;
    }
    stickymap_unref(&map);
    return most;
}

static void an_edit_moves_the_fewest_callers_and_nobody_the_wrong_way(void **state)
{
    static void (*const edits[])(uint32_t *, int) = {all_weights, two_weights, one_weight,
                                                     few_weights};
    static const int arms[] = {2, 3, 4, 5, 8, 16, 32};
    /* Of any edits. A plain scan: 151 for five versions, 377 for sixteen. */
    static const int bounds[] = {2, 10, 20, 37, 80, 200, 600};

    (void)state;
    for (size_t k = 0; k < sizeof(arms) / sizeof(arms[0]); k++) {
        for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
            int most = edit_often(edits[i], arms[k]);

            print_message("%d versions, edits of kind %zu: %d pieces at most\n", arms[k], i, most);
            assert_true(most <= bounds[k]);
        }
    }
}

/* Also where one of them had no weight for a while. */
static void two_versions_always_stand_in_a_row(void **state)
{
    uint32_t weights[2] = {STICKYMAP_ONE, 0};
    struct stickymap *map = stickymap_row(names, weights, 2);

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct stickymap *next, *row;

        weights[0] = i % 3 == 0   ? STICKYMAP_ONE
                     : i % 7 == 0 ? 0
                                  : (uint32_t)(prng_next(&rng) % STICKYMAP_ONE);
        weights[1] = STICKYMAP_ONE - weights[0];
        next = stickymap_fit(map, names, weights, 2);
        row = stickymap_row(names, weights, 2);
        assert_true(stickymap_is_same(next, row));
        assert_true(stickymap_is_row(next));
        stickymap_unref(&map);
        stickymap_unref(&row);
        map = next;
    }
    stickymap_unref(&map);
}

static void a_map_that_fits_stays_the_same_object(void **state)
{
    const uint32_t weights[] = {950000000, 50000000};
    struct stickymap *map = stickymap_row(names, weights, 2);
    struct stickymap *again = stickymap_fit(map, names, weights, 2);

    (void)state;
    assert_ptr_equal(map, again);
    stickymap_unref(&again);
    stickymap_unref(&map);
}

/* A version goes, another comes, and the rest stand in another order. */
static void versions_come_and_go(void **state)
{
    const struct str before[] = {STR("1"), STR("2"), STR("3")};
    const struct str after[] = {STR("4"), STR("3"), STR("1")};
    const uint32_t first[] = {500000000, 300000000, 200000000};
    const uint32_t second[] = {300000000, 200000000, 500000000};
    struct stickymap *map = stickymap_row(before, first, 3);
    struct stickymap *next = stickymap_fit(map, after, second, 3);

    (void)state;
    assert_int_equal(stickymap_moved(map, next), 300000000); /* those of 2 go to 4 */
    assert_int_equal(next->nr_versions, 3);
    assert_int_equal(stickymap_find(next, 0), 2);
    assert_int_equal(stickymap_find(next, 600000000), 0);
    assert_int_equal(stickymap_find(next, 900000000), 1);
    stickymap_unref(&map);
    stickymap_unref(&next);
}

/* ---- The limit ------------------------------------------------------------------------------- */

/* 64 versions in 1 024 pieces, all of which trade with all others. */
static void beyond_1024_pieces_the_shortest_are_dissolved(void **state)
{
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];
    uint32_t weights[ARMS_MAX] = {0}, start = 0;
    struct stickymap *map, *next;

    (void)state;
    for (int i = 0; i < STICKYMAP_PIECES_MAX; i++) {
        uint32_t end = (uint32_t)((uint64_t)STICKYMAP_ONE * (uint64_t)(i + 1) / 1024);
        uint16_t owner = (uint16_t)((i * 7 + i / 64) % ARMS_MAX);

        pieces[i] = (struct stickymap_piece){end, owner};
        weights[owner] += end - start;
        start = end;
    }
    map = stickymap_make(names, ARMS_MAX, pieces, STICKYMAP_PIECES_MAX);
    assert_non_null(map);
    assert_int_equal(map->nr, STICKYMAP_PIECES_MAX);
    for (int round = 0; round < 20; round++) {
        uint64_t least = 0;

        for (int i = 0; i < ARMS_MAX; i += 2) {
            uint32_t n = 1 + (uint32_t)(prng_next(&rng) % 1000);
            int to = (i + 33 + 2 * round) % ARMS_MAX;

            weights[i] -= n;
            weights[to] += n;
            least += n;
        }
        next = stickymap_fit(map, names, weights, ARMS_MAX);
        assert_non_null(next);
        assert_in_range(next->nr, 64, STICKYMAP_PIECES_MAX);
        for (int i = 0; i < ARMS_MAX; i++) {
            int64_t has = 0;

            start = 0;
            for (int k = 0; k < next->nr; k++) {
                has += next->owners[k] == i ? next->ends[k] - start : 0;
                start = next->ends[k];
            }
            assert_int_equal(has, weights[i]);
        }
        /* Some more than the least, far from everybody: pieces are short. */
        assert_true(stickymap_moved(map, next) < least + STICKYMAP_ONE / 10);
        stickymap_unref(&map);
        map = next;
    }
    stickymap_unref(&map);
}

static void more_pieces_make_no_map(void **state)
{
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX + 1];

    (void)state;
    for (int i = 0; i <= STICKYMAP_PIECES_MAX; i++)
        pieces[i] = (struct stickymap_piece){(uint32_t)i + 1, (uint16_t)(i % 2)};
    pieces[STICKYMAP_PIECES_MAX].end = STICKYMAP_ONE;
    assert_null(stickymap_make(names, 2, pieces, STICKYMAP_PIECES_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_those_that_other_programs_compute),
        cmocka_unit_test(each_point_is_found_in_its_piece),
        cmocka_unit_test(crowded_pieces_are_found_too),
        cmocka_unit_test(empty_pieces_go_and_neighbours_join),
        cmocka_unit_test(an_edit_moves_the_fewest_callers_and_nobody_the_wrong_way),
        cmocka_unit_test(two_versions_always_stand_in_a_row),
        cmocka_unit_test(a_map_that_fits_stays_the_same_object),
        cmocka_unit_test(versions_come_and_go),
        cmocka_unit_test(beyond_1024_pieces_the_shortest_are_dissolved),
        cmocka_unit_test(more_pieces_make_no_map),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
