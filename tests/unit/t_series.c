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
    struct str labels = series_labels(series, number);

    assert_int_equal(labels.n, strlen(expected));
    if (labels.n > 0)
        assert_memory_equal(labels.p, expected, labels.n);
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
    series_release(series, a, false);
    assert_int_not_equal(get(series, "g", "a", "1"), a);
    series_release(series, a, false);
    assert_labels(series, a, "");
    assert_int_equal(get(series, "h", "a", "1"), a);
    assert_labels(series, a, "function=\"h\",alias=\"a\",version=\"1\"");
    series_free(&series);
}

static void a_kept_number_waits_for_its_names(void **state)
{
    struct series *series = series_make();
    uint32_t a;

    (void)state;
    assert_non_null(series);
    a = get(series, "f", "a", "1");
    series_release(series, a, true);
    assert_int_not_equal(get(series, "g", "a", "1"), a);
    assert_int_equal(get(series, "f", "a", "1"), a);
    series_release(series, a, false);
    assert_int_equal(get(series, "h", "a", "1"), a);
    series_free(&series);
}

/* ---- Against a plain list -------------------------------------------------------------------- */

enum { NAMES = 600 };

struct model {
    uint32_t number[NAMES]; /* SERIES_NONE: forgotten */
    uint32_t refs[NAMES];
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
        bool keep = prng_below(&random, 10) == 0;

        if (prng_below(&random, 2) == 0) {
            model_get(series, &m, i);
        } else if (m.refs[i] > 0) {
            series_release(series, m.number[i], keep);
            if (--m.refs[i] == 0 && !keep)
                m.number[i] = SERIES_NONE;
        }
        if (step % 1000 == 0)
            check_all_labels(series, &m);
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
    size_t before = allocated(), names = 0, after;
    struct series *series = series_make();
    char name[32];

    (void)state;
    assert_non_null(series);
    for (unsigned i = 0; i < NR; i++) {
        names += (size_t)snprintf(name, sizeof(name), "function-%u", i) + strlen("live") + 1;
        assert_int_equal(get(series, name, "live", "1"), i);
    }
    after = allocated();
    series_free(&series);
    if (after == 0)
        skip();
    print_message("%zu bytes per series beside its names\n", (after - before - names) / NR);
    assert_true(after - before - names < (size_t)100 * NR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_names_have_the_same_number),
        cmocka_unit_test(names_cannot_be_confused_across_their_borders),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(a_number_is_used_again_after_its_last_reference),
        cmocka_unit_test(a_kept_number_waits_for_its_names),
        cmocka_unit_test(random_histories_agree_with_a_list),
        cmocka_unit_test(a_hundred_thousand_names_cost_less_than_a_hundred_bytes_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
