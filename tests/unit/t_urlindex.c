/* Function URLs by their host, through changes of the table and of the settings. */
#include "proxy/worker/urlindex.h"

#include "conf/settings.h"
#include "proxy/worker/worker.h"
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static const char with_urls[] =
    "{\"functions\": {\"plain\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"]}}},"
    "\"hello\": {\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://h\"]}},"
    "\"aliases\": {\"live\": {\"weights\": {\"$LATEST\": 100}}},"
    "\"urls\": {\"$LATEST\": {}, \"live\": {\"auth_type\": \"AWS_IAM\", "
    "\"cors\": {\"AllowOrigins\": [\"*\"]}}}}}}";
static const char without[] =
    "{\"functions\": {\"hello\": {\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://h\"]}}}}}";

/* As much of a worker as the index looks at. */
struct lab {
    struct worker worker;
    struct tuning tuning;
    struct settings settings;
};

static struct worker *lab_init(struct lab *lab)
{
    *lab = (struct lab){
        .settings.aws = {.region = (char *)"eu-central-1", .account_id = (char *)"123456789012"}};
    lab->tuning.settings = &lab->settings;
    lab->worker.tuning = &lab->tuning;
    lab->worker.settings_serial = 1;
    return &lab->worker;
}

static const char *host_of(const struct lab *lab, const char *function, const char *qualifier)
{
    static char host[URLID_HOST_MAX + 1];
    struct urlid_of of = {str_of(lab->settings.aws.account_id), str_of(lab->settings.aws.region),
                          str_of(function), str_of(qualifier)};

    urlid_host(&of, host);
    return host;
}

static void every_url_is_found_by_its_host(void **state)
{
    struct table *table = fixture_good(with_urls);
    struct urlindex_found found;
    struct lab lab;
    struct worker *w = lab_init(&lab);
    char upper[URLID_HOST_MAX + 1] = "";

    (void)state;
    assert_true(urlindex_find(w, table, str_of(host_of(&lab, "hello", "live")), &found));
    assert_true(str_eq(found.function->name, STR("hello")));
    assert_true(str_eq(found.url->qualifier, STR("live")));
    assert_true(found.url->terms->is_iam && found.url->terms->is_event);
    assert_int_equal(found.url->terms->cors->allow_origins.nr, 1);
    assert_true(urlindex_find(w, table, str_of(host_of(&lab, "hello", "$LATEST")), &found));
    assert_true(str_eq(found.url->qualifier, STR("$LATEST")));
    assert_false(found.url->terms->is_iam);
    snprintf(upper, sizeof(upper), "%s", host_of(&lab, "hello", "live"));
    for (char *c = upper; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    assert_true(urlindex_find(w, table, str_of(upper), &found));
    assert_true(found.function && str_eq(found.url->qualifier, STR("live")));
    urlindex_free(&w->urls);
    fixture_drop(&table);
}

static void a_host_of_no_url_is_told_from_another_host(void **state)
{
    struct table *table = fixture_good(with_urls);
    struct urlindex_found found;
    struct lab lab;
    struct worker *w = lab_init(&lab);

    (void)state;
    assert_false(urlindex_find(w, table, STR("shop.example.com"), &found));
    assert_false(urlindex_find(w, table, STR(""), &found));
    assert_null(w->urls); /* nobody has asked */
    assert_true(urlindex_find(w, table, str_of(host_of(&lab, "hello", "other")), &found));
    assert_null(found.function);
    urlindex_free(&w->urls);
    fixture_drop(&table);
}

static void other_tables_and_settings_have_other_urls(void **state)
{
    struct table *table = fixture_good(with_urls), *other = fixture_good(without);
    struct urlindex_found found;
    struct lab lab;
    struct worker *w = lab_init(&lab);
    char before[URLID_HOST_MAX + 1];

    (void)state;
    snprintf(before, sizeof(before), "%s", host_of(&lab, "hello", "live"));
    assert_true(urlindex_find(w, table, str_of(before), &found));
    assert_non_null(found.function);
    assert_true(urlindex_find(w, other, str_of(before), &found));
    assert_null(found.function);
    assert_true(urlindex_find(w, table, str_of(before), &found));
    assert_non_null(found.function);
    lab.settings.aws.account_id = (char *)"000000000000";
    w->settings_serial++;
    assert_true(urlindex_find(w, table, str_of(before), &found));
    assert_null(found.function);
    assert_true(urlindex_find(w, table, str_of(host_of(&lab, "hello", "live")), &found));
    assert_non_null(found.function);
    urlindex_free(&w->urls);
    fixture_drop(&table);
    fixture_drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(every_url_is_found_by_its_host),
        test(a_host_of_no_url_is_told_from_another_host),
        test(other_tables_and_settings_have_other_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
