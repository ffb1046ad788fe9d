/* The field that names a version. */
#include "proxy/exchange/override.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *value, *qualifier, *secret;
} READS[] = {
    {"2", "2", ""},
    {" beta ", "beta", ""},
    {"2; secret=S", "2", "S"},
    {"2;secret=S", "2", "S"},
    {"2 ; SECRET = S ", "2", "S"},
    {"2; secret=\"a; b\"", "2", "a; b"},
    {"2; secret=\"a\" ; x=y", "2", "a"},
    {"2; secret=\"open", "2", "open"},
    {"2; x; secret=S", "2", "S"},
    {"2; x=y; secret=a=b", "2", "a=b"},
    {"2; secret=", "2", ""},
    {"2; secret", "2", ""},
    {"2;", "2", ""},
    {"2;;;", "2", ""},
    {"", "", ""},
    {";secret=S", "", "S"},
    {"2; secrets=S", "2", ""},
    {"2; secret=a; secret=b", "2", "b"},
    {"2; secret=\"", "2", ""},
    {"secret=S", "secret=S", ""},
};

static void values_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(READS) / sizeof(READS[0]); i++) {
        /* a copy of its own, so that a sanitizer sees who reads too far */
        size_t n = strlen(READS[i].value);
        char *copy = malloc(n + 1);
        memcpy(copy, READS[i].value, n);
        struct override o = override_read((struct str){copy, n});
        print_message("%s\n", READS[i].value);
        assert_true(str_eq(o.qualifier, str_of(READS[i].qualifier)));
        assert_true(str_eq(o.secret, str_of(READS[i].secret)));
        free(copy);
    }
}

static void a_secret_is_known_by_its_hash(void **state)
{
    /* printf %s 'open sesame' | sha256sum */
    static const uint8_t sesame[32] = {
        0x41, 0xef, 0x4b, 0xb0, 0xb2, 0x36, 0x61, 0xe6, 0x63, 0x01, 0xaa,
        0xc3, 0x60, 0x66, 0x91, 0x2d, 0xac, 0x03, 0x78, 0x27, 0xb4, 0xae,
        0x63, 0xa7, 0xb1, 0x16, 0x5a, 0x5a, 0xa9, 0x3e, 0xd4, 0xeb,
    };
    uint8_t turned[32];

    (void)state;
    assert_true(override_is_secret(STR("open sesame"), sesame));
    assert_false(override_is_secret(STR("open sesam"), sesame));
    assert_false(override_is_secret(STR("open sesame "), sesame));
    assert_false(override_is_secret(STR(""), sesame));
    assert_false(override_is_secret((struct str){NULL, 0}, sesame));
    for (int i = 0; i < 32; i++) {
        memcpy(turned, sesame, 32);
        turned[i] ^= 1;
        assert_false(override_is_secret(STR("open sesame"), turned));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken_apart),
        cmocka_unit_test(a_secret_is_known_by_its_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
