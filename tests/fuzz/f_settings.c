/* Settings documents: refused with reasons, or read, written out, read again and written out to the
 * same text. */
#include <string.h>

#include "conf/settings.h"
#include "tests/fuzz/fuzz.h"

static void round_trip(struct settings *settings)
{
    struct problems problems = {0};
    char *first = settings_dump(settings);

    FUZZ_CHECK(first);
    struct settings *again = settings_parse(first, strlen(first), "dump.json", &problems);
    FUZZ_CHECK(again && problems_count(&problems) == 0);
    char *second = settings_dump(again);
    FUZZ_CHECK(second && strcmp(first, second) == 0);
    /* Nothing changed, so there is nothing to say; the result is the same again. */
    FUZZ_CHECK(settings_keep(again, settings, &problems) == 0 && problems_count(&problems) == 0);
    char *third = settings_dump(again);
    FUZZ_CHECK(third && strcmp(first, third) == 0);
    free(first);
    free(second);
    free(third);
    settings_unref(&again);
}

int fuzz_settings(const uint8_t *data, size_t n)
{
    struct problems problems = {0};
    char *text = fuzz_text(data, n);
    struct settings *settings = settings_parse(text, n, "settings.json", &problems);

    FUZZ_CHECK((settings != NULL) == (problems_count(&problems) == 0));
    if (settings) {
        if (settings_check(settings, "settings.json", &problems) == 0)
            round_trip(settings);
        else
            FUZZ_CHECK(problems_count(&problems) > 0);
        settings_unref(&settings);
    }
    for (size_t i = 0; i < problems.nr; i++)
        FUZZ_CHECK(problems.list[i].path[0] == '$' && problems.list[i].message[0] != '\0');
    problems_fini(&problems);
    free(text);
    return 0;
}
