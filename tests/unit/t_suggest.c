/* Which misspelt words are understood, and which are not guessed at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/suggest.h"

static const char *const known[] = {
    "listeners", "admin",      "workers",  "table",     "limits",         "timeouts",
    "log",       "connect_ms", "upstream", "endpoints", "on_unavailable", "ca_file",
};

struct pair {
    const char *word, *nearest;
};

static void slips_are_understood(void **state)
{
    static const struct pair pairs[] = {
        {"listener", "listeners"},    /* a letter missing */
        {"listenerss", "listeners"},  /* one too many */
        {"tabel", "table"},           /* two swapped */
        {"worckers", "workers"},      /* one added */
        {"timeout", "timeouts"},      /* singular */
        {"time_outs", "timeouts"},    /* a separator */
        {"connectMs", "connect_ms"},  /* camel case */
        {"connect-ms", "connect_ms"}, /* another separator */
        {"LOG", "log"},               /* case */
        {"OnUnavailable", "on_unavailable"},
        {"cafile", "ca_file"},
        {"endpoint", "endpoints"},
        {"up_stream", "upstream"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *found = suggest_nearest(pairs[i].word, known, sizeof(known) / sizeof(*known));
        if (!found)
            fail_msg("nothing found for %s", pairs[i].word);
        assert_string_equal(found, pairs[i].nearest);
    }
}

static void other_words_are_not_guessed_at(void **state)
{
    static const char *const words[] = {"", "x", "frobnicate", "lug9", "zz", "日本語", "weights"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *found = suggest_nearest(words[i], known, sizeof(known) / sizeof(*known));
        if (found)
            fail_msg("%s found for %s", found, words[i]);
    }
}

static void the_nearest_of_several_wins(void **state)
{
    static const char *const near[] = {"rise_ms", "rise", "raise"};

    (void)state;
    assert_string_equal(suggest_nearest("rises", near, 3), "rise");
    assert_string_equal(suggest_nearest("raize", near, 3), "raise");
    assert_null(suggest_nearest("rise", near, 0));
}

static void words_without_bound_are_safe(void **state)
{
    char word[5000];
    const char *const one[] = {word};

    (void)state;
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(suggest_nearest(word, known, sizeof(known) / sizeof(*known)));
    assert_null(suggest_nearest("aaaaaaaaaa", one, 1));
    word[48] = '\0'; /* the longest that is compared */
    assert_string_equal(suggest_nearest(word, one, 1), word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_understood),
        cmocka_unit_test(other_words_are_not_guessed_at),
        cmocka_unit_test(the_nearest_of_several_wins),
        cmocka_unit_test(words_without_bound_are_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
