/* The rows of a fleet as values of etcd. */
#include "store/pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pieces pieces;
static struct store_reason reason;
static char seen[4000];

static int forget(void **state)
{
    (void)state;
    pieces_fini(&pieces);
    memset(seen, 0, sizeof(seen));
    return 0;
}

static struct store_row row(const char *function, const char *name, const char *document)
{
    return (struct store_row){.kind = "alias",
                              .function = function,
                              .name = name,
                              .revision = "r1",
                              .document = document};
}

static void edit(enum store_edit_kind kind, struct store_row what)
{
    const struct store_edit one = {.kind = kind, .row = what};
    bool are_touched[PIECES_NR];

    assert_int_equal(pieces_edit(&pieces, are_touched, &pieces, &one, 1, &reason), 0);
    for (int i = 0; i < PIECES_NR; i++)
        assert_int_equal(are_touched[i], i == pieces_of(&what));
}

static void see(void *context, const struct store_edit *e)
{
    size_t n = strlen(seen);

    (void)context;
    snprintf(seen + n, sizeof(seen) - n, "%s %s:%s %s|", e->kind == STORE_PUT ? "put" : "delete",
             e->row.function, e->row.name, e->row.document ? e->row.document : "");
}

static void see_row(void *context, const struct store_row *r)
{
    size_t n = strlen(seen);

    (void)context;
    snprintf(seen + n, sizeof(seen) - n, "%s %s:%s %s %s|", r->kind, r->function, r->name,
             r->revision, r->document);
}

static void a_row_has_the_same_piece_in_each_release(void **state)
{
    struct store_row a = row("hello", "live", ""), b = row("hello", "liv", "e");

    (void)state;
    assert_int_equal(pieces_of(&a), 0);
    assert_int_not_equal(pieces_of(&a), pieces_of(&b));
}

static void rows_are_put_and_deleted(void **state)
{
    struct store_row live = row("hello", "live", "{\"a\":\"\xc3\xa4\"}");
    int piece = pieces_of(&live);

    (void)state;
    edit(STORE_PUT, live);
    assert_string_equal(pieces.texts[piece],
                        "{\"alias\":{\"hello\":{\"live\":{\"r\":\"r1\",\"d\":\"{\\\"a\\\":\\\"\xc3"
                        "\xa4\\\"}\"}}}}");
    assert_int_equal(pieces_each(pieces.texts[piece], see_row, NULL, &reason), 0);
    assert_string_equal(seen, "alias hello:live r1 {\"a\":\"\xc3\xa4\"}|");
    edit(STORE_DELETE, live);
    assert_null(pieces.texts[piece]);
    edit(STORE_DELETE, live);
    assert_null(pieces.texts[piece]);
}

static void many_rows_are_one_edit(void **state)
{
    enum { NR = 2000 };
    struct store_edit *edits = calloc(NR, sizeof(edits[0]));
    char(*names)[16] = calloc(NR, sizeof(names[0]));
    bool are_touched[PIECES_NR];
    int nr = 0;

    (void)state;
    for (int i = 0; i < NR; i++) {
        snprintf(names[i], sizeof(names[i]), "a%d", i);
        edits[i] = (struct store_edit){.kind = STORE_PUT, .row = row("f", names[i], "{}")};
    }
    assert_int_equal(pieces_edit(&pieces, are_touched, &pieces, edits, NR, &reason), 0);
    for (int i = 0; i < PIECES_NR; i++) {
        size_t length = pieces.texts[i] ? strlen(pieces.texts[i]) : 0;
        assert_true(length > 0 && length < 2000); /* about eight rows each */
        for (const char *p = pieces.texts[i]; (p = strstr(p, "\"r1\"")); p++)
            nr++;
    }
    assert_int_equal(nr, NR);
    free(edits);
    free(names);
}

