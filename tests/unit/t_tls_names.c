/* Names in certificates, and which certificates they choose. */
#include "proxy/tls/tls_names.h"

#include "tls_lab.h"

enum { RSA_KIND = 0, EC_KIND = 2, ED_KIND = 3 };

/* Certificates without keys of use: only their names and kinds matter. */
static X509 *certificate(const char *kind, const char *names, const char *common_name)
{
    struct lab_wish wish = {.kind = kind, .names = names, .common_name = common_name};
    struct lab_cert cert = lab_make("names", &wish);

    EVP_PKEY_free(cert.key);
    return cert.x;
}

static const struct tls_names_set *find(const struct tls_names *names, const char *host)
{
    return tls_names_set(names, tls_names_find(names, host));
}

static void free_all(X509 **list, int nr)
{
    for (int i = 0; i < nr; i++)
        X509_free(list[i]);
}

static void test_exact_names_go_before_wildcards(void **state)
{
    X509 *list[] = {certificate("EC", "DNS:first.example", NULL),
                    certificate("EC", "DNS:*.b.example", NULL),
                    certificate("EC", "DNS:x.b.example,DNS:B.Example", NULL)};
    struct tls_names *names = tls_names_make(list, 3);

    (void)state;
    assert_int_equal(find(names, "x.b.example")->certificate[EC_KIND], 2);
    assert_int_equal(find(names, "y.b.example")->certificate[EC_KIND], 1);
    assert_int_equal(find(names, "b.example")->certificate[EC_KIND], 2);
    assert_int_equal(find(names, "first.example")->certificate[EC_KIND], 0);
    tls_names_free(&names);
    free_all(list, 3);
}

