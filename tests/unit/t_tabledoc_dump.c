/* Tables to documents and back; and what holds for every document: that no mutation of one crashes,
 * that no allocation failure leaks or goes unnoticed, and that a large one is read fast and leaves
 * nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>

#include "base/prng.h"
#include "failmalloc.h"
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Says something other than the default about everything, in an order of its own. */
static const char full[] =
    "{\"functions\": {"
    " \"zeta\": {"
    "  \"limits\": {\"max_in_flight\": 5}, \"concurrency\": 3, \"last_version\": 12,"
    "  \"tags\": {\"team\": \"a\"}, \"dead_letter\": \"alpha:1\", \"urls\": {\"beta\": {}},"
    "  \"versions\": {"
    "   \"12\": {\"endpoints\": [\"http://127.0.0.1:9001\", \"https://Fn.example/base/\"],"
    "     \"host\": \"a.example:81\", \"allow_upgrade\": false, \"configuration\": {\"x\": [1.5]}, "
    "\"timeout_ms\": 3500,"
    "     \"headers\": {\"x-api-key\": \"s e\", \"Authorization\": \"\"},"
    "     \"limits\": {\"max_in_flight\": 1, \"max_connections\": 2},"
    "     \"timeouts\": {\"connect_ms\": 3, \"response_head_ms\": 4, \"stream_idle_ms\": 5},"
    "     \"health_check\": {\"path\": \"/h?x=1\", \"interval_ms\": 100, \"status_max\": 299},"
    "     \"ejection\": {\"slow_start_ms\": 13},"
    "     \"tls\": {\"verify\": false, \"server_name\": \"s.example\", \"certificate\": \"c.pem\","
    "             \"key\": \"k.pem\"}},"
    "   \"3\": {\"endpoints\": [\"http://[::1]:9003\"], \"kind\": \"rie\", \"preserve_host\": true,"
    "     \"health_check\": {\"type\": \"tcp\", \"rise\": 1}},"
    "   \"$LATEST\": {\"endpoints\": [\"https://latest.example\"], \"tls\": {\"ca_file\": "
    "\"ca\"}}},"
    "  \"aliases\": {"
    "   \"live\": {\"weights\": {\"3\": 66.6666667, \"12\": 33.3333333},"
    "     \"description\": \"\\u00e9 \\\"q\\\" \\\\ \\n\", \"on_unavailable\": \"failover\"},"
    "   \"stay\": {\"weights\": {\"3\": 50, \"12\": 50}, \"split\": {\"sticky\": {\"salt\": \"s\","
    "     \"key\": [{\"header\": \"x-user\"}, {\"query\": \"u\"}, {\"cookie\": \"uid\","
    "      \"issue\": {\"max_age_s\": 5, \"secure\": false, \"same_site\": \"Strict\"}},"
    "      {\"client_address\": {\"ipv4_bits\": 24}}],"
    "     \"map\": [[\"12\", 25.5], [\"3\", 50], [\"12\", 100]],"
    "     \"namespace\": {\"salt\": \"n\", \"to\": 33.3333333}}},"
    "     \"pin\": {\"cookie\": \"p\"}, \"audit\": {\"header\": \"x-version\"},"
    "     \"override\": {\"networks\": [\"10.0.0.0/8\", \"::1\"], \"secret_sha256\":"
    "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"},"
    "     \"experiment\": {\"alpha\": 0.01}},"
    "   \"beta\": {\"weights\": {\"12\": 99.9999999, \"3\": 0.0000001}, \"split\": \"random\"},"
    "   \"edge\": {\"weights\": {\"$LATEST\": 100}}}},"
    " \"alpha\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"]}}}},"
    " \"state_machines\": {"
    "  \"order.v1\": {\"type\": \"EXPRESS\", \"last_version\": 4, \"tags\": {\"team\": \"a\"},"
    "   \"versions\": {"
    "    \"$LATEST\": {\"endpoints\": [\"http://h\"], \"timeouts\": {\"execution_ms\": "
    "99999999000}},"
    "    \"1\": {\"kind\": \"function\", \"function\": \"zeta\", \"qualifier\": \"live\"},"
    "    \"2\": {\"kind\": \"sfn\", \"endpoints\": [\"http://h:8083\"],"
    "     \"state_machine\": \"arn:aws:states:local:123456789012:stateMachine:x\"}},"
    "   \"aliases\": {\"PROD.x\": {\"weights\": {\"1\": 99.5, \"2\": 0.5}}}},"
    "  \"b\\u00fccher\": {\"versions\": {\"1\": {\"kind\": \"function\", \"function\": "
    "\"zeta\"}}}},"
    " \"routes\": ["
    "  {\"host\": \"*.Example.com\", \"path\": \"/caf%C3%A9/\", \"function\": \"zeta\","
    "   \"qualifier\": \"live\", \"strip_prefix\": true},"
    "  {\"path\": \"/\", \"function\": \"alpha\", \"qualifier\": \"1\"},"
    "  {\"host\": \"[::1]\", \"path\": \"/\", \"function\": \"zeta\"}]}";

