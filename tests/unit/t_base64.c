/* Base64 (RFC 4648). */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *bytes, *text;
} vectors[] = {
    /* RFC 4648 section 10 */
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

static void the_vectors_of_the_standard_come_out_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct str bytes = str_of(vectors[i].bytes), text = str_of(vectors[i].text);
        char out[64];

        assert_int_equal(base64_length(bytes.n), text.n);
        assert_ptr_equal(base64_put(out, bytes), out + text.n);
        assert_memory_equal(out, text.p, text.n);
        assert_int_equal(base64_read(out, text), (ptrdiff_t)bytes.n);
        assert_memory_equal(out, bytes.p, bytes.n);
    }
}

static void the_padding_may_be_left_out(void **state)
{
    char out[16];

    (void)state;
    assert_int_equal(base64_read(out, STR("Zg")), 1);
    assert_int_equal(base64_read(out, STR("Zm8")), 2);
    assert_memory_equal(out, "fo", 2);
}

static void what_is_no_base64_is_told(void **state)
{
    static const char *const bad[] = {"Z",     "Zg=",  "Zg===", "Z===", "====",   "=",
                                      "Zm9 v", "Zm9-", "Zm9_",  "Zm=v", "Zm9v\n", "Zm9vY"};
    char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(base64_read(out, str_of(bad[i])), -1);
}

static void all_bytes_and_lengths_survive_and_may_be_read_in_place(void **state)
{
    char bytes[256], text[400];

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct str all = {bytes + sizeof(bytes) - n, n};
        size_t length = (size_t)(base64_put(text, all) - text);

        assert_int_equal(base64_read(text, (struct str){text, length}), (ptrdiff_t)n);
        assert_memory_equal(text, all.p, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standard_come_out_both_ways),
        cmocka_unit_test(the_padding_may_be_left_out),
        cmocka_unit_test(what_is_no_base64_is_told),
        cmocka_unit_test(all_bytes_and_lengths_survive_and_may_be_read_in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
