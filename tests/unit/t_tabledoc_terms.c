/* The keys of an alias that few have: split, pin, override, audit, experiment, budget, guard; what
 * is wrong with them; and which map is in force after which document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_edit.h"
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define ENDPOINTS "{\"endpoints\": [\"http://h\"]}"
/* A function with four versions and this alias. */
#define FUNCTION(members)                                                                          \
    "{\"versions\": {\"1\": " ENDPOINTS ", \"2\": " ENDPOINTS ", \"30\": " ENDPOINTS               \
    ", \"$LATEST\": " ENDPOINTS "}, \"aliases\": {\"live\": {" members "}}}"
#define LIVE(members)       "{\"functions\": {\"f\": " FUNCTION(members) "}}"
#define HALVES              "\"weights\": {\"1\": 50, \"2\": 50}"
#define WITH(members)       LIVE(HALVES ", " members)
#define STICKY(members)     WITH("\"split\": {\"sticky\": {" members "}}")
#define KEY                 "\"key\": [{\"header\": \"x-user\"}]"
#define SOURCE(source)      STICKY("\"key\": [" source "]")
#define MAP(pieces)         STICKY(KEY ", \"map\": " pieces)
#define WEIGHTS(w, members) LIVE("\"weights\": {" w "}, \"split\": {\"sticky\": {" KEY members "}}")
#define AT                  "$.functions.f.aliases.live"
#define S                   AT ".split.sticky"

static struct target *live(const struct table *table)
{
    struct target *target = table_find(table, STR("f"), STR("live"), NULL);

    assert_non_null(target);
    return target;
}

static void most_aliases_have_no_terms(void **state)
{
    struct table *table = fixture_good(LIVE(HALVES));

    (void)state;
    assert_null(live(table)->terms);
    assert_null(live(table)->map);
    fixture_drop(&table);
}

static void a_sticky_split_has_its_sources_salt_and_map(void **state)
{
    struct table *table = fixture_good(
        SOURCE("{\"header\": \"X-User\"}, {\"cookie\": \"uid\", \"issue\": {\"max_age_s\": 9}},"
               "{\"query\": \"u\"}, {\"client_address\": {}}"));
    const struct target *target = live(table);
    const struct alias_sticky *sticky = target->terms->sticky;

    (void)state;
    assert_int_equal(target->mode, SPLIT_EXACT); /* of those who have no key */
    assert_int_equal(sticky->nr_sources, 4);
    assert_int_equal(sticky->sources[0].kind, ALIAS_SOURCE_HEADER);
    assert_true(str_eq(sticky->sources[0].name, STR("X-User")));
    assert_int_equal(sticky->sources[1].issue->max_age_s, 9);
    assert_true(sticky->sources[1].issue->is_secure && sticky->sources[1].issue->is_http_only);
    assert_true(str_eq(sticky->sources[1].issue->path, STR("/")));
    assert_int_equal(sticky->sources[2].kind, ALIAS_SOURCE_QUERY);
    assert_int_equal(sticky->sources[3].ipv4_bits, 32);
    assert_int_equal(sticky->sources[3].ipv6_bits, 64);
    assert_true(str_eq(sticky->salt, STR("f:live")));
    assert_true(sticky->seed == stickymap_seed(STR("f:live")));
    assert_false(sticky->has_namespace);
    assert_int_equal(target->map->nr, 2);
    assert_int_equal(target->map->ends[0], SPLIT_ONE / 2);
    assert_null(target->said_map);
    fixture_drop(&table);
}

static void the_other_keys_are_taken(void **state)
{
    struct table *table = fixture_good(
        WITH("\"pin\": {\"header\": \"x-pin\"}, \"audit\": {\"header\": \"x-version\"},"
             "\"override\": {\"networks\": [\"10.0.0.0/8\"]}, \"experiment\": {}"));
    const struct alias_terms *terms = live(table)->terms;

    (void)state;
    assert_null(terms->sticky);
    assert_int_equal(terms->pin->for_s, 3600);
    assert_true(str_eq(terms->pin->header, STR("x-pin")));
    assert_int_equal(terms->pin->cookie.n, 0);
    assert_true(str_eq(terms->override->header, STR("x-weir-override")));
    assert_int_equal(terms->override->nr_networks, 1);
    assert_false(terms->override->has_secret);
    assert_true(str_eq(terms->audit->header, STR("x-version")));
    assert_true(terms->experiment->alpha == 0.05);
    assert_true(str_eq(terms->experiment->outcome_header, STR("x-weir-outcome")));
    fixture_drop(&table);
}