static char *dump(const struct table *table)
{
    char *text = tabledoc_dump(table);

    assert_non_null(text);
    return text;
}

static void a_dump_reads_back_to_the_same(void **state)
{
    struct table *table = fixture_good(full);
    char *text = dump(table);
    struct table *again = fixture_good(text);
    char *second = dump(again);

    (void)state;
    assert_string_equal(text, second);
    for (uint32_t i = 0; i < table->nr_targets; i++) {
        const struct target *a = table_target(table, i), *b = table_target(again, i);
        assert_true(str_eq(a->alias, b->alias));
        assert_true(str_eq(a->description, b->description));
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->is_failover, b->is_failover);
        assert_int_equal(a->nr_arms, b->nr_arms);
        assert_true(alias_terms_is_same(a->terms, b->terms));
        assert_true(stickymap_is_same(a->map, b->map));
        for (int k = 0; k < a->nr_arms; k++) {
            assert_int_equal(a->arms[k].weight, b->arms[k].weight);
            assert_true(str_eq(a->arms[k].version->name, b->arms[k].version->name));
            /* the same origins: scheme, host, port and TLS options are the same */
            assert_ptr_equal(a->arms[k].version->endpoints[0].origin,
                             b->arms[k].version->endpoints[0].origin);
        }
    }
    free(text);
    free(second);
    fixture_drop(&table);
    fixture_drop(&again);
}

static void a_dump_says_everything_that_is_not_default(void **state)
{
    static const char *const parts[] = {"\"zeta\": {\n",
                                        "\"max_in_flight\": 5",
                                        "\"concurrency\": 3",
                                        "\"last_version\": 12",
                                        "\"team\": \"a\"",
                                        "\"dead_letter\": \"alpha:1\"",
                                        "\"beta\": {}",
                                        "\"configuration\": {",
                                        "\"https://Fn.example/base/\"",
                                        "\"host\": \"a.example:81\"",
                                        "\"allow_upgrade\": false",
                                        "\"timeout_ms\": 3500",
                                        "\"x-api-key\": \"s e\"",
                                        "\"Authorization\": \"\"",
                                        "\"kind\": \"rie\"",
                                        "\"max_in_flight\": 1",
                                        "\"max_connections\": 2",
                                        "\"connect_ms\": 3",
                                        "\"response_head_ms\": 4",
                                        "\"stream_idle_ms\": 5",
                                        "\"path\": \"/h?x=1\"",
                                        "\"interval_ms\": 100",
                                        "\"status_max\": 299",
                                        "\"slow_start_ms\": 13",
                                        "\"verify\": false",
                                        "\"server_name\": \"s.example\"",
                                        "\"certificate\": \"c.pem\"",
                                        "\"key\": \"k.pem\"",
                                        "\"preserve_host\": true",
                                        "\"type\": \"tcp\"",
                                        "\"ca_file\": \"ca\"",
                                        "\"3\": 66.6666667,\n",
                                        "\"12\": 33.3333333\n",
                                        "\"on_unavailable\": \"failover\"",
                                        "\"12\": 99.9999999,\n",
                                        "\"split\": \"random\"",
                                        "\"$LATEST\": 100\n",
                                        "\"host\": \"*.example.com\"",
                                        "\"path\": \"/caf%C3%A9/\"",
                                        "\"strip_prefix\": true",
                                        "\"description\": \"é \\\"q\\\" \\\\ \\n\""};
    struct table *table = fixture_good(full);
    char *text = dump(table);

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s is not in %s", parts[i], text);
    assert_true(strstr(text, "\"zeta\"") < strstr(text, "\"alpha\""));
    free(text);
    fixture_drop(&table);
}

