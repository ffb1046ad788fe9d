/* Every member counts: specifications that differ in one are told apart. */
#include "conf/tabledoc_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NR_MAX = 64 };

static struct {
    uint64_t list[NR_MAX];
    int nr;
} seen;

/* The digest is none of those before it. */
static void is_other(uint64_t digest)
{
    for (int i = 0; i < seen.nr; i++)
        if (seen.list[i] == digest)
            fail_msg("digest %d is that of %d", seen.nr, i);
    seen.list[seen.nr++] = digest;
}

static const struct version_spec base = {
    .health_check = {.is_on = true, .path = "/"},
    .ejection = {.is_on = true},
};

#define VERSION(change)                                                                            \
    do {                                                                                           \
        struct version_spec v = base;                                                              \
        v.change;                                                                                  \
        is_other(tabledoc_digest_version(&v));                                                     \
    } while (0)

static void every_member_of_a_version_counts(void **state)
{
    (void)state;
    seen.nr = 0;
    is_other(tabledoc_digest_version(&base));
    VERSION(kind = (enum version_kind)1);
    VERSION(host = "");
    VERSION(host = "a");
    VERSION(preserve_host = true);
    VERSION(allow_upgrade = true);
    VERSION(max_in_flight = 1);
    VERSION(max_connections = 1);
    VERSION(connect_ms = 1);
    VERSION(response_head_ms = 1);
    VERSION(timeout_ms = 1);
    static const struct version_header headers[] = {{STR("a"), STR("b")}, {STR("a"), STR("c")}};
    is_other(tabledoc_digest_version(&(struct version_spec){.headers = headers, .nr_headers = 1}));
    is_other(tabledoc_digest_version(&(struct version_spec){.headers = headers, .nr_headers = 2}));
    is_other(
        tabledoc_digest_version(&(struct version_spec){.headers = headers + 1, .nr_headers = 1}));
    VERSION(stream_idle_ms = 1);
    VERSION(health_check.is_on = false);
    VERSION(health_check.is_tcp = true);
    VERSION(health_check.path = NULL);
    VERSION(health_check.path = "/a");
    VERSION(health_check.interval_ms = 1);
    VERSION(health_check.timeout_ms = 1);
    VERSION(health_check.rise = 1);
    VERSION(health_check.fall = 1);
    VERSION(health_check.status_min = 1);
    VERSION(health_check.status_max = 1);
    VERSION(ejection.is_on = false);
    VERSION(ejection.consecutive_errors = 1);
    VERSION(ejection.pause_ms = 1);
    VERSION(ejection.pause_max_ms = 1);
    VERSION(ejection.slow_start_ms = 1);
    VERSION(tls.verify = true);
    VERSION(tls.ca_file = "a");
    VERSION(tls.server_name = "a");
    VERSION(tls.certificate = "a");
    VERSION(tls.key = "a");
    VERSION(configuration = "a");
    VERSION(task.function = "a");
    VERSION(task.qualifier = "a");
    VERSION(task.state_machine = "a");
    VERSION(task.execution_ms = 1);
    uint64_t digest = tabledoc_digest_version(&base);
    is_other(tabledoc_digest_endpoint(digest, STR("http://a")));
    is_other(tabledoc_digest_endpoint(digest, STR("http://b")));
    digest = tabledoc_digest_endpoint(digest, STR("http://a"));
    is_other(tabledoc_digest_endpoint(digest, STR("http://b")));
    digest = tabledoc_digest_endpoint(tabledoc_digest_version(&base), STR("http://b"));
    is_other(tabledoc_digest_endpoint(digest, STR("http://a")));
}

static void a_versions_name_does_not_count(void **state)
{
    struct version_spec one = {.name = STR("1")}, two = {.name = STR("2")};

    (void)state;
    assert_true(tabledoc_digest_version(&one) == tabledoc_digest_version(&two));
}

static void every_member_of_an_alias_counts(void **state)
{
    static const struct {
        struct arm_spec arms[2];
        int nr;
    } cases[] = {
        {{{STR("1"), 95}, {STR("2"), 5}}, 2},
        {{{STR("1"), 94}, {STR("2"), 6}}, 2},
        {{{STR("2"), 5}, {STR("1"), 95}}, 2},
        {{{STR("1"), 95}, {STR("3"), 5}}, 2},
        {{{STR("1"), 100}}, 1},
    };

    (void)state;
    seen.nr = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct alias_spec spec = {.arms = cases[i].arms, .nr_arms = cases[i].nr};
        is_other(tabledoc_digest_alias(&spec));
        spec.description = STR("1");
        is_other(tabledoc_digest_alias(&spec));
        spec.mode = SPLIT_RANDOM;
        is_other(tabledoc_digest_alias(&spec));
        spec.is_failover = true;
        is_other(tabledoc_digest_alias(&spec));
    }
}

/* What is not said, the map in force, does not count. */
static void an_aliases_terms_and_its_own_map_count(void **state)
{
    const struct arm_spec arms[] = {{STR("1"), 950000000}, {STR("2"), 50000000}};
    const struct str names[] = {STR("1"), STR("2")};
    const struct stickymap_piece pieces[] = {{950000000, 0}, {STICKYMAP_ONE, 1}};
    const struct stickymap_piece others[] = {{50000000, 1}, {STICKYMAP_ONE, 0}};
    struct alias_terms terms = {.document = STR("{}")}, more = {.document = STR("{\"pin\":{}}")};
    struct stickymap *map = stickymap_make(names, 2, pieces, 2);
    struct stickymap *other = stickymap_make(names, 2, others, 2);
    struct alias_spec spec = {.arms = arms, .nr_arms = 2};

    (void)state;
    seen.nr = 0;
    is_other(tabledoc_digest_alias(&spec));
    spec.terms = &terms;
    is_other(tabledoc_digest_alias(&spec));
    spec.terms = &more;
    is_other(tabledoc_digest_alias(&spec));
    spec.map = map;
    is_other(tabledoc_digest_alias(&spec));
    spec.map = other;
    is_other(tabledoc_digest_alias(&spec));
    spec.map = NULL;
    spec.in_force = map;
    assert_true(tabledoc_digest_alias(&spec) == seen.list[2]);
    stickymap_unref(&map);
    stickymap_unref(&other);
}

