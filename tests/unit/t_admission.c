/* Limits on connections, in all and per address. */
#include "proxy/client/admission.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct in6_addr address(const char *text)
{
    struct in6_addr out;

    assert_int_equal(inet_pton(AF_INET6, text, &out), 1);
    return out;
}

static void each_address_has_its_own_limit(void **state)
{
    struct admission *a = admission_make();
    struct in6_addr one = address("::ffff:10.0.0.1"), two = address("::ffff:10.0.0.2");

    (void)state;
    assert_true(admission_enter(a, &one, 0, 2));
    assert_true(admission_enter(a, &one, 0, 2));
    assert_false(admission_enter(a, &one, 0, 2));
    assert_true(admission_enter(a, &two, 0, 2));
    admission_leave(a, &one);
    assert_true(admission_enter(a, &one, 0, 2));
    assert_false(admission_enter(a, &one, 0, 2));
    admission_free(&a);
    assert_null(a);
}

static void all_addresses_share_one_limit(void **state)
{
    struct admission *a = admission_make();
    struct in6_addr one = address("::ffff:10.0.0.1"), two = address("::ffff:10.0.0.2");

    (void)state;
    assert_true(admission_enter(a, &one, 2, 0));
    assert_true(admission_enter(a, &two, 2, 0));
    assert_false(admission_enter(a, &one, 2, 0));
    admission_leave(a, &two);
    assert_true(admission_enter(a, &one, 2, 0));
    admission_free(&a);
}

static void ipv6_clients_count_by_their_network(void **state)
{
    struct admission *a = admission_make();
    struct in6_addr one = address("2001:db8::1"), same = address("2001:db8::ffff:1:2:3"),
                    other = address("2001:db8:0:1::1");

    (void)state;
    assert_true(admission_enter(a, &one, 0, 1));
    assert_false(admission_enter(a, &same, 0, 1));
    assert_true(admission_enter(a, &other, 0, 1));
    admission_leave(a, &same); /* the network's */
    assert_true(admission_enter(a, &one, 0, 1));
    admission_free(&a);
}

static void who_was_not_admitted_takes_no_place(void **state)
{
    struct admission *a = admission_make();
    struct in6_addr one = address("::ffff:10.0.0.1"), two = address("::ffff:10.0.0.2");

    (void)state;
    assert_true(admission_enter(a, &one, 2, 1));
    for (int i = 0; i < 10; i++)
        assert_false(admission_enter(a, &one, 2, 1));
    assert_true(admission_enter(a, &two, 2, 1));
    admission_leave(a, &two);
    admission_leave(a, &two); /* nobody's */
    admission_leave(a, &one);
    assert_true(admission_enter(a, &one, 1, 1));
    assert_false(admission_enter(a, &two, 1, 1));
    admission_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own_limit),
        cmocka_unit_test(all_addresses_share_one_limit),
        cmocka_unit_test(ipv6_clients_count_by_their_network),
        cmocka_unit_test(who_was_not_admitted_takes_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
