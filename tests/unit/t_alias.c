/* GET and PUT of an alias in the table's own words: what is read, what is changed, what stays, and
 * that what is wrong is said as the table document says it. */
#include "tests/unit/api_fixture.h"

#define LIVE "/functions/hello/aliases/live"
#define BETA "/functions/hello/aliases/beta"
#define AT   "$.functions.hello.aliases.live"

static const struct target *find(const char *alias)
{
    return table_find(api.table, STR("hello"), str_of(alias), NULL);
}

static void put(const char *target, const char *body)
{
    json_decref(api_get("PUT", target, body));
}

static void an_alias_is_written_as_in_the_table(void **state)
{
    struct api_response table = api_ask("GET", "/table", NULL);
    json_t *document = json_loads(table.body, 0, NULL);
    json_t *aliases, *expected;
    const char *name;

    (void)state;
    aliases = json_object_get(json_object_get(json_object_get(document, "functions"), "hello"),
                              "aliases");
    assert_int_equal(json_object_size(aliases), 3);
    json_object_foreach(aliases, name, expected)
    {
        char target[128];
        json_t *alias;

        snprintf(target, sizeof(target), "/functions/hello/aliases/%s", name);
        alias = api_get("GET", target, NULL);
        assert_true(json_equal(alias, expected));
        json_decref(alias);
    }
    json_decref(document);
    free(table.body);
}

static void what_was_put_is_in_force_and_answered(void **state)
{
    uint64_t generation = api.table->generation;
    json_t *answer, *again;

    (void)state;
    answer = api_get("PUT", LIVE, "{\"weights\": {\"3\": 33.3333333, \"1\": 66.6666667}}");
    assert_int_equal(api.nr_changes, 1);
    assert_int_equal(api.table->generation, generation + 1);
    assert_int_equal(find("live")->nr_arms, 2);
    assert_true(str_eq(find("live")->arms[0].version->name, STR("3")));
    assert_int_equal(find("live")->arms[0].weight, 333333333);
    assert_int_equal(find("live")->arms[1].weight, 666666667);
    again = api_get("GET", LIVE, NULL);
    assert_true(json_equal(answer, again));
    assert_true(json_real_value(json_object_get(json_object_get(again, "weights"), "3")) ==
                33.3333333);
    json_decref(answer);
    json_decref(again);
    api_expect("GET", "/table", NULL, 200, NULL, "\"3\": 33.3333333");
    assert_ptr_equal(table_target(api.table, find("live")->index), find("live"));
}

static void what_is_read_can_be_put(void **state)
{
    struct api_response before = api_ask("GET", BETA, NULL), after;

    (void)state;
    put(BETA, before.body);
    after = api_ask("GET", BETA, NULL);
    assert_string_equal(before.body, after.body);
    free(before.body);
    free(after.body);
}

static void what_is_left_out_stays(void **state)
{
    (void)state;
    put(BETA, "{\"weights\": {\"2\": 50, \"1\": 50}}");
    assert_int_equal(find("beta")->mode, SPLIT_RANDOM);
    assert_true(find("beta")->is_failover);
    assert_true(str_eq(find("beta")->description, STR("for testers")));
    put(BETA, "{\"weights\": {\"2\": 100}, \"split\": \"exact\", \"description\": \"\","
              " \"on_unavailable\": \"reject\"}");
    assert_int_equal(find("beta")->mode, SPLIT_EXACT);
    assert_false(find("beta")->is_failover);
    assert_int_equal(find("beta")->description.n, 0);
    put(LIVE, "{\"weights\": {\"1\": 100}, \"description\": \"\\u00e9\"}");
    assert_true(str_eq(find("live")->description, STR("é")));
    put(LIVE, "{\"weights\": {\"1\": 99, \"3\": 1}}");
    assert_true(str_eq(find("live")->description, STR("é")));
}

/* One by one, with a change of weights before each invocation that has not had its turn. */
static void the_split_stays_exact_through_changes(void **state)
{
    int slot = qsbr_register(fixture.domain);
    int64_t due = 0, got = 0;
    struct prng rng;

    (void)state;
    prng_seed(&rng, 1);
    for (int i = 0; i < 2000; i++) {
        int arm;

        if (i % 7 == 0) {
            char body[64];
            snprintf(body, sizeof(body), "{\"weights\": {\"1\": %d, \"2\": %d}}", 100 - i % 13,
                     i % 13);
            put(LIVE, body);
        }
        qsbr_online(fixture.domain, slot);
        arm = split_pick(find("live")->split, &rng);
        qsbr_offline(fixture.domain, slot);
        assert_true(arm == 0 || arm == 1);
        due += find("live")->arms[1].weight;
        got += arm;
        assert_true(llabs(due - got * SPLIT_ONE) < SPLIT_ONE);
    }
    qsbr_unregister(fixture.domain, slot);
}

static void a_reload_puts_the_documents_weights_in_force_once_they_are_others(void **state)
{
    (void)state;
    put(LIVE, "{\"weights\": {\"3\": 100}}");
    api_reload_changed("http://h:2", "http://h:22");
    assert_int_equal(find("live")->nr_arms, 1);
    api_reload_changed("\"1\": 95, \"2\": 5", "\"1\": 90, \"2\": 10");
    assert_int_equal(find("live")->nr_arms, 2);
    assert_int_equal(find("live")->arms[0].weight, 900000000);
}

