/* Files of keys. */
#include "conf/pinkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pinkeys *parse(const char *text, struct problems *problems)
{
    *problems = (struct problems){0};
    return pinkeys_parse(text, strlen(text), "pins", problems);
}

static void a_line_is_a_key(void **state)
{
    struct problems problems;
    struct pinkeys *keys =
        parse("\n  first-0123456789\t\r\n\n#second#0123456789\nthird", &problems);

    (void)state;
    assert_int_equal(problems_count(&problems), 0);
    assert_int_equal(keys->nr, 3);
    assert_true(str_eq(keys->list[0], STR("first-0123456789")));
    assert_true(str_eq(keys->list[1], STR("#second#0123456789")));
    assert_true(str_eq(keys->list[2], STR("third")));
    struct pinkeys *same = parse("first-0123456789\n#second#0123456789\nthird\n", &problems);
    struct pinkeys *turned = parse("#second#0123456789\nfirst-0123456789\nthird\n", &problems);
    struct pinkeys *fewer = parse("first-0123456789\n#second#0123456789\n", &problems);
    assert_true(pinkeys_equal(keys, same));
    assert_false(pinkeys_equal(keys, turned));
    assert_false(pinkeys_equal(keys, fewer));
    assert_false(pinkeys_equal(keys, NULL));
    assert_true(pinkeys_equal(NULL, NULL));
    pinkeys_free(&keys);
    assert_null(keys);
    pinkeys_free(&keys);
    pinkeys_free(&same);
    pinkeys_free(&turned);
    pinkeys_free(&fewer);
    problems_fini(&problems);
}

static void refuse(const char *text, const char *path)
{
    struct problems problems;

    assert_null(parse(text, &problems));
    assert_int_equal(problems_count(&problems), 1);
    assert_string_equal(problems.list[0].code, "bad_pin_key");
    assert_string_equal(problems.list[0].path, path);
    assert_null(strstr(problems.list[0].message, "hush"));
    problems_fini(&problems);
}

static void what_is_no_key_is_told_by_its_line_and_never_shown(void **state)
{
    char *text = malloc(PINKEYS_LENGTH_MAX + 3);

    (void)state;
    refuse("", "line 1");
    refuse(" \n\n", "line 1");
    refuse("first-0123456789\nhush hush\n", "line 2");
    refuse("\nh\x01ush\n", "line 2");
    refuse("h\xc3\xbcsh\n", "line 1");
    memset(text, 'k', PINKEYS_LENGTH_MAX + 1);
    text[PINKEYS_LENGTH_MAX + 1] = 0;
    refuse(text, "line 1");
    free(text);
    refuse("k\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\nk\n", "line 17");
}

static void a_made_key_is_like_no_other(void **state)
{
    struct pinkeys *a = pinkeys_make(), *b = pinkeys_make();

    (void)state;
    assert_int_equal(a->nr, 1);
    assert_int_equal(a->list[0].n, 32);
    assert_false(pinkeys_equal(a, b));
    pinkeys_free(&a);
    pinkeys_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_key),
        cmocka_unit_test(what_is_no_key_is_told_by_its_line_and_never_shown),
        cmocka_unit_test(a_made_key_is_like_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