static const struct fixture_bad bads[] = {
    {WITH("\"split\": {}"), "missing", AT ".split", "must be \"exact\", \"random\" or an object"},
    {WITH("\"split\": 1"), "wrong_type", AT ".split", "\"exact\" or \"random\""},
    {WITH("\"split\": {\"stick\": {}}"), "unknown_key", AT ".split.stick",
     "did you mean \"sticky\""},
    {WITH("\"split\": {\"sticky\": 1}"), "wrong_type", S, "an object such as {\"key\""},
    {STICKY(""), "missing", S, "\"key\" is missing"},
    {STICKY("\"key\": {}"), "wrong_type", S ".key", "an array of sources"},
    {STICKY("\"key\": []"), "empty", S ".key", "needs a source"},
    {STICKY(KEY ", \"salz\": \"a\""), "unknown_key", S ".salz", "did you mean \"salt\""},
    {STICKY(KEY ", \"salt\": \"\""), "bad_value", S ".salt", "is too short"},
    {SOURCE("1"), "wrong_type", S ".key[0]", "a source such as"},
    {SOURCE("{}"), "missing", S ".key[0]", "must be one source"},
    {SOURCE("{\"header\": \"a\", \"cookie\": \"b\"}"), "conflict", S ".key[0]",
     "must be one source"},
    {SOURCE("{\"heder\": \"a\"}"), "unknown_key", S ".key[0].heder", "did you mean \"header\""},
    {SOURCE("{\"header\": \"a b\"}"), "bad_value", S ".key[0].header", "a name cannot have"},
    {SOURCE("{\"cookie\": \"a;b\"}"), "bad_value", S ".key[0].cookie", "a name cannot have"},
    {SOURCE("{\"query\": \"\"}"), "bad_value", S ".key[0].query", "is too short"},
    {SOURCE("{\"client_address\": {\"ipv4_bits\": 33}}"), "out_of_range",
     S ".key[0].client_address.ipv4_bits", "1 to 32, not 33"},
    {SOURCE("{\"client_address\": {\"ipv6_bits\": 129}}"), "out_of_range",
     S ".key[0].client_address.ipv6_bits", "1 to 128, not 129"},
    {SOURCE("{\"client_address\": {\"bits\": 1}}"), "unknown_key", S ".key[0].client_address.bits",
     "known here: ipv4_bits, ipv6_bits"},
    {SOURCE("{\"header\": \"a\", \"issue\": {}}"), "conflict", S ".key[0].issue",
     "only a cookie can be issued"},
    {SOURCE("{\"cookie\": \"a\", \"issue\": {\"max_age_s\": 0}}"), "out_of_range",
     S ".key[0].issue.max_age_s", "not 0"},
    {SOURCE("{\"cookie\": \"a\", \"issue\": {\"same_site\": \"lax\"}}"), "bad_value",
     S ".key[0].issue.same_site", "\"Lax\", \"Strict\" or \"None\""},
    {SOURCE("{\"cookie\": \"a\", \"issue\": {\"same_site\": \"None\", \"secure\": false}}"),
     "conflict", S ".key[0].issue.same_site", "not Secure"},
    {SOURCE("{\"cookie\": \"a\", \"issue\": {\"path\": \"a\"}}"), "bad_value",
     S ".key[0].issue.path", "does not begin with a '/'"},
    {SOURCE("{\"cookie\": \"a\", \"issue\": {\"domain\": \"a b\"}}"), "bad_value",
     S ".key[0].issue.domain", "a host name such as"},
    /* maps */
    {MAP("{}"), "wrong_type", S ".map", "an array of pieces"},
    {MAP("[]"), "empty", S ".map", "a piece at least"},
    {MAP("[1]"), "wrong_type", S ".map[0]", "a version and where its piece ends"},
    {MAP("[[\"1\"]]"), "wrong_type", S ".map[0]", "a version and where its piece ends"},
    {MAP("[[1, 100]]"), "wrong_type", S ".map[0][0]", "a version such as"},
    {MAP("[[\"1\", \"100\"]]"), "wrong_type", S ".map[0][1]", "a number of percent"},
    {MAP("[[\"1\", 95]]"), "map_end", S ".map[0][1]",
     "the last piece ends at 95 percent; the map must end at exactly 100"},
    {MAP("[[\"1\", 101]]"), "out_of_range", S ".map[0][1]", "0 to 100 percent, not 101"},
    {MAP("[[\"1\", 33.33333333], [\"2\", 100]]"), "weight_places", S ".map[0][1]",
     "more than seven places"},
    {MAP("[[\"1\", 60], [\"2\", 50], [\"1\", 100]]"), "map_order", S ".map[1][1]",
     "ends at 50 percent, before it begins: the one before ends at 60"},
    {MAP("[[\"1\", 50], [\"3\", 100]]"), "unknown_version", S ".map[1][0]",
     "no version \"3\" (known: 1, 2, 30, $LATEST)"},
    /* namespaces */
    {STICKY(KEY ", \"namespace\": 1"), "wrong_type", S ".namespace", "an object such as"},
    {STICKY(KEY ", \"namespace\": {}"), "missing", S ".namespace", "\"salt\" is missing"},
    {STICKY(KEY ", \"namespace\": {\"salt\": \"a\", \"from\": 50, \"to\": 50}"), "conflict",
     S ".namespace", "from, 50, is not below to, 50"},
    {STICKY(KEY ", \"namespace\": {\"salt\": \"a\", \"to\": 101}"), "out_of_range",
     S ".namespace.to", "0 to 100 percent"},
    {STICKY(KEY ", \"namespace\": {\"salt\": \"a\", \"form\": 1}"), "unknown_key",
     S ".namespace.form", "did you mean \"from\""},
    /* pins */
    {WITH("\"pin\": 1"), "wrong_type", AT ".pin", "an object such as"},
    {WITH("\"pin\": {}"), "missing", AT ".pin", "must say how pins travel"},
    {WITH("\"pin\": {\"header\": \"a\", \"cookie\": \"b\"}"), "conflict", AT ".pin",
     "must say how pins travel"},
    {WITH("\"pin\": {\"header\": \"a\", \"for_s\": 0}"), "out_of_range", AT ".pin.for_s", "not 0"},
    {WITH("\"pin\": {\"header\": \"content-length\"}"), "bad_value", AT ".pin.header",
     "already means something else"},
    {WITH("\"pin\": {\"header\": \"X-Amz-Executed-Version\"}"), "bad_value", AT ".pin.header",
     "names the version that ran"},
    {WITH("\"pin\": {\"header\": \"x-a\"}, \"override\": {\"header\": \"X-A\", \"networks\": "
          "[\"::1\"]}"),
     "conflict", AT ".override.header", "\"X-A\" is the header of this alias's pin"},
    {WITH("\"pin\": {\"header\": \"x-weir-override\"}, \"override\": {\"networks\": [\"::1\"]}"),
     "conflict", AT ".override.header", "is the header of this alias's pin"},
    {WITH("\"pin\": {\"header\": \"x-weir-outcome\"}, \"experiment\": {}"), "conflict",
     AT ".experiment.outcome_header", "is the header of this alias's pin"},
    {WITH("\"override\": {\"header\": \"a\", \"networks\": [\"::1\"]}, \"experiment\": "
          "{\"outcome_header\": \"A\"}"),
     "conflict", AT ".experiment.outcome_header", "is the header of this alias's override"},
    {WITH("\"pin\": {\"cookie\": \"c\"}, \"split\": {\"sticky\": {\"key\": [{\"header\": \"h\"}, "
          "{\"cookie\": \"c\"}]}}"),
     "conflict", AT ".pin.cookie", "is a cookie with callers' keys"},
    {WITH("\"pin\": {\"cookie\": \"a=b\"}"), "bad_value", AT ".pin.cookie", "a name cannot have"},
    {WITH("\"pin\": {\"cookie\": \"a\", \"age\": 1}"), "unknown_key", AT ".pin.age", "known here"},
    /* overrides */
    {WITH("\"override\": {}"), "missing", AT ".override", "who may override"},
    {WITH("\"override\": {\"networks\": []}"), "empty", AT ".override.networks", "needs a network"},
    {WITH("\"override\": {\"networks\": [\"10.0.0.1/8\"]}"), "bad_value",
     AT ".override.networks[0]", "\"10.0.0.1/8\" is no network"},
    {WITH("\"override\": {\"networks\": [1]}"), "wrong_type", AT ".override.networks[0]",
     "a network such as"},
    {WITH("\"override\": {\"secret_sha256\": \"ab\"}"), "bad_value", AT ".override.secret_sha256",
     "the value is too short"},
    {WITH("\"override\": {\"secret\": \"ab\"}"), "unknown_key", AT ".override.secret",
     "known here: header, secret_sha256, networks"},
    /* measures */
    {WITH("\"audit\": {}"), "missing", AT ".audit", "\"header\" is missing"},
    {WITH("\"audit\": true"), "wrong_type", AT ".audit", "an object such as"},
    {WITH("\"experiment\": {\"alpha\": 0}"), "out_of_range", AT ".experiment.alpha", "0.05, not 0"},
    {WITH("\"experiment\": {\"alpha\": \"a\"}"), "wrong_type", AT ".experiment.alpha",
     "a number such as 0.05"},
    {WITH("\"experiment\": {\"outcome_header\": \"te\"}"), "bad_value",
     AT ".experiment.outcome_header", "the name of a header"},
    {WITH("\"experiment\": []"), "wrong_type", AT ".experiment", "an object such as"},
    {WITH("\"budget\": 20"), "wrong_type", AT ".budget", "{\"failures\": 20}"},
    {WITH("\"budget\": {}"), "missing", AT ".budget", "\"failures\" is missing"},
    {WITH("\"budget\": {\"failures\": 0}"), "out_of_range", AT ".budget.failures", "1"},
    {WITH("\"budget\": {\"failures\": 1.5}"), "wrong_type", AT ".budget.failures", ""},
    {WITH("\"guard\": true"), "wrong_type", AT ".guard", "{\"alpha\": 0.01}"},
    {WITH("\"guard\": {}"), "missing", AT ".guard", "\"alpha\" is missing"},
    {WITH("\"guard\": {\"alpha\": 0.6}"), "out_of_range", AT ".guard.alpha", "0.01, not 0.6"},
    {WITH("\"guard\": {\"alpha\": \"a\"}"), "wrong_type", AT ".guard.alpha", "0.01"},
};