static void names_may_be_percent_encoded(void **state)
{
    (void)state;
    api_expect("GET", "/functions/%68ello/aliases/l%69ve", NULL, 200, NULL, "95");
    api_expect("GET", "/functions/hello/aliases/live%00", NULL, 404, "ResourceNotFoundException",
               "no alias");
    api_expect("GET", "/functions/hello/aliases/%zz", NULL, 404, "ResourceNotFoundException",
               "names no alias of the function");
    api_expect("GET", "/functions/%ff/aliases/live", NULL, 404, "ResourceNotFoundException",
               "names no function");
    api_expect("GET", "/functions//aliases/live", NULL, 404, "ResourceNotFoundException",
               "names no function");
}

static void what_is_unknown_is_not_found(void **state)
{
    (void)state;
    api_expect("GET", "/functions/hallo/aliases/live", NULL, 404, "ResourceNotFoundException",
               "There is no function \\\"hallo\\\"");
    api_expect("GET", "/functions/hello/aliases/love", NULL, 404, "ResourceNotFoundException",
               "The function \\\"hello\\\" has no alias \\\"love\\\"");
    /* Versions are no aliases. */
    api_expect("GET", "/functions/hello/aliases/1", NULL, 404, "ResourceNotFoundException", "");
    api_expect("PUT", "/functions/hello/aliases/$LATEST", "{\"weights\": {\"1\": 100}}", 400,
               "ValidationException", "is no alias name");
    api_expect("PUT", "/functions/hallo/aliases/new", "{\"weights\": {\"1\": 100}}", 404,
               "ResourceNotFoundException", "There is no function");
    api_expect("DELETE", "/functions/hello/aliases/1", NULL, 404, "ResourceNotFoundException", "");
    assert_int_equal(api.nr_changes, 0);
}

/* ---- What is wrong --------------------------------------------------------------------------- */

static const struct {
    const char *body, *code, *path, *part;
} bads[] = {
    {"", "empty", "$", "the document is empty"},
    {"{", "syntax", "$", "ends too early"},
    {"[]", "wrong_type", "$", ""},
    {"{}", "missing", AT, "weights"},
    {"{\"weights\": 3}", "wrong_type", AT ".weights", "must be an object"},
    {"{\"weights\": {}}", "empty", AT ".weights", "{\\\"1\\\": 100}"},
    {"{\"weights\": {\"1\": 95, \"2\": 4}}", "weight_sum", AT ".weights", "1 too little"},
    {"{\"weights\": {\"1\": 95, \"9\": 5}}", "unknown_version", AT ".weights.9",
     "no version \\\"9\\\""},
    {"{\"weights\": {\"1\": 100, \"1\": 0}}", "duplicate_key", "$", "twice"},
    {"{\"weights\": {\"1\": \"100\"}}", "wrong_type", AT ".weights.1", "a number of percent"},
    {"{\"weights\": {\"1\": 101}}", "out_of_range", AT ".weights.1", "0 to 100"},
    {"{\"weights\": {\"1\": 99.99999999, \"2\": 0.00000001}}", "weight_places", AT ".weights.1",
     "seven places"},
    {"{\"weights\": {\"$LATEST\": 50, \"1\": 50}}", "latest_shared", AT ".weights", "$LATEST"},
    {"{\"weights\": {\"1\": 100}, \"split\": \"even\"}", "bad_value", AT ".split", "exact"},
    {"{\"weights\": {\"1\": 100}, \"wieghts\": {}}", "unknown_key", AT ".wieghts", "weights"},
    {"{\"weights\": {\"1\": 100}, \"description\": null}", "wrong_type", AT ".description", ""},
};

static void mistakes_are_told_as_in_the_table_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        char part[256];

        snprintf(part, sizeof(part), "\"code\":\"%s\"", bads[i].code);
        api_expect("PUT", LIVE, bads[i].body, 400, "ValidationException", part);
        snprintf(part, sizeof(part), "\"path\":\"%s\"", bads[i].path);
        api_expect("PUT", LIVE, bads[i].body, 400, "ValidationException", part);
        api_expect("PUT", LIVE, bads[i].body, 400, "ValidationException", bads[i].part);
    }
    assert_int_equal(api.nr_changes, 0);
}

static void all_mistakes_are_told_at_once(void **state)
{
    const char *body = "{\"weights\": {\"1\": 95, \"9\": 6}, \"split\": \"x\", \"more\": 1}";
    static const char *const codes[] = {"weight_sum", "unknown_version", "bad_value",
                                        "unknown_key"};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        api_expect("PUT", LIVE, body, 400, "ValidationException", codes[i]);
}

static void seventeen_versions_are_too_many(void **state)
{
    char body[1024] = "{\"weights\": {";

    (void)state;
    for (int i = 0; i <= SPLIT_ARMS_MAX; i++)
        snprintf(body + strlen(body), sizeof(body) - strlen(body), "\"%d\": 1, ", i + 1);
    snprintf(body + strlen(body), sizeof(body) - strlen(body), "\"100\": 0}}");
    api_expect("PUT", LIVE, body, 400, "ValidationException", "too_many");
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    api.is_out_of_memory = true;
    api_expect("PUT", LIVE, "{\"weights\": {\"1\": 100}}", 503, "ServiceException", NULL);
    api_expect("GET", LIVE, NULL, 200, NULL, "95");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_alias_is_written_as_in_the_table),
        test(what_was_put_is_in_force_and_answered),
        test(what_is_read_can_be_put),
        test(what_is_left_out_stays),
        test(the_split_stays_exact_through_changes),
        test(a_reload_puts_the_documents_weights_in_force_once_they_are_others),
        test(names_may_be_percent_encoded),
        test(what_is_unknown_is_not_found),
        test(mistakes_are_told_as_in_the_table_document),
        test(all_mistakes_are_told_at_once),
        test(seventeen_versions_are_too_many),
        test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