static void test_a_wildcard_is_one_label(void **state)
{
    X509 *list[] = {certificate("EC", "DNS:first.example", NULL),
                    certificate("EC", "DNS:*.b.example", NULL)};
    struct tls_names *names = tls_names_make(list, 2);
    static const char *const others[] = {
        "b.example",  "y.x.b.example",   ".b.example", "*.b.example",   "*", "", ".",
        "xb.example", "y.b.example.org", "y.b.exampl", "\xff.b.example"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(tls_names_find(names, others[i]), 0);
    assert_int_equal(find(names, "y.b.example")->certificate[EC_KIND], 1);
    tls_names_free(&names);
    free_all(list, 2);
}

/* The sorted list proposes, OpenSSL decides: a wildcard for a whole top-level domain, or for part of
 * a label, is good for nobody (RFC 6125 section 6.4.3). */
static void test_a_certificate_serves_a_name_only_where_openssl_finds_it_good(void **state)
{
    X509 *list[] = {
        certificate("EC", "DNS:first.example", NULL),
        certificate("EC", "DNS:*.example,DNS:*.good.example,DNS:w*.part.example", NULL)};
    struct tls_names *names = tls_names_make(list, 2);

    (void)state;
    assert_int_equal(tls_names_find(names, "second.example"), 0);
    assert_int_equal(tls_names_find(names, "www.part.example"), 0);
    assert_int_equal(find(names, "a.good.example")->certificate[EC_KIND], 1);
    tls_names_free(&names);
    free_all(list, 2);
}

static void test_case_and_a_final_dot_do_not_matter(void **state)
{
    X509 *list[] = {certificate("EC", "DNS:first.example", NULL),
                    certificate("EC", "DNS:Shop.Example,DNS:*.CDN.example", NULL)};
    struct tls_names *names = tls_names_make(list, 2);
    static const char *const same[] = {"shop.example", "SHOP.EXAMPLE", "shop.example.",
                                       "a.cdn.example", "A.Cdn.Example."};

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_int_equal(find(names, same[i])->certificate[EC_KIND], 1);
    tls_names_free(&names);
    free_all(list, 2);
}

static void test_the_common_name_counts_only_without_alternative_names(void **state)
{
    X509 *list[] = {certificate("EC", NULL, "first.example"), certificate("EC", NULL, "cn.example"),
                    certificate("EC", "DNS:san.example", "ignored.example"),
                    certificate("EC", "IP:127.0.0.1", "with-address.example")};
    struct tls_names *names = tls_names_make(list, 4);

    (void)state;
    assert_int_equal(find(names, "cn.example")->certificate[EC_KIND], 1);
    assert_int_equal(find(names, "san.example")->certificate[EC_KIND], 2);
    assert_int_equal(tls_names_find(names, "ignored.example"), 0);
    assert_int_equal(find(names, "with-address.example")->certificate[EC_KIND], 3);
    assert_int_equal(tls_names_find(names, "127.0.0.1"), 0);
    tls_names_free(&names);
    free_all(list, 4);
}

static void test_kinds_of_keys_stand_side_by_side(void **state)
{
    X509 *list[] = {certificate("EC", "DNS:a.example,DNS:b.example", NULL),
                    certificate("RSA", "DNS:b.example,DNS:a.example,DNS:c.example", NULL),
                    certificate("ED25519", "DNS:a.example", NULL),
                    certificate("RSA", "DNS:a.example", NULL)};
    struct tls_names *names = tls_names_make(list, 4);
    const struct tls_names_set *a = find(names, "a.example"), *b = find(names, "b.example");
    const struct tls_names_set *c = find(names, "c.example"), *none = find(names, "none.example");

    (void)state;
    assert_int_equal(a->certificate[EC_KIND], 0);
    assert_int_equal(a->certificate[RSA_KIND], 1); /* the first of its kind */
    assert_int_equal(a->certificate[ED_KIND], 2);
    assert_int_equal(b->certificate[EC_KIND], 0);
    assert_int_equal(b->certificate[RSA_KIND], 1);
    assert_int_equal(b->certificate[ED_KIND], -1);
    assert_int_equal(c->certificate[EC_KIND], -1);
    assert_int_equal(c->certificate[RSA_KIND], 1);
    /* The default: the first, beside the one that has all of its names. */
    assert_ptr_equal(none, tls_names_set(names, 0));
    assert_int_equal(none->certificate[EC_KIND], 0);
    assert_int_equal(none->certificate[RSA_KIND], 1);
    assert_int_equal(none->certificate[ED_KIND], -1);
    tls_names_free(&names);
    free_all(list, 4);
}

static void test_a_certificate_without_names_serves_as_default_only(void **state)
{
    X509 *list[] = {certificate("EC", NULL, NULL), certificate("RSA", "DNS:a.example", NULL)};
    struct tls_names *names = tls_names_make(list, 2);

    (void)state;
    assert_int_equal(find(names, "none.example")->certificate[EC_KIND], 0);
    assert_int_equal(find(names, "none.example")->certificate[RSA_KIND], -1);
    assert_int_equal(find(names, "a.example")->certificate[RSA_KIND], 1);
    tls_names_free(&names);
    free_all(list, 2);
}

static void test_one_certificate_with_many_names_makes_one_set(void **state)
{
    char text[64 * 40] = "";
    size_t n = 0;
    X509 *list[1];
    struct tls_names *names;

    (void)state;
    for (int i = 0; i < 64; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%sDNS:host-%d.example", i ? "," : "", i);
    list[0] = certificate("EC", text, NULL);
    names = tls_names_make(list, 1);
    assert_int_equal(tls_names_nr_sets(names), 1);
    assert_int_equal(tls_names_find(names, "host-63.example"), 0);
    tls_names_free(&names);
    free_all(list, 1);
}

static void test_names_that_are_too_long_or_odd_are_passed_over(void **state)
{
    char label[300], text[400];
    X509 *list[2];
    struct tls_names *names;

    (void)state;
    memset(label, 'x', sizeof(label));
    label[254] = '\0';
    snprintf(text, sizeof(text), "DNS:%s,DNS:good.example,DNS:a*.example,DNS:*", label);
    list[0] = certificate("EC", "DNS:first.example", NULL);
    list[1] = certificate("EC", text, NULL);
    names = tls_names_make(list, 2);
    assert_int_equal(tls_names_find(names, label), 0);
    assert_int_equal(tls_names_find(names, "ab.example"), 0);
    assert_int_equal(tls_names_find(names, "localhost"), 0);
    assert_int_equal(find(names, "good.example")->certificate[EC_KIND], 1);
    tls_names_free(&names);
    free_all(list, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_names_go_before_wildcards),
        cmocka_unit_test(test_a_wildcard_is_one_label),
        cmocka_unit_test(test_a_certificate_serves_a_name_only_where_openssl_finds_it_good),
        cmocka_unit_test(test_case_and_a_final_dot_do_not_matter),
        cmocka_unit_test(test_the_common_name_counts_only_without_alternative_names),
        cmocka_unit_test(test_kinds_of_keys_stand_side_by_side),
        cmocka_unit_test(test_a_certificate_without_names_serves_as_default_only),
        cmocka_unit_test(test_one_certificate_with_many_names_makes_one_set),
        cmocka_unit_test(test_names_that_are_too_long_or_odd_are_passed_over),
    };

    return cmocka_run_group_tests_name("names in certificates", tests, lab_begin, lab_end);
}
