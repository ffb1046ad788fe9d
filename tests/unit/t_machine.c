/* Names of state machines and their aliases. */
#include "router/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct str repeat(char *room, const char *what, int times)
{
    size_t n = strlen(what);

    for (int i = 0; i < times; i++)
        memcpy(room + (size_t)i * n, what, n);
    return (struct str){room, (size_t)times * n};
}

static void names_are_those_of_step_functions(void **state)
{
    static const char *const good[] = {"order", "a.b", "a_b-c", "b\303\274cher", "x+y=z", "(a)!'@"};
    static const char *const bad[] = {"",
                                      "a b",
                                      "a\tb",
                                      "a:b",
                                      "a/b",
                                      "a,b",
                                      "a*b",
                                      "a$b",
                                      "a\x7f",
                                      "a\xc2\x85",
                                      "\xc2\xa0",
                                      "\xe3\x80\x80",
                                      "a<b",
                                      ("\xe2\x80\xa8"
                                       "b")};
    char room[512];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(machine_is_name(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(machine_is_name(str_of(bad[i])));
    for (const char *c = "<>{}[]?*\"#%\\^|~`$&,;:/"; *c; c++)
        assert_false(machine_is_name((struct str){c, 1}));
    assert_true(machine_is_name(repeat(room, "\xc3\xa9", 80)));
    assert_false(machine_is_name(repeat(room, "a", 81)));
}

static void an_alias_is_no_number(void **state)
{
    static const char *const good[] = {"PROD", "1a", "1.0", "-", "_", "v1-2"};
    static const char *const bad[] = {"", "1", "0012", "a b", "a:b", "$LATEST", "\xc3\xa9"};
    char room[512];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(machine_is_alias_name(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(machine_is_alias_name(str_of(bad[i])));
    assert_true(machine_is_alias_name(repeat(room, "a", 80)));
    assert_false(machine_is_alias_name(repeat(room, "a", 81)));
}

static void a_full_name_has_a_prefix(void **state)
{
    char full[MACHINE_BYTES_MAX + 1], room[512];

    (void)state;
    assert_true(machine_full(STR("order"), full));
    assert_string_equal(full, "stateMachine:order");
    assert_true(machine_is(str_of(full)));
    assert_true(str_eq(machine_bare(str_of(full)), STR("order")));
    assert_true(str_eq(machine_bare(STR("hello")), STR("hello")));
    assert_false(machine_is(STR("hello")));
    assert_false(machine_is(STR("stateMachine:")));
    assert_true(machine_full(repeat(room, "\xf0\x9f\x98\x80", 80), full));
    assert_false(machine_full(repeat(room, "a", 321), full));
}

static void copies_say_the_same(void **state)
{
    struct stash stash = {0};
    const struct machine express = {.is_express = true};
    const struct machine_task none = {.qualifier = "live"};
    const struct machine_task task = {.function = "f", .qualifier = "live", .execution_ms = 7};
    const struct machine *machine;
    struct machine_task *copy;

    (void)state;
    assert_int_equal(machine_copy(&stash, NULL, &machine), 0);
    assert_null(machine);
    assert_int_equal(machine_copy(&stash, &express, &machine), 0);
    assert_true(machine->is_express);
    assert_int_equal(machine_task_copy(&stash, NULL, &copy), 0);
    assert_null(copy);
    assert_int_equal(machine_task_copy(&stash, &none, &copy), 0);
    assert_null(copy);
    assert_int_equal(machine_task_copy(&stash, &task, &copy), 0);
    assert_string_equal(copy->function, "f");
    assert_string_equal(copy->qualifier, "live");
    assert_null(copy->state_machine);
    assert_int_equal(copy->execution_ms, 7);
    stash_fini(&stash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_step_functions),
        cmocka_unit_test(an_alias_is_no_number),
        cmocka_unit_test(a_full_name_has_a_prefix),
        cmocka_unit_test(copies_say_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
