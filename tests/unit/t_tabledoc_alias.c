/* Aliases of the table document: weights above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define ENDPOINTS "{\"endpoints\": [\"http://h\"]}"
/* A document with four versions and these aliases. */
#define ALIASES(members)                                                                           \
    "{\"functions\": {\"f\": {\"versions\": {\"1\": " ENDPOINTS ", \"2\": " ENDPOINTS              \
    ", \"30\": " ENDPOINTS ", \"$LATEST\": " ENDPOINTS "}, \"aliases\": {" members "}}}}"
#define LIVE(members)    ALIASES("\"live\": {" members "}")
#define WEIGHTS(members) LIVE("\"weights\": {" members "}")
#define AT               "$.functions.f.aliases.live"

static struct target *live(const struct table *table)
{
    struct target *target = table_find(table, STR("f"), STR("live"), NULL);

    assert_non_null(target);
    return target;
}

static void defaults_hold(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"1\": 100"));
    const struct target *target = live(table);

    (void)state;
    assert_int_equal(target->mode, SPLIT_EXACT);
    assert_false(target->is_failover);
    assert_int_equal(target->description.n, 0);
    assert_int_equal(target->nr_arms, 1);
    assert_int_equal(target->arms[0].weight, SPLIT_ONE);
    fixture_drop(&table);
}

static void every_key_is_taken(void **state)
{
    struct table *table =
        fixture_good(LIVE("\"weights\": {\"1\": 100}, \"split\": \"random\","
                          "\"description\": \"é\", \"on_unavailable\": \"failover\""));
    const struct target *target = live(table);

    (void)state;
    assert_int_equal(target->mode, SPLIT_RANDOM);
    assert_true(target->is_failover);
    assert_true(str_eq(target->description, STR("é")));
    fixture_drop(&table);
}

static void the_documents_order_is_kept(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"30\": 20, \"2\": 0, \"1\": 80"));
    const struct target *target = live(table);

    (void)state;
    assert_int_equal(target->nr_arms, 3);
    assert_true(str_eq(target->arms[0].version->name, STR("30"))); /* the primary version */
    assert_true(str_eq(target->arms[1].version->name, STR("2")));
    assert_true(str_eq(target->arms[2].version->name, STR("1")));
    assert_int_equal(target->arms[1].weight, 0);
    fixture_drop(&table);
}

