/* Growing text. */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct buffer *b, struct str text)
{
    assert_false(b->is_out);
    assert_int_equal(b->n, text.n);
    assert_memory_equal(b->p, text.p, text.n);
    buffer_fini(b);
    assert_null(b->p);
}

static void pieces_come_one_behind_the_other(void **state)
{
    struct buffer b = {0};

    (void)state;
    buffer_lit(&b, "a");
    buffer_add(&b, STR(""));
    buffer_char(&b, '-');
    buffer_number(&b, UINT64_MAX);
    buffer_base64(&b, STR("foob"));
    expect(&b, STR("a-18446744073709551615Zm9vYg=="));
}

static void json_is_escaped(void **state)
{
    struct buffer b = {0};

    (void)state;
    buffer_json(&b, STR("a\"\\\n\x01\xc3\xa4\xff"));
    expect(&b, STR("\"a\\\"\\\\\\u000a\\u0001\xc3\xa4\xef\xbf\xbd\""));
}

/* The characters have three bytes and a block has no multiple of it: none may be cut in two. */
static void a_long_text_keeps_its_characters(void **state)
{
    struct buffer b = {0};
    size_t n = 3 * 10001;
    char *text = malloc(n);

    (void)state;
    for (size_t i = 0; i < n; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    buffer_json_part(&b, (struct str){text, n});
    expect(&b, (struct str){text, n});
    memset(text, 0x80, n); /* no characters at all: each byte is replaced */
    buffer_json_part(&b, (struct str){text, n});
    assert_int_equal(b.n, 3 * n);
    buffer_fini(&b);
    free(text);
}

static void what_cannot_be_had_is_remembered(void **state)
{
    struct buffer b = {0};

    (void)state;
    buffer_lit(&b, "kept");
    assert_null(buffer_reserve(&b, SIZE_MAX / 2));
    assert_true(b.is_out);
    buffer_lit(&b, "dropped");
    assert_int_equal(b.n, 4);
    buffer_fini(&b);
    assert_false(b.is_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_one_behind_the_other),
        cmocka_unit_test(json_is_escaped),
        cmocka_unit_test(a_long_text_keeps_its_characters),
        cmocka_unit_test(what_cannot_be_had_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
