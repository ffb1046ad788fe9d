/* CRC-32 by known answers, and cut in two at every place. */
#include "base/crc32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void known_answers_hold(void **state)
{
    (void)state;
    assert_int_equal(crc32_add(0, STR("")), 0);
    assert_int_equal(crc32_add(0, STR("a")), 0xe8b7be43);
    assert_int_equal(crc32_add(0, STR("123456789")), 0xcbf43926); /* the check value */
    assert_int_equal(crc32_add(0, STR("The quick brown fox jumps over the lazy dog")), 0x414fa339);
    assert_int_equal(crc32_add(0, STR("\0\0\0\0")), 0x2144df1c);
    assert_int_equal(crc32_add(0, STR("\xff\xff\xff\xff")), 0xffffffff);
}

static void pieces_add_up(void **state)
{
    const struct str text = STR("The quick brown fox jumps over the lazy dog");

    (void)state;
    for (size_t cut = 0; cut <= text.n; cut++) {
        uint32_t crc = crc32_add(0, (struct str){text.p, cut});
        crc = crc32_add(crc, (struct str){text.p + cut, text.n - cut});
        assert_int_equal(crc, 0x414fa339);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_hold),
        cmocka_unit_test(pieces_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
