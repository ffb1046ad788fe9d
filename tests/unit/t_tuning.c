/* Tunings: what the hot path reads of the settings, and who keeps them. */
#include "proxy/worker/tuning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "failmalloc.h"

static struct settings *settings_of(const char *text)
{
    struct problems problems = {0};
    struct settings *settings = settings_parse(text, strlen(text), "s.json", &problems);

    assert_non_null(settings);
    assert_int_equal(problems_count(&problems), 0);
    problems_fini(&problems);
    return settings;
}

static void lines_and_limits_are_those_of_the_settings(void **state)
{
    struct settings *settings = settings_of(
        "{\"executed_version_header\": \"x-version\", \"forwarded\": {\"via\": \"edge\"},"
        " \"limits\": {\"request_line_bytes\": 3000, \"header_count\": 17}}");
    struct tuning *tuning = tuning_make_take(settings);

    (void)state;
    assert_non_null(tuning);
    assert_string_equal(tuning->executed_line, "x-version: ");
    assert_int_equal(tuning->executed_line_len, strlen("x-version: "));
    assert_int_equal(tuning->executed_name_len, strlen("x-version"));
    assert_string_equal(tuning->via_line, "Via: 1.1 edge\r\n");
    assert_int_equal(tuning->via_line_len, strlen("Via: 1.1 edge\r\n"));
    assert_int_equal(tuning->request_limits.line_bytes, 3000);
    assert_int_equal(tuning->request_limits.header_count, 17);
    /* A status line's length is not the operator's. */
    assert_int_equal(tuning->response_limits.line_bytes, 8192);
    assert_int_equal(tuning->response_limits.header_count, 17);
    assert_true(str_eq(tuning->response_limits.own_field, STR("x-version")));
    assert_true(tuning->read_bytes > 0 && tuning->read_bytes <= TUNING_READ_MAX);
    tuning_unref(&tuning);
    assert_null(tuning);
}

static void the_last_user_frees_it(void **state)
{
    long before = failmalloc_live();
    struct tuning *worker = tuning_make_take(settings_of("{}"));
    struct tuning *client = tuning_ref(worker);

    (void)state;
    tuning_unref(&worker); /* it has taken newer settings */
    assert_string_equal(client->executed_line, "x-amz-executed-version: ");
    tuning_unref(&client);
    assert_int_equal(failmalloc_live(), before);
}

static void without_memory_nothing_is_left(void **state)
{
    failmalloc_skip();
    bool has_failed = true;

    (void)state;
    for (long n = 1; has_failed; n++) {
        struct settings *settings = settings_of("{}");
        long before = failmalloc_live();
        failmalloc_arm(n);
        struct tuning *tuning = tuning_make_take(settings_ref(settings));
        has_failed = failmalloc_disarm();
        assert_true(tuning || has_failed); /* asprintf survives that it cannot give room back */
        if (tuning)
            tuning_unref(&tuning);
        assert_int_equal(failmalloc_live(), before);
        settings_unref(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_limits_are_those_of_the_settings),
        cmocka_unit_test(the_last_user_frees_it),
        cmocka_unit_test(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
