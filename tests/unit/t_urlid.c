/* Hosts of function URLs: one for each thing that a URL can be of, always the same, and found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/urlid.h"

static const struct urlid_of live = {
    {"123456789012", 12}, {"eu-west-1", 9}, {"hello", 5}, {"live", 4}};

static void an_id_is_32_letters_and_digits_and_always_the_same(void **state)
{
    char id[URLID_LENGTH + 1], again[URLID_LENGTH + 1];

    (void)state;
    urlid_make(&live, id);
    urlid_make(&live, again);
    assert_string_equal(id, again);
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"), 32);
    /* Addresses that people have written down must not change with a release. */
    assert_string_equal(id, "03b51cbd5903be052dbe926c0a3001af");
}

static void each_thing_has_an_id_of_its_own(void **state)
{
    const struct urlid_of others[] = {
        {STR("123456789013"), STR("eu-west-1"), STR("hello"), STR("live")},
        {STR("123456789012"), STR("eu-west-2"), STR("hello"), STR("live")},
        {STR("123456789012"), STR("eu-west-1"), STR("hell"), STR("live")},
        {STR("123456789012"), STR("eu-west-1"), STR("hello"), STR("$LATEST")},
        {STR("123456789012"), STR("eu-west-1"), STR("hellol"), STR("ive")}};
    char id[URLID_LENGTH + 1], other[URLID_LENGTH + 1];

    (void)state;
    urlid_make(&live, id);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        urlid_make(&others[i], other);
        assert_string_not_equal(id, other);
        assert_memory_not_equal(id, other, 16);
        assert_memory_not_equal(id + 16, other + 16, 16);
    }
}

static void the_id_is_found_in_a_host(void **state)
{
    char host[URLID_HOST_MAX + 1], id[URLID_LENGTH + 1];
    struct str found;

    (void)state;
    urlid_host(&live, host);
    urlid_make(&live, id);
    assert_memory_equal(host, id, 32);
    assert_string_equal(host + 32, ".lambda-url.eu-west-1.on.aws");
    assert_true(urlid_find(str_of(host), STR("eu-west-1"), &found));
    assert_true(str_eq(found, str_of(id)));
    assert_true(urlid_find(STR("0123456789abcdef0123456789ABCDEF.Lambda-URL.EU-west-1.on.AWS."),
                           STR("eu-west-1"), &found));
    assert_true(str_eq(found, STR("0123456789abcdef0123456789ABCDEF")));
}

static void other_hosts_are_none(void **state)
{
    static const char *const hosts[] = {
        "",
        ".",
        "example.com",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef.",
        "0123456789abcdef0123456789abcdef.lambda-url.eu-west-2.on.aws",
        "0123456789abcdef0123456789abcdef.lambda-url.eu-west-1.on.aws.example",
        "0123456789abcdef0123456789abcdef0.lambda-url.eu-west-1.on.aws",
        "0123456789abcdef0123456789abcde.lambda-url.eu-west-1.on.aws",
        "0123456789abcdef.123456789abcdef.lambda-url.eu-west-1.on.aws"};
    struct str found;

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        assert_false(urlid_find(str_of(hosts[i]), STR("eu-west-1"), &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_32_letters_and_digits_and_always_the_same),
        cmocka_unit_test(each_thing_has_an_id_of_its_own),
        cmocka_unit_test(the_id_is_found_in_a_host),
        cmocka_unit_test(other_hosts_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