static void decimals_are_exact(void **state)
{
    static const struct {
        const char *text;
        uint32_t weights[3];
    } cases[] = {
        {WEIGHTS("\"1\": 33.3333333, \"2\": 33.3333333, \"30\": 33.3333334"),
         {333333333, 333333333, 333333334}},
        {WEIGHTS("\"1\": 99.9999999, \"2\": 0.0000001, \"30\": 0"), {999999999, 1, 0}},
        {WEIGHTS("\"1\": 50.0, \"2\": 4.95e1, \"30\": 0.5000000"), {500000000, 495000000, 5000000}},
        {WEIGHTS("\"1\": 0.1, \"2\": 0.2, \"30\": 99.7"), {1000000, 2000000, 997000000}},
        {WEIGHTS("\"1\": 1E2, \"2\": 0e5, \"30\": -0"), {SPLIT_ONE, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table *table = fixture_good(cases[i].text);
        for (int k = 0; k < 3; k++)
            assert_int_equal(live(table)->arms[k].weight, cases[i].weights[k]);
        fixture_drop(&table);
    }
}

static void latest_may_have_all_of_an_alias(void **state)
{
    struct table *table = fixture_good(WEIGHTS("\"$LATEST\": 100"));

    (void)state;
    assert_true(str_eq(live(table)->arms[0].version->name, STR("$LATEST")));
    fixture_drop(&table);
}

static const struct fixture_bad bads[] = {
    {ALIASES("\"live\": {\"1\": 100}"), "unknown_key", AT ".1", "known here: weights"},
    {ALIASES("\"live\": \"1\""), "wrong_type", AT, "must be an object such as {\"weights\""},
    {LIVE(""), "missing", AT, "\"weights\" is missing"},
    {LIVE("\"weights\": [1]"), "wrong_type", AT ".weights", "must be an object of versions"},
    {LIVE("\"weight\": {\"1\": 100}, \"weights\": {\"1\": 100}"), "unknown_key", AT ".weight",
     "did you mean \"weights\"?"},
    {LIVE("\"weights\": {\"1\": 100}, \"split\": \"sticky\""), "bad_value", AT ".split",
     "must be \"exact\" or \"random\" or an object {\"sticky\": {\"key\": [...]}}, not \"sticky\""},
    {LIVE("\"weights\": {\"1\": 100}, \"on_unavailable\": \"retry\""), "bad_value",
     AT ".on_unavailable", "must be \"reject\" or \"failover\", not \"retry\""},
    {LIVE("\"weights\": {\"1\": 100}, \"description\": 1"), "wrong_type", AT ".description",
     "a text of at most 256 characters"},
    /* names */
    {ALIASES("\"123\": {\"weights\": {\"1\": 100}}"), "bad_name", "$.functions.f.aliases.123",
     "\"123\" would be a version; an alias has a letter"},
    {ALIASES("\"\": {\"weights\": {\"1\": 100}}"), "bad_name", "$.functions.f.aliases[\"\"]",
     "1 to 128 letters"},
    {ALIASES("\"li ve\": {\"weights\": {\"1\": 100}}"), "bad_name",
     "$.functions.f.aliases[\"li ve\"]", "\"li ve\" is no alias name"},
    {ALIASES("\"$LATEST\": {\"weights\": {\"1\": 100}}"), "bad_name",
     "$.functions.f.aliases.$LATEST", "is no alias name"},
    /* weights */
    {WEIGHTS(""), "empty", AT ".weights", "points to a version at least"},
    {WEIGHTS("\"1\": \"100\""), "wrong_type", AT ".weights.1",
     "must be a number of percent such as 95 or 33.3333333, not a string"},
    {WEIGHTS("\"1\": null"), "wrong_type", AT ".weights.1", "not null"},
    {WEIGHTS("\"1\": true"), "wrong_type", AT ".weights.1", "not true"},
    {WEIGHTS("\"1\": -1, \"2\": 101"), "out_of_range", AT ".weights.1", "0 to 100 percent, not -1"},
    {WEIGHTS("\"1\": -1, \"2\": 101"), "out_of_range", AT ".weights.2", "not 101"},
    {WEIGHTS("\"1\": 1e300"), "out_of_range", AT ".weights.1", "not 1e+300"},
    {WEIGHTS("\"1\": 99999999999999999"), "out_of_range", AT ".weights.1", "0 to 100 percent"},
    {WEIGHTS("\"1\": 100.0000001"), "out_of_range", AT ".weights.1", "not 100.0000001"},
    {WEIGHTS("\"1\": 33.33333333, \"2\": 66.66666667"), "weight_places", AT ".weights.1",
     "33.33333333 has more than seven places after the point; the nearest weight is 33.3333333"},
    {WEIGHTS("\"1\": 33.33333333, \"2\": 66.66666667"), "weight_places", AT ".weights.2",
     "the nearest weight is 66.6666667"},
    {WEIGHTS("\"1\": 95, \"2\": 4"), "weight_sum", AT ".weights",
     "the weights total 99 percent, 1 too little; they must total exactly 100"},
    {WEIGHTS("\"1\": 95, \"2\": 5.0000001"), "weight_sum", AT ".weights",
     "total 100.0000001 percent, 0.0000001 too much"},
    {WEIGHTS("\"1\": 33.3333333, \"2\": 33.3333333, \"30\": 33.3333333"), "weight_sum",
     AT ".weights", "total 99.9999999 percent, 0.0000001 too little"},
    {WEIGHTS("\"1\": 0"), "weight_sum", AT ".weights", "total 0 percent, 100 too little"},
    {WEIGHTS("\"1\": 100, \"2\": 100, \"30\": 100"), "weight_sum", AT ".weights",
     "total 300 percent, 200 too much"},
    {WEIGHTS("\"1\": 50, \"3\": 50"), "unknown_version", AT ".weights.3",
     "this function has no version \"3\" (known: 1, 2, 30, $LATEST)"},
    {WEIGHTS("\"$Latest\": 100"), "unknown_version", AT ".weights.$Latest",
     "did you mean \"$LATEST\"?"},
    {WEIGHTS("\"1\": 50, \"$LATEST\": 50"), "latest_shared", AT ".weights",
     "$LATEST cannot share an alias"},
    {WEIGHTS("\"$LATEST\": 100, \"1\": 0"), "latest_shared", AT ".weights",
     "$LATEST cannot share an alias"},
};

static void what_is_wrong_is_said_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 0);
}

static void a_long_description_is_refused(void **state)
{
    char text[1024];
    struct fixture_bad bad = {text, "bad_value", AT ".description", "is too long"};

    (void)state;
    snprintf(text, sizeof(text), LIVE("\"weights\": {\"1\": 100}, \"description\": \"%0257d\""), 0);
    fixture_expect(&bad, 1);
}

/* nr versions share an alias evenly, as far as that goes. */
static char *write_shared(int nr)
{
    size_t room = (size_t)nr * 100 + 200;
    char *text = malloc(room), *p = text, *end = text + room;
    int rest = 1000;

    assert_non_null(text);
    p += snprintf(p, (size_t)(end - p), "{\"functions\": {\"f\": {\"versions\": {");
    for (int i = 1; i <= nr; i++)
        p += snprintf(p, (size_t)(end - p), "%s\"%d\": " ENDPOINTS, i > 1 ? "," : "", i);
    p += snprintf(p, (size_t)(end - p), "}, \"aliases\": {\"live\": {\"weights\": {");
    for (int i = 1; i <= nr; i++) {
        int weight = i == nr ? rest : 1000 / nr;
        p += snprintf(p, (size_t)(end - p), "%s\"%d\": %d.%d", i > 1 ? "," : "", i, weight / 10,
                      weight % 10);
        rest -= weight;
    }
    snprintf(p, (size_t)(end - p), "}}}}}}");
    return text;
}

static void sixty_four_versions_can_share_an_alias_and_no_more(void **state)
{
    char *text = write_shared(64);
    struct table *table = fixture_good(text);
    struct fixture_bad bad = {NULL, "too_many", AT ".weights",
                              "has 65 versions; an alias has 64 at most"};

    (void)state;
    assert_int_equal(live(table)->nr_arms, 64);
    fixture_drop(&table);
    free(text);
    text = write_shared(65);
    bad.text = text;
    fixture_expect(&bad, 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(defaults_hold),
        test(every_key_is_taken),
        test(the_documents_order_is_kept),
        test(decimals_are_exact),
        test(latest_may_have_all_of_an_alias),
        test(what_is_wrong_is_said_with_place_and_advice),
        test(a_long_description_is_refused),
        test(sixty_four_versions_can_share_an_alias_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
