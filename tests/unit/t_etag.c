/* ETags of weir's own addresses, and If-Match and If-None-Match. */
#include "control/etag.h"

#include "failmalloc.h"
#include "tests/unit/api_fixture.h"

#include "control/change.h"

#define LIVE  "/functions/hello/aliases/live"
#define BETA  "/functions/hello/aliases/beta"
#define HELLO "/functions/hello"
#define NEW   "/functions/hello/aliases/new"
#define MADE  "{\"versions\": {\"1\": {\"endpoints\": [\"http://h:1\"]}}}"
#define STALE "\"00000000-0000-4000-8000-000000000000\""

/* The field of an answer; "" where it has none. */
static const char *field(const struct api_response *response, const char *name)
{
    static char values[4][API_FIELD_VALUE];
    static int next;

    next = (next + 1) % 4;
    values[next][0] = '\0';
    for (int i = 0; i < response->nr_fields; i++)
        if (strcmp(response->fields[i].name, name) == 0)
            snprintf(values[next], API_FIELD_VALUE, "%s", response->fields[i].value);
    return values[next];
}

static const char *etag_of(const char *target)
{
    struct api_response response = api_ask("GET", target, NULL);
    const char *etag = field(&response, "ETag");

    assert_int_equal(response.status, 200);
    assert_string_not_equal(field(&response, "x-weir-generation"), "");
    free(response.body);
    return etag;
}

static void expect_if(const char *if_match, const char *if_none_match, const char *method,
                      const char *target, const char *body, int status)
{
    api.if_match = if_match;
    api.if_none_match = if_none_match;
    api_expect(method, target, body, status, status == 412 ? "PreconditionFailedException" : NULL,
               status == 412 ? "ETag" : NULL);
    api.if_match = api.if_none_match = NULL;
}

static void the_etag_of_an_alias_is_its_revision(void **state)
{
    char revision[CHANGE_REVISION_SIZE], expected[64];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            change_revision(&api_hooks, CHANGE_ALIAS, STR("hello"), STR("live"), revision), 0);
        snprintf(expected, sizeof(expected), "\"%s\"", revision);
        assert_string_equal(etag_of(LIVE), expected);
        json_decref(api_get("PUT", LIVE, "{\"weights\": {\"1\": 100}}"));
    }
}

static void a_change_that_names_the_latest_is_made_and_one_that_names_another_is_not(void **state)
{
    char before[64];
    struct api_response response;

    (void)state;
    snprintf(before, sizeof(before), "%s", etag_of(LIVE));
    expect_if(before, NULL, "PUT", LIVE, "{\"weights\": {\"1\": 90, \"2\": 10}}", 200);
    api.if_match = before;
    response = api_ask("PUT", LIVE, "{\"weights\": {\"2\": 100}}");
    api.if_match = NULL;
    assert_int_equal(response.status, 412);
    assert_string_equal(field(&response, "ETag"), etag_of(LIVE));
    assert_non_null(strstr(response.body, "If-Match does not name the ETag of the alias"));
    free(response.body);
    expect_if(before, NULL, "DELETE", LIVE, NULL, 412);
    api_expect("GET", LIVE, NULL, 200, NULL, "\"1\": 90");
}

static void the_answer_of_a_change_has_the_etag_that_is_next(void **state)
{
    struct api_response first = api_ask("PUT", BETA, "{\"weights\": {\"1\": 100}}"), second;

    (void)state;
    assert_string_equal(field(&first, "ETag"), etag_of(BETA));
    api.if_match = field(&first, "ETag");
    second = api_ask("DELETE", BETA, NULL);
    api.if_match = NULL;
    assert_int_equal(second.status, 204);
    free(first.body);
    free(second.body);
}

static void the_etag_of_a_function_is_of_its_parts_too(void **state)
{
    char before[64], after[64], other[64];

    (void)state;
    snprintf(other, sizeof(other), "%s", etag_of("/functions/bare"));
    snprintf(before, sizeof(before), "%s", etag_of(HELLO));
    json_decref(api_get("PUT", LIVE, "{\"weights\": {\"1\": 90, \"2\": 10}}"));
    snprintf(after, sizeof(after), "%s", etag_of(HELLO));
    assert_string_not_equal(before, after);
    json_decref(api_get("PUT", LIVE, "{\"weights\": {\"1\": 95, \"2\": 5}}"));
    assert_string_not_equal(before, etag_of(HELLO)); /* what it says is the same again */
    assert_string_equal(other, etag_of("/functions/bare"));
    expect_if(after, NULL, "PUT", HELLO, "{}", 412);
    expect_if(after, NULL, "DELETE", HELLO, NULL, 412);
    expect_if(other, NULL, "DELETE", "/functions/bare", NULL, 204);
}

