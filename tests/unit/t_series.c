/* The names of series: numbers by name, references, re-use; random histories against a plain list;
 * memory per name. */
#include "metrics/series.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static uint32_t get(struct series *series, const char *function, const char *alias,
                    const char *version)
{
    return series_get(series, str_of(function), str_of(alias), str_of(version));
}

static void assert_labels(struct series *series, uint32_t number, const char *expected)
{
    struct page page = {0};

    series_put_labels(series, number, &page);
    assert_int_equal(page.n, strlen(expected));
    if (page.n > 0)
        assert_string_equal(page.p, expected);
    page_fini(&page);
}

static void the_same_names_have_the_same_number(void **state)
{
    struct series *series = series_make();
    uint32_t a, b, c;

    (void)state;
    assert_non_null(series);
    a = get(series, "hello", "live", "1");
    b = get(series, "hello", "live", "2");
    c = get(series, "hello", "", "2");
    assert_int_not_equal(a, b);
    assert_int_not_equal(b, c);
    assert_int_equal(get(series, "hello", "live", "1"), a);
    assert_int_equal(get(series, "hello", "", "2"), c);
    assert_int_equal(series_end(series), 3);
    assert_labels(series, a, "function=\"hello\",alias=\"live\",version=\"1\"");
    assert_labels(series, c, "function=\"hello\",alias=\"\",version=\"2\"");
    assert_labels(series, 3, "");
    series_free(&series);
    assert_null(series);
}

static void names_cannot_be_confused_across_their_borders(void **state)
{
    struct series *series = series_make();

    (void)state;
    assert_non_null(series);
    assert_int_not_equal(get(series, "a", "bc", "1"), get(series, "ab", "c", "1"));
    assert_int_not_equal(get(series, "a\",alias=\"b", "c", "1"),
                         get(series, "a", "b\",alias=\"c", "1"));
    series_free(&series);
}

static void label_values_are_escaped(void **state)
{
    struct series *series = series_make();

    (void)state;
    assert_non_null(series);
    assert_labels(series, get(series, "a\\b", "c\"d", "e\nf"),
                  "function=\"a\\\\b\",alias=\"c\\\"d\",version=\"e\\nf\"");
    series_free(&series);
}

static void a_number_is_used_again_after_its_last_reference(void **state)
{
    struct series *series = series_make();
    uint32_t a;

    (void)state;
    assert_non_null(series);
    a = get(series, "f", "a", "1");
    assert_int_equal(get(series, "f", "a", "1"), a);
    series_release(series, a);
    assert_int_not_equal(get(series, "g", "a", "1"), a);
    series_release(series, a);
    assert_labels(series, a, "");
    assert_int_equal(get(series, "h", "a", "1"), a);
    assert_labels(series, a, "function=\"h\",alias=\"a\",version=\"1\"");
    series_free(&series);
}

/* ---- The hour after -------------------------------------------------------------------------- */

/* What series_sweep asks: which numbers, and what it is told. */
static struct {
    uint32_t numbers[8];
    int nr;
    bool answer;
} ends;

static bool on_end(void *context, uint32_t number)
{
    assert_ptr_equal(context, &ends);
    ends.numbers[ends.nr++ % 8] = number;
    return ends.answer;
}

static void sweep(struct series *series, uint64_t now_ms, bool answer)
{
    ends.nr = 0;
    ends.answer = answer;
    series_sweep(series, now_ms, on_end, &ends);
}

static void a_counted_series_ends_an_hour_after_its_last_reference(void **state)
{
    struct series *series = series_make();
    uint32_t a, b;

    (void)state;
    assert_non_null(series);
    a = get(series, "f", "a", "1");
    b = get(series, "f", "a", "2");
    series_count(series, a);
    sweep(series, 1000, true);
    assert_int_equal(ends.nr, 0); /* it has a reference */
    series_release(series, a);
    sweep(series, 2000, true); /* the hour begins */
    sweep(series, 2000 + SERIES_KEEP_MS - 1, true);
    assert_int_equal(ends.nr, 0);
    assert_labels(series, a, "function=\"f\",alias=\"a\",version=\"1\"");
    assert_int_equal(series_next_counted(series, 0), a);
    sweep(series, 2000 + SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 1);
    assert_int_equal(ends.numbers[0], a);
    assert_labels(series, a, "");
    assert_int_equal(series_next_counted(series, 0), SERIES_NONE);
    /* The number comes again, and nothing was counted under it. */
    assert_int_equal(get(series, "g", "a", "1"), a);
    series_release(series, a);
    assert_labels(series, a, "");
    series_release(series, b);
    series_free(&series);
}

static void names_that_return_within_the_hour_find_their_number_and_begin_anew(void **state)
{
    struct series *series = series_make();
    uint32_t a;

    (void)state;
    assert_non_null(series);
    a = get(series, "f", "a", "1");
    series_count(series, a);
    series_release(series, a);
    sweep(series, 1000, true);
    assert_int_not_equal(get(series, "g", "a", "1"), a);
    assert_int_equal(get(series, "f", "a", "1"), a);
    sweep(series, 1000 + SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 0);
    series_release(series, a);
    sweep(series, 5000 + SERIES_KEEP_MS, true); /* its second hour begins */
    assert_int_equal(get(series, "f", "a", "1"), a);
    series_release(series, a);
    sweep(series, 6000 + SERIES_KEEP_MS, true); /* its third */
    sweep(series, 5000 + 2ull * SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 0);
    sweep(series, 6000 + 2ull * SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 1);
    series_free(&series);
}