static void what_is_wrong_is_said_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 0);
}

/* ---- Maps in force --------------------------------------------------------------------------- */

static void expect_map(const struct table *table, const char *text)
{
    json_t *alias = tabledoc_alias_write(live(table));
    const json_t *sticky = json_object_get(json_object_get(alias, "split"), "sticky");
    char *is = json_dumps(json_object_get(sticky, "map"), JSON_COMPACT | JSON_REAL_PRECISION(9));

    assert_string_equal(is ? is : "none", text);
    free(is);
    json_decref(alias);
}

static struct table *take(const char *text, struct table **previous)
{
    struct problems problems = {0};
    struct table *table = fixture_build(text, *previous, &problems);

    assert_non_null(table);
    fixture_drop(previous);
    return table;
}

static void without_a_map_that_in_force_is_edited(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"1\": 95, \"2\": 5, \"30\": 0", ""));

    (void)state;
    expect_map(table, "[[\"1\",95],[\"2\",100]]");
    table = take(WEIGHTS("\"1\": 90, \"2\": 5, \"30\": 5", ""), &table);
    expect_map(table, "[[\"1\",90],[\"30\",95],[\"2\",100]]");
    assert_null(live(table)->said_map);
    table = take(LIVE("\"weights\": {\"2\": 100}"), &table);
    expect_map(table, "none");
    fixture_drop(&table);
}