#define ROUTE(function_, qualifier_, ...)                                                          \
    tabledoc_digest_route(&(struct route_spec){                                                    \
        .said_function = function_, .said_qualifier = qualifier_, __VA_ARGS__})

static const struct function_spec function = {.concurrency = FUNCTION_NO_CONCURRENCY};

#define FUNCTION(change)                                                                           \
    do {                                                                                           \
        struct function_spec f = function;                                                         \
        f.change;                                                                                  \
        is_other(tabledoc_digest_function(&f));                                                    \
    } while (0)

static void neither_a_functions_name_nor_its_last_version_counts(void **state)
{
    struct function_spec f = function;

    (void)state;
    f.name = STR("f");
    f.last_version = 7;
    assert_true(tabledoc_digest_function(&f) == tabledoc_digest_function(&function));
}

/* Bases in the store of an earlier release must stay true. */
static void what_is_stored_stays_true(void **state)
{
    const struct arm_spec arms[] = {{STR("1"), 950000000}, {STR("2"), 50000000}};
    const struct alias_spec alias = {.arms = arms, .nr_arms = 2};
    const struct version_spec version = {.allow_upgrade = true, .tls.verify = true};

    (void)state;
    assert_true(tabledoc_digest_function(&function) == 0x9e51ad6d2f3e695cull);
    assert_true(tabledoc_digest_version(&version) == 0xbf59164d55104ad8ull);
    assert_true(tabledoc_digest_alias(&alias) == 0x48825c0c3bcce562ull);
    assert_true(ROUTE(STR("f"), STR("live"), .strip_prefix = false) == 0xd5ccc09e43fa616bull);
}

static void functions_and_routes_count_too(void **state)
{
    (void)state;
    seen.nr = 0;
    is_other(tabledoc_digest_function(&function));
    FUNCTION(max_in_flight = 1);
    FUNCTION(concurrency = 0);
    FUNCTION(concurrency = 1);
    FUNCTION(tags = "{}");
    FUNCTION(dead_letter = "{}");
    FUNCTION(dead_letter = "f");
    FUNCTION(auto_publish_alias = "f");
    FUNCTION(deployment_preference = "f");
    FUNCTION(machine = &(const struct machine){.is_express = true});
    is_other(ROUTE(STR("f"), STR("live"), .strip_prefix = false));
    is_other(ROUTE(STR("f"), STR("live"), .strip_prefix = true));
    is_other(ROUTE(STR("fl"), STR("ive"), .strip_prefix = false));
    is_other(ROUTE(STR("f"), STR("$LATEST"), .strip_prefix = false));
    is_other(ROUTE(STR("g"), STR("live"), .strip_prefix = false));
}

static void url_is_other(struct url_terms terms)
{
    is_other(ROUTE(STR("f"), STR("live"), .terms = &terms));
}

static void every_member_of_a_routes_url_counts(void **state)
{
    static const struct url_terms_variable one[] = {{STR("a"), STR("b")}, {STR("c"), STR("d")}};
    static const struct url_terms_variable other[] = {{STR("ab"), STR("")}};
    static const struct str items[] = {STR("x"), STR("y")};
    static const struct cors cors[] = {
        {.allow_credentials = false},   {.allow_credentials = true},
        {.has_max_age = true},          {.has_max_age = true, .max_age_s = 1},
        {.allow_origins = {items, 1}},  {.allow_origins = {items, 2}},
        {.allow_methods = {items, 1}},  {.allow_headers = {items, 1}},
        {.expose_headers = {items, 1}},
    };

    (void)state;
    seen.nr = 0;
    is_other(ROUTE(STR("f"), STR("live"), .terms = NULL));
    url_is_other((struct url_terms){.is_event = false});
    url_is_other((struct url_terms){.is_event = true});
    url_is_other((struct url_terms){.is_iam = true});
    url_is_other((struct url_terms){.is_streamed = true});
    url_is_other((struct url_terms){.stage = STR("prod")});
    url_is_other((struct url_terms){.variables = one, .nr_variables = 1});
    url_is_other((struct url_terms){.variables = one, .nr_variables = 2});
    url_is_other((struct url_terms){.variables = other, .nr_variables = 1});
    for (size_t i = 0; i < sizeof(cors) / sizeof(cors[0]); i++)
        url_is_other((struct url_terms){.cors = &cors[i]});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_of_a_version_counts),
        cmocka_unit_test(a_versions_name_does_not_count),
        cmocka_unit_test(every_member_of_an_alias_counts),
        cmocka_unit_test(an_aliases_terms_and_its_own_map_count),
        cmocka_unit_test(neither_a_functions_name_nor_its_last_version_counts),
        cmocka_unit_test(what_is_stored_stays_true),
        cmocka_unit_test(functions_and_routes_count_too),
        cmocka_unit_test(every_member_of_a_routes_url_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