static void what_has_changed_is_told_and_nothing_else(void **state)
{
    static const char before[] = "{\"alias\":{\"f\":{\"a\":{\"r\":\"1\",\"d\":\"x\"},\"b\":{\"r\":"
                                 "\"2\",\"d\":\"y\"},\"c\":{\"r\":\"3\",\"d\":\"z\"}}}}";
    static const char after[] = "{\"alias\":{\"f\":{\"a\":{\"r\":\"1\",\"d\":\"x\"},\"b\":{\"r\":"
                                "\"4\",\"d\":\"y\"}},\"g\":{\"d\":{\"r\":\"5\",\"d\":\"w\"}}}}";

    (void)state;
    assert_int_equal(pieces_compare(before, after, see, NULL, &reason), 0);
    assert_string_equal(seen, "delete f:c z|put f:b y|put g:d w|");
    seen[0] = '\0';
    assert_int_equal(pieces_compare(NULL, after, see, NULL, &reason), 0);
    assert_string_equal(seen, "put f:a x|put f:b y|put g:d w|");
    seen[0] = '\0';
    assert_int_equal(pieces_compare(after, NULL, see, NULL, &reason), 0);
    assert_string_equal(seen, "delete f:a x|delete f:b y|delete g:d w|");
    seen[0] = '\0';
    assert_int_equal(pieces_compare(after, after, see, NULL, &reason), 0);
    assert_string_equal(seen, "");
}

static void the_switching_key_reads_back(void **state)
{
    struct pieces again = {.change = ""};
    struct buffer b = {0};

    (void)state;
    memcpy(pieces.change, "0123456789abcdef", PIECES_ID);
    memcpy(pieces.by, "host \"1\"", 8);
    memcpy(pieces.ids[0], "00000000000000aa", PIECES_ID);
    memcpy(pieces.ids[255], "00000000000000bb", PIECES_ID);
    pieces_write(&b, &pieces);
    buffer_char(&b, '\0');
    assert_string_equal(b.p,
                        "{\"change\":\"0123456789abcdef\",\"by\":\"host \\\"1\\\"\",\"pieces\":{"
                        "\"00\":\"00000000000000aa\",\"ff\":\"00000000000000bb\"}}");
    memcpy(again.ids[7], "00000000000000cc", PIECES_ID); /* goes */
    assert_int_equal(pieces_read(&again, b.p, &reason), 0);
    assert_memory_equal(again.ids, pieces.ids, sizeof(again.ids));
    assert_string_equal(again.change, pieces.change);
    assert_string_equal(again.by, pieces.by);
    buffer_fini(&b);
    pieces_key(&b, "/weir/", 255, pieces.ids[255]);
    buffer_char(&b, '\0');
    assert_string_equal(b.p, "/weir/p/ff/00000000000000bb");
    buffer_fini(&b);
}

static void garbage_is_refused(void **state)
{
    static const char *const switches[] = {
        "",
        "hello",
        "[]",
        "{}",
        "{\"change\":\"0123456789abcdef\",\"by\":\"x\"}",
        "{\"change\":\"012345678\",\"by\":\"x\",\"pieces\":{}}",
        "{\"change\":\"0123456789abcdef\",\"by\":\"x\",\"pieces\":{\"100\":\"0123456789abcdef\"}}",
        "{\"change\":\"0123456789abcdef\",\"by\":\"x\",\"pieces\":{\"10\":\"../../../../../..\"}}",
        "{\"change\":\"0123456789abcdef\",\"by\":\"x\",\"pieces\":{\"10\":7}}",
    };
    static const char *const texts[] = {"hello",
                                        "[]",
                                        "{\"alias\":7}",
                                        "{\"alias\":{\"f\":[]}}",
                                        "{\"alias\":{\"f\":{\"a\":{\"r\":\"\",\"d\":\"x\"}}}}",
                                        "{\"alias\":{\"f\":{\"a\":{\"r\":\"1\"}}}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
        assert_int_equal(pieces_read(&pieces, switches[i], &reason), -1);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(pieces_each(texts[i], see_row, NULL, &reason), -1);
        assert_int_equal(pieces_compare(NULL, texts[i], see, NULL, &reason), -1);
    }
    assert_string_equal(seen, "");
}

#define test(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_row_has_the_same_piece_in_each_release),
        test(rows_are_put_and_deleted),
        test(many_rows_are_one_edit),
        test(what_has_changed_is_told_and_nothing_else),
        test(the_switching_key_reads_back),
        test(garbage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