/* It says the same on every machine, whatever was in force before. */
static void a_documents_own_map_is_the_base(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"1\": 95, \"2\": 5", ""));

    (void)state;
    table = take(WEIGHTS("\"1\": 90, \"2\": 10", ", \"map\": [[\"2\", 5], [\"1\", 100]]"), &table);
    expect_map(table, "[[\"2\",10],[\"1\",100]]");
    table = take(WEIGHTS("\"1\": 98, \"2\": 2", ", \"map\": [[\"2\", 5], [\"1\", 100]]"), &table);
    expect_map(table, "[[\"2\",2],[\"1\",100]]");
    assert_non_null(live(table)->said_map);
    fixture_drop(&table);
}

static void a_map_may_name_a_version_that_has_left_the_alias(void **state)
{
    struct table *table =
        fixture_good(WEIGHTS("\"1\": 90, \"2\": 10", ", \"map\": [[\"1\", 90], [\"30\", 100]]"));

    (void)state;
    expect_map(table, "[[\"1\",90],[\"2\",100]]");
    fixture_drop(&table);
}

static uint64_t digest_of(const struct table *table)
{
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = table_alias_spec(live(table), arms);

    return tabledoc_digest_alias(&spec);
}

/* What the API writes back is what was in force: that says nothing new of the map. */
static struct table *edit(struct table **previous, const char *weights)
{
    struct function *function = table_function(*previous, STR("f"));
    json_t *document = tabledoc_alias_write(live(*previous)), *whole;
    struct tabledoc_edit an_edit = {.function = "f"};
    struct problems problems = {0};
    struct table *table;

