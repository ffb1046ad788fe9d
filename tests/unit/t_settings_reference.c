/* docs/settings.md says what the rows say, about every row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/settings.h"
#include "conf/settings_rows.h"

/* docs/settings.md. UPDATE_DOCS=1 in the environment writes it anew. */
static void the_reference_in_docs_is_up_to_date(void **state)
{
    const char *path = DOCS "/settings.md";
    char *text = NULL;
    static char file_text[1 << 20];
    size_t length = 0, n;
    FILE *memory = open_memstream(&text, &length);
    FILE *file;

    (void)state;
    assert_non_null(memory);
    settings_reference(memory);
    fclose(memory);
    if (getenv("UPDATE_DOCS")) {
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, length, file), length);
        fclose(file);
    }
    file = fopen(path, "r");
    if (!file)
        fail_msg("%s: cannot be opened", path);
    n = fread(file_text, 1, sizeof(file_text) - 1, file);
    fclose(file);
    file_text[n] = '\0';
    if (strcmp(file_text, text) != 0)
        fail_msg("%s is not what the rows say: run this test with UPDATE_DOCS=1", path);
    free(text);
}

static void every_row_is_in_the_reference_with_a_meaning(void **state)
{
    char *text = NULL, part[128];
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);

    (void)state;
    settings_reference(memory);
    fclose(memory);
    for (int i = 0; i < settings_rows_nr_main + settings_rows_nr_listener; i++) {
        const struct row *row = i < settings_rows_nr_main
                                    ? &settings_rows_main[i]
                                    : &settings_rows_listener[i - settings_rows_nr_main];
        snprintf(part, sizeof(part), "\n| `%s` | ", row->path);
        if (!strstr(text, part))
            fail_msg("%s is not in the reference", row->path);
        assert_true(strlen(row->help) > 20);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_in_docs_is_up_to_date),
        cmocka_unit_test(every_row_is_in_the_reference_with_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
