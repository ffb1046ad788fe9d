/* Addresses and networks between text and bytes. */
#include "base/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct network_address address(const char *text)
{
    struct network_address out;

    assert_true(network_read_address(str_of(text), &out));
    return out;
}

static void addresses_are_read_and_written(void **state)
{
    static const char *const texts[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"::1", "::1"},
    };
    static const char *const bad[] = {"",       "1.2.3", "1.2.3.4.5",  "1.2.3.04x", "[::1]",
                                      "::1%lo", "host",  "1.2.3.4:80", "1.2.3.4 "};
    struct network_address out;
    char text[NETWORK_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        out = address(texts[i][0]);
        assert_int_equal(network_write_address(&out, text), strlen(texts[i][1]));
        assert_string_equal(text, texts[i][1]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(network_read_address(str_of(bad[i]), &out));
}

static void networks_are_read_and_written(void **state)
{
    static const char *const same[] = {"10.0.0.0/8", "192.0.2.1",     "0.0.0.0/0",
                                       "::/0",       "2001:db8::/32", "::1"};
    static const char *const bad[] = {"",
                                      "10.0.0.1/8",
                                      "10.0.0.0/33",
                                      "10.0.0.0/",
                                      "10.0.0.0/08",
                                      "10.0.0.0/-1",
                                      "2001:db8::/129",
                                      "2001:db8::1/64",
                                      "/8",
                                      "10.0.0.0/8/8"};
    struct network out;
    char text[NETWORK_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(network_read(str_of(same[i]), &out));
        network_write(&out, text);
        assert_string_equal(text, same[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (network_read(str_of(bad[i]), &out))
            fail_msg("%s is taken", bad[i]);
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *network, *address;
        bool has;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.128.0.0/9", "10.127.0.1", false},
        {"10.128.0.0/9", "10.200.0.1", true},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"10.0.0.0/8", "a00::1", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network_address a = address(cases[i].address);
        struct network network;

        assert_true(network_read(str_of(cases[i].network), &network));
        if (network_has(&network, &a) != cases[i].has)
            fail_msg("%s in %s", cases[i].address, cases[i].network);
        assert_int_equal(network_list_has(&network, 1, &a), cases[i].has);
        assert_false(network_list_has(&network, 0, &a));
    }
}

static void what_is_behind_a_prefix_is_cut(void **state)
{
    struct network_address a = address("192.0.2.77"), b = address("2001:db8::1:2:3:4");
    char text[NETWORK_TEXT_MAX];

    (void)state;
    network_cut(&a, 24, 64);
    network_write_address(&a, text);
    assert_string_equal(text, "192.0.2.0");
    network_cut(&b, 24, 64);
    network_write_address(&b, text);
    assert_string_equal(text, "2001:db8::");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(networks_are_read_and_written),
        cmocka_unit_test(a_network_has_its_addresses_and_no_others),
        cmocka_unit_test(what_is_behind_a_prefix_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
