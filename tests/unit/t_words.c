/* Words: one number for a text, counted; short and long ones; random histories against a list. */
#include "metrics/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static void a_text_has_one_number_until_its_last_reference_ends(void **state)
{
    static const char *const texts[] = {"", "1", "sixteen letters!", "seventeen letters"};
    struct words words = {0};

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(words_find(&words, str_of(texts[i])), WORDS_NONE);
        assert_int_equal(words_get(&words, str_of(texts[i])), i);
        assert_int_equal(words_get(&words, str_of(texts[i])), i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(words_find(&words, str_of(texts[i])), i);
        assert_true(str_eq(words_text(&words, i), str_of(texts[i])));
        words_release(&words, i);
        assert_int_equal(words_find(&words, str_of(texts[i])), i);
    }
    words_release(&words, 3);
    words_release(&words, 1);
    assert_int_equal(words_find(&words, str_of(texts[3])), WORDS_NONE);
    assert_int_equal(words_get(&words, STR("other")), 1);
    assert_int_equal(words_get(&words, STR("and another one of many letters")), 3);
    assert_int_equal(words_get(&words, STR("new")), 4);
    words_fini(&words);
    assert_int_equal(words_find(&words, STR("new")), WORDS_NONE);
}

static void random_histories_agree_with_a_list(void **state)
{
    enum { NR = 300 };
    struct words words = {0};
    uint32_t refs[NR] = {0}, numbers[NR] = {0};
    struct prng random;

    (void)state;
    prng_seed(&random, 5);
    for (int step = 0; step < 50000; step++) {
        uint32_t i = prng_below(&random, NR), number;
        char text[40];

        snprintf(text, sizeof(text), i % 2 ? "a word that is long, %u" : "w%u", (unsigned)i);
        number = words_find(&words, str_of(text));
        assert_int_equal(number, refs[i] > 0 ? numbers[i] : WORDS_NONE);
        if (prng_below(&random, 2) == 0) {
            numbers[i] = words_get(&words, str_of(text));
            refs[i]++;
        } else if (refs[i] > 0) {
            words_release(&words, numbers[i]);
            refs[i]--;
        }
        assert_true(words.nr <= NR);
    }
    words_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_has_one_number_until_its_last_reference_ends),
        cmocka_unit_test(random_histories_agree_with_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
