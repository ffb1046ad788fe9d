/* The growing text: numbers with and without fractions, escaped labels, growth. */
#include "metrics/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void numbers_and_labels_are_written_as_the_format_wants(void **state)
{
    struct page page = {0};

    (void)state;
    page_put(&page, STR("name{"));
    page_put_label(&page, STR("a"), STR("x\\y\"z\n"));
    page_put(&page, STR(""));
    page_put_char(&page, '}');
    page_put_char(&page, ' ');
    page_put_u64(&page, UINT64_MAX);
    assert_string_equal(page.p, "name{a=\"x\\\\y\\\"z\\n\"} 18446744073709551615");
    assert_int_equal(page.n, strlen(page.p));
    page_fini(&page);
    assert_null(page.p);
}

static void assert_scaled(uint64_t n, int places, const char *expected)
{
    struct page page = {0};

    page_put_scaled(&page, n, places);
    assert_string_equal(page.p, expected);
    page_fini(&page);
}

static void scaled_numbers_have_no_trailing_zeros(void **state)
{
    (void)state;
    assert_scaled(1500000, 6, "1.5");
    assert_scaled(250, 6, "0.00025");
    assert_scaled(0, 6, "0");
    assert_scaled(60000000, 6, "60");
    assert_scaled(7, 0, "7");
    assert_scaled(950000000, 9, "0.95");
    assert_scaled(1, 9, "0.000000001");
    assert_scaled(UINT64_MAX, 3, "18446744073709551.615");
}

static void a_page_grows_and_keeps_what_it_holds(void **state)
{
    enum { PARTS = 20000 };
    struct page page = {0};
    char part[64];
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        size_t length = (size_t)snprintf(part, sizeof(part), "%u,", i);

        page_put(&page, (struct str){part, length});
    }
    assert_false(page.is_short);
    for (unsigned i = 0; i < PARTS; i++) {
        size_t length = (size_t)snprintf(part, sizeof(part), "%u,", i);

        assert_memory_equal(page.p + n, part, length);
        n += length;
    }
    assert_int_equal(page.n, n);
    page_fini(&page);
}

static void a_page_that_came_short_takes_no_more(void **state)
{
    struct page page = {0};

    (void)state;
    page_put(&page, STR("begun"));
    page.is_short = true;
    assert_false(page_reserve(&page, 1));
    page_put(&page, STR(" and not ended"));
    page_put_u64(&page, 1);
    page_put_scaled(&page, 1, 3);
    page_put_label(&page, STR("a"), STR("b"));
    assert_string_equal(page.p, "begun");
    page_fini(&page);
    assert_false(page.is_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_labels_are_written_as_the_format_wants),
        cmocka_unit_test(scaled_numbers_have_no_trailing_zeros),
        cmocka_unit_test(a_page_grows_and_keeps_what_it_holds),
        cmocka_unit_test(a_page_that_came_short_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