static void a_series_that_may_not_end_yet_stays_for_another_hour(void **state)
{
    struct series *series = series_make();
    uint32_t a;

    (void)state;
    assert_non_null(series);
    a = get(series, "f", "a", "1");
    series_count(series, a);
    series_release(series, a);
    sweep(series, 1, true);
    sweep(series, 1 + SERIES_KEEP_MS, false);
    assert_int_equal(ends.nr, 1);
    sweep(series, 2 + SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 0);
    assert_labels(series, a, "function=\"f\",alias=\"a\",version=\"1\"");
    sweep(series, 2 + 2ull * SERIES_KEEP_MS, true);
    assert_int_equal(ends.nr, 1);
    assert_labels(series, a, "");
    series_free(&series);
}

/* B19 of a review: every version ever deployed stayed for ever. */
static void ten_thousand_deployments_leave_nothing_behind(void **state)
{
    struct series *series = series_make();
    char version[16];

    (void)state;
    assert_non_null(series);
    for (unsigned i = 1; i <= 10000; i++) {
        uint32_t number;

        snprintf(version, sizeof(version), "%u", i);
        number = get(series, "a-function-with-a-long-name", "live", version);
        series_count(series, number);
        series_release(series, number);
        sweep(series, i * 60000ull, true); /* one a minute */
        assert_true(series_end(series) <= 62);
    }
    series_free(&series);
}

/* ---- Against a plain list -------------------------------------------------------------------- */

enum { NAMES = 600 };

struct model {
    uint32_t number[NAMES]; /* SERIES_NONE: forgotten */
    uint32_t refs[NAMES];
    bool is_counted[NAMES];
};

static void model_get(struct series *series, struct model *m, uint32_t i)
{
    char name[16];
    uint32_t number;

    snprintf(name, sizeof(name), "f%u", (unsigned)i);
    number = get(series, name, "live", "7");
    assert_int_not_equal(number, SERIES_NONE);
    if (m->number[i] != SERIES_NONE)
        assert_int_equal(number, m->number[i]);
    for (uint32_t k = 0; k < NAMES; k++)
        assert_true(k == i || m->number[k] != number);
    m->number[i] = number;
    m->refs[i]++;
}

static void check_all_labels(struct series *series, const struct model *m)
{
    char expected[64];

    for (unsigned i = 0; i < NAMES; i++) {
        if (m->number[i] == SERIES_NONE)
            continue;
        snprintf(expected, sizeof(expected), "function=\"f%u\",alias=\"live\",version=\"7\"", i);
        assert_labels(series, m->number[i], expected);
    }
}

/* Two hours later nothing is left that has no reference. */
static void end_all(struct series *series, struct model *m, uint64_t hours)
{
    sweep(series, hours * SERIES_KEEP_MS, true);
    sweep(series, (hours + 1) * SERIES_KEEP_MS, true);
    for (unsigned i = 0; i < NAMES; i++) {
        if (m->refs[i] > 0)
            continue;
        m->number[i] = SERIES_NONE;
        m->is_counted[i] = false;
    }
}

static void random_histories_agree_with_a_list(void **state)
{
    static struct model m;
    struct series *series = series_make();
    struct prng random;

    (void)state;
    assert_non_null(series);
    prng_seed(&random, 11);
    memset(m.number, 0xff, sizeof(m.number));
    for (int step = 0; step < 100000; step++) {
        /* The number of names in use swells and shrinks. */
        uint32_t i = prng_below(&random, step / 10000 % 2 ? NAMES : NAMES / 10);
        bool is_counted = prng_below(&random, 10) == 0;

        if (prng_below(&random, 2) == 0) {
            model_get(series, &m, i);
        } else if (m.refs[i] > 0) {
            if (is_counted)
                series_count(series, m.number[i]);
            m.is_counted[i] |= is_counted;
            series_release(series, m.number[i]);
            if (--m.refs[i] == 0 && !m.is_counted[i])
                m.number[i] = SERIES_NONE;
        }
        if (step % 1000 == 0)
            check_all_labels(series, &m);
        if (step % 5000 == 0)
            end_all(series, &m, (uint64_t)step + 1);
    }
    check_all_labels(series, &m);
    assert_true(series_end(series) <= NAMES);
    series_free(&series);
}

/* What the allocator has given out; 0 where a sanitizer's stands in for it. */
static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void a_hundred_thousand_names_cost_less_than_a_hundred_bytes_each(void **state)
{
    enum { NR = 100000 };
    size_t before = allocated(), after;
    struct series *series = series_make();
    char name[32];

    (void)state;
    assert_non_null(series);
    for (unsigned i = 0; i < NR; i++) {
        snprintf(name, sizeof(name), "function-%u", i);
        assert_int_equal(get(series, name, "live", "1"), i);
    }
    after = allocated();
    series_free(&series);
    if (after == 0)
        skip();
    print_message("%zu bytes per series with its names\n", (after - before) / NR);
    assert_true(after - before < (size_t)100 * NR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_names_have_the_same_number),
        cmocka_unit_test(names_cannot_be_confused_across_their_borders),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(a_number_is_used_again_after_its_last_reference),
        cmocka_unit_test(a_counted_series_ends_an_hour_after_its_last_reference),
        cmocka_unit_test(names_that_return_within_the_hour_find_their_number_and_begin_anew),
        cmocka_unit_test(a_series_that_may_not_end_yet_stays_for_another_hour),
        cmocka_unit_test(ten_thousand_deployments_leave_nothing_behind),
        cmocka_unit_test(random_histories_agree_with_a_list),
        cmocka_unit_test(a_hundred_thousand_names_cost_less_than_a_hundred_bytes_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
