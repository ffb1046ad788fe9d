/* Task tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/tasktoken.h"

#define ID "01234567-89ab-4cde-8f01-23456789abcd"

static void what_is_written_is_read(void **state)
{
    static const uint64_t keys[] = {1, 42, 9223372036854775807ull};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[TASKTOKEN_MAX + 1];
        struct str id;
        uint64_t key = 0;

        tasktoken_write(text, keys[i], ID);
        assert_true(tasktoken_read(str_of(text), &key, &id));
        assert_true(key == keys[i]);
        assert_true(tasktoken_is(id, ID));
        assert_false(tasktoken_is(id, "01234567-89ab-4cde-8f01-23456789abce"));
        assert_false(tasktoken_is(id, ""));
    }
}

static void other_texts_are_no_tokens(void **state)
{
    static const char *const texts[] = {
        "",          "weir-",          "weir-1-",    "weir--" ID,
        "weir-1" ID, "weir-1-" ID "0", "weir-x-" ID, "AQCAAAAKgAAAANRbzDLrxCCvIuA7m0Ub0Ks=",
        "Weir-1-" ID};
    struct str id;
    uint64_t key;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (tasktoken_read(str_of(texts[i]), &key, &id))
            fail_msg("read: %s", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_texts_are_no_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