static void a_small_table_has_a_small_document(void **state)
{
    struct table *table = fixture_good(
        "{\"functions\": {\"f\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"]}}}}}");
    char *text = dump(table);

    (void)state;
    assert_string_equal(text, "{\n"
                              "  \"functions\": {\n"
                              "    \"f\": {\n"
                              "      \"versions\": {\n"
                              "        \"1\": {\n"
                              "          \"endpoints\": [\n"
                              "            \"http://h\"\n"
                              "          ]\n"
                              "        }\n"
                              "      }\n"
                              "    }\n"
                              "  }\n"
                              "}\n");
    free(text);
    fixture_drop(&table);
}

static void changed_weights_are_dumped(void **state)
{
    struct table *table = fixture_good(full);
    const struct arm_spec arms[] = {{STR("12"), 5000001}, {STR("3"), SPLIT_ONE - 5000001}};
    const struct alias_spec spec = {.mode = SPLIT_RANDOM, .nr_arms = 2, .arms = arms};
    struct table *changed =
        table_with_alias(table, table_find(table, STR("zeta"), STR("live"), NULL), &spec);
    char *text;

    (void)state;
    assert_non_null(changed);
    text = dump(changed);
    assert_non_null(strstr(text, "\"12\": 0.5000001,\n"));
    assert_non_null(strstr(text, "\"3\": 99.4999999\n"));
    free(text);
    fixture_drop(&table);
    fixture_drop(&changed);
}

/* ---- Whatever the document ------------------------------------------------------------------- */

static void mutate(struct prng *rng, char *text, size_t n)
{
    static const char *const pieces[] = {
        "{",     "}",      "[",   "]",        ",",   ":",        "\"",     "null",   "-1", "1e9",
        "\"1\"", "\"12\"", "0.5", "\"live\"", "100", "{}",       "[]",     "\xff",   "%",  "..",
        "//",    "*",      "@",   "\\u0000",  "é",   "\"3\": 1", "zeta\"", "http://"};

    static const char small[] = "0123456789abcxyzABC.-_/:%$ ";

    for (uint32_t k = prng_below(rng, 3) + 1; k > 0; k--) {
        const char *piece = pieces[prng_below(rng, sizeof(pieces) / sizeof(pieces[0]))];
        size_t at = prng_below(rng, (uint32_t)(n - strlen(piece)));
        uint32_t way = prng_below(rng, 8);
        if (way == 0)
            memcpy(text + at, piece, strlen(piece));
        else if (way == 1)
            text[at] = (char)prng_below(rng, 256);
        else if (isalnum((unsigned char)text[at])) /* more often what stays JSON */
            text[at] = small[prng_below(rng, sizeof(small) - 1)];
    }
}

static void mutated_documents_never_crash(void **state)
{
    struct prng rng;
    char text[sizeof(full)];
    int nr_good = 0;

    (void)state;
    prng_seed(&rng, 20261125);
    for (int i = 0; i < 8000; i++) {
        struct problems problems = {0};
        size_t n = sizeof(full) - 1;
        struct table *table;
        memcpy(text, full, n);
        mutate(&rng, text, n);
        if (prng_below(&rng, 16) == 0)
            n = prng_below(&rng, (uint32_t)n);
        table = tabledoc_build(fixture.registry, NULL, text, n, "m.json", &problems);
        assert_int_equal(table == NULL, problems_count(&problems) > 0);
        if (table) {
            char *again = dump(table);                  /* what is built can be dumped, */
            struct table *second = fixture_good(again); /* and read again */
            free(again);
            fixture_drop(&second);
            fixture_drop(&table);
            nr_good++;
        }
        problems_fini(&problems);
    }
    assert_true(nr_good > 100); /* both kinds were met */
    assert_true(nr_good < 6000);
}

