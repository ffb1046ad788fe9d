/* Addresses of clients, against the C library's. */
#include "proxy/client/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

static void v4(const char *text, bool is_mapped)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    struct in6_addr mapped;
    struct peer peer;
    char full[64] = "::ffff:";

    memcpy(full + 7, text, strlen(text) + 1);
    assert_int_equal(inet_pton(AF_INET6, full, &mapped), 1);
    if (is_mapped) {
        address.ss_family = AF_INET6;
        ((struct sockaddr_in6 *)&address)->sin6_addr = mapped;
    } else {
        assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr), 1);
    }
    memset(&peer, 0x55, sizeof(peer));
    peer_take(&peer, &address);
    assert_memory_equal(&peer.number, &mapped, sizeof(mapped));
    assert_string_equal(peer.text, text);
    assert_int_equal(peer.text_len, strlen(text));
}

static void an_ipv4_address_is_the_same_of_either_family(void **state)
{
    static const char *const texts[] = {"0.0.0.0", "127.0.0.1", "9.10.99.100", "255.255.255.255"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        v4(texts[i], false);
        v4(texts[i], true);
    }
}

static void an_ipv6_address_has_its_short_form(void **state)
{
    struct sockaddr_storage address = {.ss_family = AF_INET6};
    struct peer peer;

    (void)state;
    assert_int_equal(
        inet_pton(AF_INET6, "2001:db8:0:0::1", &((struct sockaddr_in6 *)&address)->sin6_addr), 1);
    peer_take(&peer, &address);
    assert_string_equal(peer.text, "2001:db8::1");
    assert_int_equal(peer.text_len, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_the_same_of_either_family),
        cmocka_unit_test(an_ipv6_address_has_its_short_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
