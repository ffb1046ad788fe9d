/* Rise and fall: single cases, and every history of results against a model that keeps all of it.
 */
#include "proxy/upstream/health_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Takes results written as 'g' and 'b'; returns the states after each as 'U' and 'D'. */
static const char *run(struct health_state *s, const char *results, uint16_t rise, uint16_t fall)
{
    static char states[64];
    size_t n = strlen(results);

    for (size_t i = 0; i < n; i++) {
        bool was_down = s->is_down;
        bool has_changed = health_state_take(s, results[i] == 'g', rise, fall);

        assert_int_equal(has_changed, was_down != s->is_down);
        states[i] = s->is_down ? 'D' : 'U';
    }
    states[n] = '\0';
    return states;
}

static void an_endpoint_without_a_result_is_up(void **state)
{
    struct health_state s = {0};

    (void)state;
    assert_false(s.is_down);
}

static void the_first_result_decides_at_once(void **state)
{
    struct health_state good = {0}, bad = {0};

    (void)state;
    assert_string_equal(run(&good, "g", 2, 3), "U");
    assert_string_equal(run(&bad, "b", 2, 3), "D");
}

static void fall_bad_ones_in_a_row_take_it_down(void **state)
{
    struct health_state s = {0};

    (void)state;
    assert_string_equal(run(&s, "gbbgbbb", 2, 3), "UUUUUUD");
}

static void rise_good_ones_in_a_row_bring_it_back(void **state)
{
    struct health_state s = {0};

    (void)state;
    assert_string_equal(run(&s, "bgbgg", 2, 3), "DDDDU");
}

static void one_of_each_is_enough_where_that_is_asked(void **state)
{
    struct health_state s = {0};

    (void)state;
    assert_string_equal(run(&s, "gbgbbg", 1, 1), "UDUDDU");
}

static void results_that_alternate_change_nothing(void **state)
{
    struct health_state up = {0}, down = {0};

    (void)state;
    assert_string_equal(run(&up, "gbgbgbgb", 2, 2), "UUUUUUUU");
    assert_string_equal(run(&down, "bgbgbgbg", 2, 2), "DDDDDDDD");
}

static void another_question_keeps_the_state_and_begins_to_count_anew(void **state)
{
    struct health_state s = {0};

    (void)state;
    run(&s, "gbb", 2, 3);
    health_state_renew(&s);
    assert_string_equal(run(&s, "bb", 2, 3), "UU");
    assert_string_equal(run(&s, "b", 2, 3), "D");
    run(&s, "g", 2, 3);
    health_state_renew(&s);
    assert_string_equal(run(&s, "gg", 2, 3), "DU");
}

/* The limit may shrink below what has been counted, by a reload. */
static void a_smaller_limit_holds_from_the_next_result_on(void **state)
{
    struct health_state s = {0};

    (void)state;
    run(&s, "gbbbb", 2, 9);
    assert_string_equal(run(&s, "b", 2, 2), "D");
}

/* The last results, newest in bit 0, over the whole history: the state changes when the last
 * `limit` since it changed are all against it. */
static bool model_is_down(unsigned history, int n, int rise, int fall)
{
    bool is_down = false;
    int against = 0;

    for (int i = 0; i < n; i++) {
        bool is_good = history >> i & 1;
        if (i == 0) {
            is_down = !is_good;
            continue;
        }
        against = is_good == is_down ? against + 1 : 0;
        if (against == (is_down ? rise : fall)) {
            is_down = !is_down;
            against = 0;
        }
    }
    return is_down;
}

static void every_history_of_ten_agrees_with_the_model(void **state)
{
    (void)state;
    for (int rise = 1; rise <= 4; rise++)
        for (int fall = 1; fall <= 4; fall++)
            for (unsigned history = 0; history < 1024; history++) {
                struct health_state s = {0};
                for (int n = 0; n < 10; n++) {
                    health_state_take(&s, history >> n & 1, (uint16_t)rise, (uint16_t)fall);
                    assert_int_equal(s.is_down, model_is_down(history, n + 1, rise, fall));
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_without_a_result_is_up),
        cmocka_unit_test(the_first_result_decides_at_once),
        cmocka_unit_test(fall_bad_ones_in_a_row_take_it_down),
        cmocka_unit_test(rise_good_ones_in_a_row_bring_it_back),
        cmocka_unit_test(one_of_each_is_enough_where_that_is_asked),
        cmocka_unit_test(results_that_alternate_change_nothing),
        cmocka_unit_test(another_question_keeps_the_state_and_begins_to_count_anew),
        cmocka_unit_test(a_smaller_limit_holds_from_the_next_result_on),
        cmocka_unit_test(every_history_of_ten_agrees_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