/* Builds in a world of its own, with the n-th allocation failing; true when none failed. */
static bool try_build(long n, bool has_previous)
{
    struct problems problems = {0};
    struct table *previous = NULL, *table;
    bool has_failed;

    assert_int_equal(fixture_setup(NULL), 0);
    if (has_previous)
        previous = fixture_good("{\"functions\": {\"zeta\": {"
                                " \"versions\": {\"3\": {\"endpoints\": [\"http://h\"]}},"
                                " \"aliases\": {\"live\": {\"weights\": {\"3\": 100}}}}}}");
    failmalloc_arm(n);
    table = fixture_build(full, previous, &problems);
    has_failed = failmalloc_disarm();
    assert_int_equal(table == NULL, has_failed);
    /* jansson takes some of its own failures for syntax errors, and what was not kept may be missed
     * later on, so neither the code nor the number is looked at. */
    assert_int_equal(problems_count(&problems) > 0, has_failed);
    problems_fini(&problems);
    if (table)
        fixture_drop(&table);
    if (previous)
        fixture_drop(&previous);
    assert_int_equal(fixture_teardown(NULL), 0);
    return !has_failed;
}

static void a_failed_allocation_refuses_the_document_and_leaks_nothing(void **state)
{
    long before, n;

    (void)state;
    failmalloc_skip();
    for (int has_previous = 0; has_previous < 2; has_previous++) {
        before = failmalloc_live();
        for (n = 1; n < 100000 && !try_build(n, has_previous); n++)
            assert_int_equal(failmalloc_live(), before);
        assert_in_range(n, 50, 99999);
        assert_int_equal(failmalloc_live(), before);
    }
}

static void a_failed_allocation_of_a_dump_leaks_nothing(void **state)
{
    struct table *table = fixture_good(full);
    long before = failmalloc_live(), n;

    (void)state;
    for (n = 1; FAILMALLOC_WORKS && n < 100000; n++) {
        char *text;
        failmalloc_arm(n);
        text = tabledoc_dump(table);
        if (!failmalloc_disarm()) {
            assert_non_null(text);
            free(text);
            break;
        }
        assert_null(text);
        assert_int_equal(failmalloc_live(), before);
    }
    if (FAILMALLOC_WORKS)
        assert_in_range(n, 100, 99999);
    fixture_drop(&table);
}

/* One function of each thousand aliases. */
static char *write_large(int nr_aliases)
{
    size_t room = (size_t)nr_aliases * 100 + 1000;
    char *text = malloc(room), *p = text, *end = text + room;

    assert_non_null(text);
    p += snprintf(p, (size_t)(end - p), "{\"functions\": {");
    for (int i = 0; i < nr_aliases; i++) {
        if (i % 1000 == 0)
            p +=
                snprintf(p, (size_t)(end - p),
                         "%s\"f%d\": {\"versions\": {\"1\": {\"endpoints\": [\"http://10.0.0.1\"]},"
                         "\"2\": {\"endpoints\": [\"http://10.0.0.2\"]}}, \"aliases\": {",
                         i ? "}}," : "", i / 1000);
        p += snprintf(p, (size_t)(end - p), "%s\"a%d\": {\"weights\": {\"1\": %d.5, \"2\": %d.5}}",
                      i % 1000 ? "," : "", i, i % 100, 99 - i % 100);
    }
    snprintf(p, (size_t)(end - p), "}}}}");
    return text;
}

static void a_hundred_thousand_aliases_come_and_go(void **state)
{
    enum { NR = 100000 };
    char *text = write_large(NR);
    long before = failmalloc_live();
    struct problems problems = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct table *table = fixture_build(text, NULL, &problems);
        struct function *const *functions;
        assert_non_null(table);
        assert_int_equal(table_functions(table, &functions), NR / 1000);
        assert_int_equal(table->nr_targets, NR + 2 * NR / 1000);
        assert_non_null(table_find(table, STR("f99"), STR("a99999"), NULL));
        fixture_drop(&table);
        if (i == 0)
            before = failmalloc_live(); /* the registry has its size now */
        else
            assert_int_equal(failmalloc_live(), before);
    }
    assert_int_equal(problems_count(&problems), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_dump_reads_back_to_the_same),
        test(a_dump_says_everything_that_is_not_default),
        test(a_small_table_has_a_small_document),
        test(changed_weights_are_dumped),
        test(mutated_documents_never_crash),
        cmocka_unit_test(a_failed_allocation_refuses_the_document_and_leaks_nothing),
        test(a_failed_allocation_of_a_dump_leaks_nothing),
        test(a_hundred_thousand_aliases_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
