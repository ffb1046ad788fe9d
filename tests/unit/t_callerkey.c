/* Where a caller's key comes from: fields, cookies, parameters, addresses behind proxies. */
#include "proxy/exchange/callerkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "proxy/exchange/issue.h"

static char bytes[8192];

/* A head with a query and fields, "Name: value" each; the first byte of bytes stands in for the
 * request line. */
static void make_head(struct head *head, const char *query, const char *const *fields)
{
    char *p = bytes;

    memset(head, 0, sizeof(*head));
    head->base = bytes;
    head->query_at = 0;
    head->query_len = (uint32_t)strlen(query);
    head->has_query = *query;
    p = text_str(p, str_of(query));
    for (; *fields; fields++) {
        struct head_field *f = &head->fields[head->nr_fields++];
        struct str name = str_until(str_of(*fields), ':');

        *f = (struct head_field){.name_at = (uint32_t)(p - bytes), .name_len = (uint16_t)name.n};
        p = text_str(p, str_of(*fields));
        f->value_at = f->name_at + f->name_len + 2;
        f->value_len = (uint32_t)(p - bytes) - f->value_at;
        f->id = (uint8_t)fields_id(name);
        p = text_lit(p, "\r\n");
    }
    assert_true(p < bytes + sizeof(bytes));
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LINES   ((const char *const[]){NULL})

static const struct alias_source sources[] = {
    {.kind = ALIAS_SOURCE_HEADER, .name = STR("X-User")},
    {.kind = ALIAS_SOURCE_COOKIE, .name = STR("uid")},
    {.kind = ALIAS_SOURCE_QUERY, .name = STR("u ser")},
    {.kind = ALIAS_SOURCE_CLIENT_ADDRESS, .ipv4_bits = 24, .ipv6_bits = 64},
};

/* By the sources from first on, nr of them. */
static void expect(const char *key, int first, int nr, const char *query, const char *const *fields)
{
    struct alias_sticky sticky = {.nr_sources = nr, .sources = sources + first};
    struct request_caller from = {.address = STR("192.0.2.77")};
    struct tuning tuning = {.nr_users = 1};
    struct callerkey found;
    struct head head;

    make_head(&head, query, fields);
    if (!key) {
        assert_false(callerkey_find(&found, &sticky, &head, &from, &tuning));
        return;
    }
    assert_true(callerkey_find(&found, &sticky, &head, &from, &tuning));
    if (!str_eq(found.key, str_of(key)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(found.key), key);
    callerkey_fini(&found);
}

static void the_first_field_counts(void **state)
{
    (void)state;
    expect("a", 0, 1, "", LINES("x-user: a", "X-User: b"));
    expect(NULL, 0, 1, "", LINES("X-User: ", "X-User: b"));
    expect(NULL, 0, 1, "", LINES("X-Users: a"));
}

static void the_first_cookie_counts(void **state)
{
    (void)state;
    expect("1", 1, 1, "", LINES("Cookie: a=b; uid=1; uid=2"));
    expect(NULL, 1, 1, "", LINES("Cookie: a=b; UID=1"));
    expect(NULL, 1, 1, "", LINES("Cookie: uid="));
}

static void the_first_parameter_counts_decoded(void **state)
{
    (void)state;
    expect("a b/%zz%2", 2, 1, "x=1&u+ser=a+b%2F%zz%2&u+ser=c", NO_LINES);
    expect("ok", 2, 1, "u%20ser=ok", NO_LINES);
    expect(NULL, 2, 1, "u+ser=&u+ser=c", NO_LINES);
    expect(NULL, 2, 1, "u+ser", NO_LINES);
    expect(NULL, 2, 1, "u+serx=1&u=1", NO_LINES);
}

static void a_long_parameter_is_a_key_too(void **state)
{
    char query[2048] = "u+ser=", key[2048];

    (void)state;
    memset(key, 'k', 2000);
    key[2000] = '\0';
    memcpy(query + 6, key, 2001);
    expect(key, 2, 1, query, NO_LINES);
}

static void the_first_source_with_a_value_counts(void **state)
{
    (void)state;
    expect("h", 0, 4, "u+ser=q", LINES("Cookie: uid=c", "X-User: h"));
    expect("c", 0, 4, "u+ser=q", LINES("Cookie: uid=c", "X-User: "));
    expect("q", 0, 4, "u+ser=q", LINES("Cookie: uid="));
    expect("192.0.2.0", 0, 4, "", NO_LINES);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static void expect_address(const char *address, bool trusts_all, const char *connection,
                           const char *const *fields)
{
    struct network trusted[2];
    struct tuning tuning = {.trusts_all = trusts_all};
    struct request_caller from = {.address = str_of(connection)};
    struct network_address out;
    struct head head;
    char text[NETWORK_TEXT_MAX];

    assert_true(network_read(STR("10.0.0.0/8"), &trusted[0]));
    assert_true(network_read(STR("2001:db8::/32"), &trusted[1]));
    if (!trusts_all) {
        tuning.nr_trusted = 2;
        tuning.trusted = trusted;
    }
    make_head(&head, "", fields);
    from.is_trusted = tuning_trusts(&tuning, from.address);
    assert_true(callerkey_address(&head, &from, &tuning, &out));
    network_write_address(&out, text);
    assert_string_equal(text, address);
}

static void a_stranger_has_the_address_of_its_connection(void **state)
{
    (void)state;
    expect_address("192.0.2.1", false, "192.0.2.1", LINES("X-Forwarded-For: 198.51.100.1"));
}

static void the_first_from_the_right_that_is_no_proxy_counts(void **state)
{
    (void)state;
    expect_address("198.51.100.1", false, "10.0.0.1", LINES("X-Forwarded-For: 198.51.100.1"));
    expect_address("198.51.100.1", false, "10.0.0.1",
                   LINES("X-Forwarded-For: 203.0.113.9, 198.51.100.1, 10.1.1.1 ,10.2.2.2"));
    expect_address("198.51.100.1", false, "2001:db8::1",
                   LINES("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.1:4711",
                         "X-Forwarded-For: [2001:db8::2]:80"));
}

static void what_a_client_wrote_further_left_changes_nothing(void **state)
{
    static const char *const forged[] = {
        "X-Forwarded-For: 1.1.1.1, 198.51.100.1", "X-Forwarded-For: 10.0.0.5, 198.51.100.1",
        "X-Forwarded-For: garbage, 198.51.100.1", "X-Forwarded-For: , 198.51.100.1",
        "X-Forwarded-For: 1.1.1.1,,198.51.100.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        expect_address("198.51.100.1", false, "10.0.0.1", LINES(forged[i]));
}

static void what_is_no_address_ends_the_search(void **state)
{
    (void)state;
    expect_address("10.3.3.3", false, "10.0.0.1",
                   LINES("X-Forwarded-For: 198.51.100.1, unknown, 10.3.3.3"));
    expect_address("10.0.0.1", false, "10.0.0.1", LINES("X-Forwarded-For: _hidden"));
    expect_address("10.0.0.1", false, "10.0.0.1", NO_LINES);
}

static void where_all_are_proxies_the_leftmost_counts(void **state)
{
    (void)state;
    expect_address("10.9.9.9", false, "10.0.0.1", LINES("X-Forwarded-For: 10.9.9.9, 10.3.3.3"));
}

/* Else whoever connects could write what it likes in front of it. */
static void where_every_client_is_a_proxy_its_own_word_counts(void **state)
{
    (void)state;
    expect_address("198.51.100.1", true, "192.0.2.1",
                   LINES("X-Forwarded-For: 1.1.1.1, 198.51.100.1"));
}

static void ipv6_is_written_in_one_way(void **state)
{
    (void)state;
    expect_address("2001:db9::1", false, "10.0.0.1", LINES("X-Forwarded-For: 2001:DB9:0:0::1"));
}

/* ---- Cookies --------------------------------------------------------------------------------- */

static void a_cookie_has_its_attributes(void **state)
{
    struct alias_issue plain = {.is_secure = true, .is_http_only = true, .path = STR("/")};
    struct alias_issue other = {.has_max_age = true,
                                .max_age_s = 60,
                                .same_site = ALIAS_SAME_SITE_STRICT,
                                .path = STR("/a"),
                                .domain = STR("example.com")};
    struct alias_source source = {.kind = ALIAS_SOURCE_COOKIE, .name = STR("uid"), .issue = &plain};
    char text[ISSUE_MAX];

    (void)state;
    size_t n = issue_write(text, &source, STR("abc"));
    assert_int_equal(n, strlen(text));
    assert_string_equal(text, "uid=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
    source.issue = &other;
    issue_write(text, &source, STR("abc"));
    assert_string_equal(text, "uid=abc; Path=/a; Max-Age=60; Domain=example.com; SameSite=Strict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_field_counts),
        cmocka_unit_test(the_first_cookie_counts),
        cmocka_unit_test(the_first_parameter_counts_decoded),
        cmocka_unit_test(a_long_parameter_is_a_key_too),
        cmocka_unit_test(the_first_source_with_a_value_counts),
        cmocka_unit_test(a_stranger_has_the_address_of_its_connection),
        cmocka_unit_test(the_first_from_the_right_that_is_no_proxy_counts),
        cmocka_unit_test(what_a_client_wrote_further_left_changes_nothing),
        cmocka_unit_test(what_is_no_address_ends_the_search),
        cmocka_unit_test(where_all_are_proxies_the_leftmost_counts),
        cmocka_unit_test(where_every_client_is_a_proxy_its_own_word_counts),
        cmocka_unit_test(ipv6_is_written_in_one_way),
        cmocka_unit_test(a_cookie_has_its_attributes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
