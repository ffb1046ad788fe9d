/* Which addresses to listen on get in each other's way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/bindspec.h"

static struct bindspec parse(const char *text)
{
    struct bindspec spec;

    assert_null(bindspec_parse(str_of(text), &spec));
    return spec;
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        enum bindspec_kind kind;
    } cases[] = {
        {":80", BINDSPEC_ANY},           {"0.0.0.0:80", BINDSPEC_ANY4},
        {"[::]:80", BINDSPEC_ANY6},      {"[0:0::0]:80", BINDSPEC_ANY6},
        {"10.0.0.1:80", BINDSPEC_ONE4},  {"[::1]:80", BINDSPEC_ONE6},
        {"localhost:80", BINDSPEC_NAME}, {"[::ffff:10.0.0.1]:80", BINDSPEC_ONE4},
        {"weir.:80", BINDSPEC_NAME},     {"[::ffff:0.0.0.0]:80", BINDSPEC_ANY4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (parse(cases[i].text).kind != cases[i].kind || parse(cases[i].text).port != 80)
            fail_msg("%s", cases[i].text);
}

static void what_is_no_address_is_refused(void **state)
{
    struct bindspec spec;

    (void)state;
    assert_non_null(bindspec_parse(str_of("::1:80"), &spec));
    assert_non_null(bindspec_parse(str_of(""), &spec));
}

/* The rows' and columns' addresses in turn; a letter a pair: x overlaps, v the row yields IPv4. */
static void overlaps_and_yields_are_as_in_the_table(void **state)
{
    enum { NR = 8 };
    static const char *const texts[NR] = {":80",         "0.0.0.0:80", "[::]:80", "10.0.0.1:80",
                                          "10.0.0.2:80", "[::1]:80",   "a:80",    "A.:80"};
    static const char *const table[NR] = {
        "xxxxxxxx", /* : */
        "xx.xx...", /* 0.0.0.0 */
        "xvxvvx..", /* [::] */
        "xx.x....", /* 10.0.0.1 */
        "xx..x...", /* 10.0.0.2 */
        "x.x..x..", /* [::1] */
        "x.....xx", /* a */
        "x.....xx", /* A. */
    };

    (void)state;
    for (int i = 0; i < NR; i++)
        for (int k = 0; k < NR; k++) {
            struct bindspec a = parse(texts[i]), b = parse(texts[k]);
            if (bindspec_overlaps(&a, &b) != (table[i][k] == 'x') ||
                bindspec_yields(&a, &b) != (table[i][k] == 'v'))
                fail_msg("%s and %s", texts[i], texts[k]);
        }
}

static void other_ports_and_port_0_are_no_overlap(void **state)
{
    struct bindspec a = parse(":80"), b = parse(":81"), c = parse(":0"), d = parse("[::]:0"),
                    e = parse("0.0.0.0:0");

    (void)state;
    assert_false(bindspec_overlaps(&a, &b));
    assert_false(bindspec_overlaps(&c, &c));
    assert_false(bindspec_overlaps(&d, &e));
    assert_false(bindspec_yields(&d, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(overlaps_and_yields_are_as_in_the_table),
        cmocka_unit_test(other_ports_and_port_0_are_no_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
