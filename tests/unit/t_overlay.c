/* Rows by thing, and copies of an overlay. */
#include "conf/overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int put(struct overlay *overlay, enum overlay_kind kind, const char *function,
               const char *name, const char *document)
{
    return overlay_put_take(overlay,
                            overlay_row_make(kind, str_of(function), str_of(name), document));
}

static const char *document_of(const struct overlay *overlay, enum overlay_kind kind,
                               const char *function, const char *name)
{
    const struct overlay_row *row = overlay_find(overlay, kind, str_of(function), str_of(name));

    return row ? row->document : "";
}

static void a_row_is_found_by_kind_function_and_name(void **state)
{
    struct overlay *overlay = overlay_make();

    (void)state;
    assert_int_equal(put(overlay, OVERLAY_VERSION, "f", "1", "v"), 0);
    assert_int_equal(put(overlay, OVERLAY_ALIAS, "f", "1", "a"), 0);
    assert_int_equal(put(overlay, OVERLAY_ALIAS, "g", "1", "g"), 0);
    assert_string_equal(document_of(overlay, OVERLAY_VERSION, "f", "1"), "v");
    assert_string_equal(document_of(overlay, OVERLAY_ALIAS, "f", "1"), "a");
    assert_string_equal(document_of(overlay, OVERLAY_ALIAS, "g", "1"), "g");
    assert_string_equal(document_of(overlay, OVERLAY_URL, "f", "1"), "");
    assert_int_equal(overlay_group(overlay, STR("f"))->nr, 2);
    assert_null(overlay_find(NULL, OVERLAY_ALIAS, STR("f"), STR("1")));
    overlay_free(&overlay);
}

static void a_row_takes_the_place_of_the_one_before(void **state)
{
    struct overlay *overlay = overlay_make();

    (void)state;
    assert_int_equal(put(overlay, OVERLAY_ALIAS, "f", "a", "1"), 0);
    assert_int_equal(put(overlay, OVERLAY_ALIAS, "f", "a", "2"), 0);
    assert_string_equal(document_of(overlay, OVERLAY_ALIAS, "f", "a"), "2");
    assert_int_equal(overlay_group(overlay, STR("f"))->nr, 1);
    overlay_remove(overlay, OVERLAY_ALIAS, "f", "a");
    overlay_remove(overlay, OVERLAY_ALIAS, "f", "b");
    assert_null(overlay_group(overlay, STR("f")));
    overlay_free(&overlay);
}

static void a_copy_does_not_change_with_the_original(void **state)
{
    struct overlay *overlay = overlay_make(), *copy;
    char name[16];

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(put(overlay, OVERLAY_FUNCTION, name, "", name), 0);
    }
    copy = overlay_copy(overlay);
    assert_non_null(copy);
    for (int i = 0; i < 500; i += 2) {
        snprintf(name, sizeof(name), "f%d", i);
        overlay_remove(overlay, OVERLAY_FUNCTION, name, "");
    }
    assert_int_equal(put(overlay, OVERLAY_FUNCTION, "f1", "", "other"), 0);
    overlay_free(&overlay);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        assert_string_equal(document_of(copy, OVERLAY_FUNCTION, name, ""), name);
    }
    overlay_free(&copy);
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (int kind = OVERLAY_FUNCTION; kind <= OVERLAY_MAP; kind++)
        assert_int_equal(overlay_kind_of(overlay_kind_name((enum overlay_kind)kind)), kind);
    assert_int_equal(overlay_kind_of("event"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_found_by_kind_function_and_name),
        cmocka_unit_test(a_row_takes_the_place_of_the_one_before),
        cmocka_unit_test(a_copy_does_not_change_with_the_original),
        cmocka_unit_test(kinds_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