static void the_etag_of_the_table_is_of_its_generation(void **state)
{
    char before[64];

    (void)state;
    snprintf(before, sizeof(before), "%s", etag_of("/table"));
    assert_string_equal(before, etag_of("/table"));
    assert_string_equal(before, etag_of("/functions"));
    expect_if(before, NULL, "PUT", "/table", "{\"functions\": {}}", 200);
    expect_if(before, NULL, "PUT", "/table", api_table, 412);
    expect_if(etag_of("/table"), NULL, "PUT", "/table", api_table, 200);
}

static void conditions_are_lists_and_may_be_anything(void **state)
{
    char bare[64], list[256], weak[128];
    const char *etag = etag_of(LIVE);
    const char *same = "{\"weights\": {\"1\": 95, \"2\": 5}}";

    (void)state;
    snprintf(list, sizeof(list), "%s,\t\"x\" , %s", STALE, etag);
    snprintf(weak, sizeof(weak), "W/%s", etag);
    expect_if(weak, NULL, "PUT", LIVE, same, 412); /* is no strong one */
    expect_if(STALE, NULL, "PUT", LIVE, same, 412);
    expect_if("", NULL, "PUT", LIVE, same, 412);
    expect_if(",", NULL, "PUT", LIVE, same, 412);
    expect_if(list, NULL, "PUT", LIVE, same, 200);
    expect_if("*", NULL, "PUT", LIVE, same, 200);
    snprintf(bare, sizeof(bare), "%.36s", etag_of(LIVE) + 1);
    expect_if(bare, NULL, "PUT", LIVE, same, 200);
}

static void what_must_not_be_there_is_made_only_where_it_is_not(void **state)
{
    (void)state;
    expect_if("*", NULL, "PUT", NEW, "{\"weights\": {\"1\": 100}}", 412);
    expect_if(STALE, NULL, "PUT", NEW, "{\"weights\": {\"1\": 100}}", 412);
    expect_if(NULL, "*", "PUT", NEW, "{\"weights\": {\"1\": 100}}", 200);
    expect_if(NULL, "*", "PUT", NEW, "{\"weights\": {\"2\": 100}}", 412);
    expect_if(NULL, STALE, "PUT", NEW, "{\"weights\": {\"3\": 100}}", 200);
    expect_if(NULL, "*", "PUT", "/functions/made", MADE, 200);
    expect_if(NULL, "*", "PUT", "/functions/made", MADE, 412);
    expect_if("*", NULL, "PUT", "/functions/unmade", MADE, 412);
}

static void what_there_is_not_is_not_found_first(void **state)
{
    (void)state;
    api.if_match = STALE;
    api_expect("DELETE", NEW, NULL, 404, "ResourceNotFoundException", NULL);
    api_expect("DELETE", "/functions/none", NULL, 404, "ResourceNotFoundException", NULL);
    api_expect("PUT", "/functions/none/aliases/a", "{}", 404, "ResourceNotFoundException", NULL);
    api.if_match = NULL;
}

/* A revision that is made of a text which found no memory would be another one. */
static void without_memory_there_is_no_revision(void **state)
{
    static const struct {
        enum change_kind kind;
        struct str name;
    } things[] = {
        {CHANGE_FUNCTION, {"", 0}}, {CHANGE_VERSION, {"1", 1}}, {CHANGE_ALIAS, {"live", 4}}};

    (void)state;
    failmalloc_skip();
    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
        char truth[CHANGE_REVISION_SIZE], revision[CHANGE_REVISION_SIZE];
        int nr_failed = 0, r = -1;

        assert_int_equal(
            change_revision(&api_hooks, things[i].kind, STR("hello"), things[i].name, truth), 0);
        for (long n = 1; r < 0; n++) {
            bool has_failed;

            failmalloc_arm(n);
            r = change_revision(&api_hooks, things[i].kind, STR("hello"), things[i].name, revision);
            has_failed = failmalloc_disarm();
            assert_true(r == 0 || has_failed);
            nr_failed += has_failed;
        }
        assert_string_equal(revision, truth);
        assert_true(nr_failed > 2);
    }
}

static void without_memory_there_is_no_etag(void **state)
{
    struct etag truth, etag;
    bool has_failed = true;

    (void)state;
    failmalloc_skip();
    assert_int_equal(etag_function(&api_hooks, STR("hello"), &truth), 0);
    for (long n = 1; has_failed; n++) {
        int r;

        failmalloc_arm(n);
        r = etag_function(&api_hooks, STR("hello"), &etag);
        has_failed = failmalloc_disarm();
        if (r == 0)
            assert_string_equal(etag.text, truth.text);
        else
            assert_true(has_failed);
    }
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_etag_of_an_alias_is_its_revision),
        test(a_change_that_names_the_latest_is_made_and_one_that_names_another_is_not),
        test(the_answer_of_a_change_has_the_etag_that_is_next),
        test(the_etag_of_a_function_is_of_its_parts_too),
        test(the_etag_of_the_table_is_of_its_generation),
        test(conditions_are_lists_and_may_be_anything),
        test(what_must_not_be_there_is_made_only_where_it_is_not),
        test(what_there_is_not_is_not_found_first),
        test(without_memory_there_is_no_revision),
        test(without_memory_there_is_no_etag),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