    (void)function;
    if (weights)
        assert_int_equal(json_object_set_new(document, "weights", json_loads(weights, 0, NULL)), 0);
    whole = json_loads(FUNCTION(HALVES), 0, NULL);
    assert_non_null(whole);
    json_object_set_new(json_object_get(whole, "aliases"), "live", document);
    an_edit.document = whole;
    table = tabledoc_edit(fixture.registry, *previous, &an_edit, 1, &problems);
    if (!table)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    json_decref(whole);
    fixture_drop(previous);
    return table;
}

static void an_edit_of_a_function_says_nothing_new_of_a_map(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"1\": 95, \"2\": 5, \"30\": 0", ""));
    uint64_t before;

    (void)state;
    table = take(WEIGHTS("\"1\": 90, \"2\": 5, \"30\": 5", ""), &table);
    before = digest_of(table);
    table = edit(&table, NULL);
    expect_map(table, "[[\"1\",90],[\"30\",95],[\"2\",100]]");
    assert_null(live(table)->said_map);
    assert_true(digest_of(table) == before);
    table = edit(&table, "{\"1\": 85, \"2\": 5, \"30\": 10}");
    expect_map(table, "[[\"1\",85],[\"30\",95],[\"2\",100]]");
    assert_null(live(table)->said_map);
    assert_true(digest_of(table) != before);
    table = edit(&table, "{\"1\": 90, \"2\": 5, \"30\": 5}");
    assert_true(digest_of(table) == before);
    fixture_drop(&table);
}

static void a_change_of_weights_alone_edits_the_map_in_force(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"1\": 95, \"2\": 5, \"30\": 0", "")), *next;
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = table_alias_spec(live(table), arms);

    (void)state;
    arms[0].weight -= 50000000;
    arms[2].weight += 50000000;
    next = table_with_alias(table, live(table), &spec);
    assert_non_null(next);
    fixture_drop(&table);
    expect_map(next, "[[\"1\",90],[\"30\",95],[\"2\",100]]");
    fixture_drop(&next);
}

static void what_says_the_same_has_the_same_digest(void **state)
{
    struct table *one = fixture_good(SOURCE("{\"cookie\": \"a\", \"issue\": {}}"));
    struct table *two =
        fixture_good(SOURCE("{\"issue\": {\"path\": \"/\", \"secure\": true}, \"cookie\": \"a\"}"));
    struct table *other = fixture_good(SOURCE("{\"cookie\": \"a\"}"));
    struct table *mapped = fixture_good(MAP("[[\"1\", 50], [\"2\", 100]]"));
    struct table *bare = fixture_good(STICKY(KEY));

    (void)state;
    assert_true(digest_of(one) == digest_of(two));
    assert_true(digest_of(one) != digest_of(other));
    assert_true(digest_of(mapped) != digest_of(bare));
    fixture_drop(&one);
    fixture_drop(&two);
    fixture_drop(&other);
    fixture_drop(&mapped);
    fixture_drop(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(most_aliases_have_no_terms),
        test(a_sticky_split_has_its_sources_salt_and_map),
        test(the_other_keys_are_taken),
        test(what_is_wrong_is_said_with_place_and_advice),
        test(without_a_map_that_in_force_is_edited),
        test(a_documents_own_map_is_the_base),
        test(a_map_may_name_a_version_that_has_left_the_alias),
        test(an_edit_of_a_function_says_nothing_new_of_a_map),
        test(a_change_of_weights_alone_edits_the_map_in_force),
        test(what_says_the_same_has_the_same_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
