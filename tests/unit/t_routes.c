/* The index of routes against a list that is searched from end to end, and the rules of precedence
 * by example. */
#include "router/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "failmalloc.h"
#include "router/table.h"

static void add(struct routes *routes, const char *host, const char *path)
{
    const struct route route = {.host = str_of(host), .path = str_of(path), .target = routes->nr};

    assert_int_equal(routes_add(routes, &route), 0);
}

/* The path of the route that is found, or "none". */
static const char *find(const struct routes *routes, const char *host, const char *path)
{
    const struct route *route = routes_find(routes, str_of(host), str_of(path));

    return route ? route->path.p : "none";
}

static void no_routes_match_nothing(void **state)
{
    struct routes routes = {0};

    (void)state;
    assert_null(routes_find(&routes, STR("a"), STR("/")));
    routes_fini(&routes);
}

static void the_longest_prefix_on_a_segment_boundary_wins(void **state)
{
    struct routes routes = {0};

    (void)state;
    add(&routes, "", "/a");
    add(&routes, "", "/a/b/c");
    add(&routes, "", "/a/b");
    add(&routes, "", "/z");
    assert_string_equal(find(&routes, "h", "/a"), "/a");
    assert_string_equal(find(&routes, "h", "/a/"), "/a");
    assert_string_equal(find(&routes, "h", "/a/x"), "/a");
    assert_string_equal(find(&routes, "h", "/a/b"), "/a/b");
    assert_string_equal(find(&routes, "h", "/a/bc"), "/a");
    assert_string_equal(find(&routes, "h", "/a/b/x/c"), "/a/b");
    assert_string_equal(find(&routes, "h", "/a/b/c/d"), "/a/b/c");
    assert_string_equal(find(&routes, "h", "/ab"), "none");
    assert_string_equal(find(&routes, "h", "/"), "none");
    assert_string_equal(find(&routes, "h", "/A"), "none");
    assert_string_equal(find(&routes, "h", "/z//"), "/z");
    assert_string_equal(find(&routes, "h", "//z"), "none");
    assert_string_equal(find(&routes, "h", ""), "none");
    assert_string_equal(find(&routes, "h", "*"), "none");
    assert_string_equal(find(&routes, "h", "a"), "none");
    add(&routes, "", "/");
    assert_string_equal(find(&routes, "h", "/"), "/");
    assert_string_equal(find(&routes, "h", "/ab"), "/");
    assert_string_equal(find(&routes, "h", "//z"), "/");
    assert_string_equal(find(&routes, "h", "/a/b"), "/a/b");
    assert_string_equal(find(&routes, "h", "*"), "none");
    routes_fini(&routes);
}

static void a_prefix_that_ends_in_a_slash_wants_one(void **state)
{
    struct routes routes = {0};

    (void)state;
    add(&routes, "", "/a/");
    assert_string_equal(find(&routes, "h", "/a"), "none");
    assert_string_equal(find(&routes, "h", "/a/"), "/a/");
    assert_string_equal(find(&routes, "h", "/a/b"), "/a/");
    assert_string_equal(find(&routes, "h", "/ab/"), "none");
    add(&routes, "", "/a");
    add(&routes, "", "/a//");
    assert_string_equal(find(&routes, "h", "/a"), "/a");
    assert_string_equal(find(&routes, "h", "/a/b"), "/a/");
    assert_string_equal(find(&routes, "h", "/a//"), "/a//");
    assert_string_equal(find(&routes, "h", "/a//b"), "/a//");
    routes_fini(&routes);
}

static void exact_hosts_go_before_suffixes_before_any(void **state)
{
    struct routes routes = {0};

    (void)state;
    add(&routes, "", "/any");
    add(&routes, "shop.example.com", "/exact");
    add(&routes, "*.example.com", "/suffix");
    add(&routes, "*.b.example.com", "/longer");
    add(&routes, "", "/");
    add(&routes, "*.example.com", "/all");
    add(&routes, "*.b.example.com", "/all/of/it");
    assert_string_equal(find(&routes, "shop.example.com", "/exact"), "/exact");
    assert_string_equal(find(&routes, "Shop.EXAMPLE.com", "/exact"), "/exact");
    assert_string_equal(find(&routes, "shop.example.com.", "/exact"), "/exact");
    assert_string_equal(find(&routes, "shop.example.com..", "/exact"), "/");
    /* A host without a route for the path leaves the request to the less specific. */
    assert_string_equal(find(&routes, "shop.example.com", "/suffix"), "/suffix");
    assert_string_equal(find(&routes, "shop.example.com", "/any"), "/any");
    assert_string_equal(find(&routes, "shop.example.com", "/else"), "/");
    assert_string_equal(find(&routes, "example.com", "/suffix"), "/");
    assert_string_equal(find(&routes, ".example.com", "/suffix"), "/");
    assert_string_equal(find(&routes, "a.b.example.com", "/longer"), "/longer");
    assert_string_equal(find(&routes, "x.y.b.example.com", "/longer"), "/longer");
    assert_string_equal(find(&routes, "b.example.com", "/longer"), "/");
    assert_string_equal(find(&routes, "b.example.com", "/suffix"), "/suffix");
    assert_string_equal(find(&routes, "a.b.example.com", "/suffix"), "/suffix");
    /* The host decides before the length of the path does. */
    assert_string_equal(find(&routes, "a.b.example.com", "/all/of/it"), "/all/of/it");
    assert_string_equal(find(&routes, "a.c.example.com", "/all/of/it"), "/all");
    assert_string_equal(find(&routes, "a.b.example.com", "/all/else"), "/all");
    assert_string_equal(find(&routes, "aexample.com", "/suffix"), "/");
    assert_string_equal(find(&routes, "", "/suffix"), "/");
    assert_string_equal(find(&routes, ".", "/suffix"), "/");
    assert_string_equal(find(&routes, "com", "/suffix"), "/");
    routes_fini(&routes);
}

static void addresses_are_hosts_too(void **state)
{
    struct routes routes = {0};

    (void)state;
    add(&routes, "127.0.0.1", "/v4");
    add(&routes, "[::1]", "/v6");
    add(&routes, "localhost", "/name");
    assert_string_equal(find(&routes, "127.0.0.1", "/v4"), "/v4");
    assert_string_equal(find(&routes, "127.0.0.2", "/v4"), "none");
    assert_string_equal(find(&routes, "[::1]", "/v6"), "/v6");
    assert_string_equal(find(&routes, "LOCALHOST", "/name"), "/name");
    routes_fini(&routes);
}

static void what_a_client_sends_may_be_as_long_as_it_likes(void **state)
{
    struct routes routes = {0};
    char *path = malloc(200001), *host = malloc(200001);

    (void)state;
    assert_true(path && host);
    add(&routes, "", "/a/a/a");
    add(&routes, "*.a", "/a");
    for (int i = 0; i < 200000; i++) {
        path[i] = i % 2 ? 'a' : '/';
        host[i] = i % 2 ? 'a' : 'b';
    }
    path[200000] = host[200000] = '\0';
    assert_string_equal(find(&routes, "h", path), "/a/a/a");
    for (int i = 0; i < 200000; i += 2)
        host[i] = '.';
    assert_string_equal(find(&routes, host, "/a/a/a"), "/a/a/a");
    host[256] = '\0'; /* 255 bytes and the dot before the last part: too long by one */
    assert_string_equal(find(&routes, host, "/a"), "none");
    host[254] = '\0';
    assert_string_equal(find(&routes, host, "/a"), "/a");
    memset(path + 1, 'a', 199999); /* one segment, longer than any that is known */
    assert_string_equal(find(&routes, "h", path), "none");
    free(path);
    free(host);
    routes_fini(&routes);
}

/* ---- Against a list -------------------------------------------------------------------------- */

enum { ROUTES = 400, TEXT = 64 };

/* 0: no match; else the better the greater. */
static int rank_host(const char *route_host, const char *host)
{
    size_t n = strlen(host), suffix;

    if (route_host[0] == '\0')
        return 1;
    if (strcmp(route_host, host) == 0)
        return 10000;
    if (route_host[0] != '*')
        return 0;
    suffix = strlen(route_host + 1);
    if (n > suffix && strcmp(host + n - suffix, route_host + 1) == 0)
        return (int)(1 + suffix);
    return 0;
}

static bool is_prefix(const char *prefix, const char *path)
{
    size_t n = strlen(prefix);

    if (strncmp(prefix, path, n) != 0)
        return false;
    return prefix[n - 1] == '/' || path[n] == '/' || path[n] == '\0';
}

static const struct route *find_in_list(const struct route *list, int nr, const char *host,
                                        const char *path)
{
    const struct route *best = NULL;
    int best_host = 0;
    size_t best_path = 0;

    for (int i = 0; i < nr; i++) {
        int rank = rank_host(list[i].host.p, host);

        if (rank == 0 || !is_prefix(list[i].path.p, path))
            continue;
        if (rank > best_host || (rank == best_host && list[i].path.n > best_path)) {
            best = &list[i];
            best_host = rank;
            best_path = list[i].path.n;
        }
    }
    return best;
}

static void random_path(struct prng *g, char *text)
{
    static const char *const segments[] = {"a", "b", "aa", "", "c"};
    int n = 0;

    for (uint32_t i = 1 + prng_below(g, 4); i > 0; i--)
        n += snprintf(text + n, (size_t)(TEXT - n), "/%s", segments[prng_below(g, 5)]);
}

static void random_host(struct prng *g, char *text)
{
    static const char *const parts[] = {"x", "y", "xx"};
    int n = snprintf(text, TEXT, "%s", parts[prng_below(g, 3)]);

    for (uint32_t i = prng_below(g, 4); i > 0; i--)
        n += snprintf(text + n, (size_t)(TEXT - n), ".%s", parts[prng_below(g, 3)]);
}

static bool is_listed(const struct route *list, int nr, const char *host, const char *path)
{
    for (int i = 0; i < nr; i++)
        if (strcmp(list[i].host.p, host) == 0 && strcmp(list[i].path.p, path) == 0)
            return true;
    return false;
}

static void the_index_finds_what_a_search_finds(void **state)
{
    struct prng g;

    (void)state;
    prng_seed(&g, 1);
    for (int round = 0; round < 20; round++) {
        static char hosts[ROUTES][TEXT], paths[ROUTES][TEXT];
        static struct route list[ROUTES];
        struct routes routes = {0};
        int nr = 0, limit = 1 + (int)prng_below(&g, ROUTES);

        for (int i = 0; i < limit; i++) {
            char name[TEXT];

            random_host(&g, name);
            snprintf(hosts[nr], TEXT, "%s%.60s", prng_below(&g, 2) ? "*." : "", name);
            if (prng_below(&g, 4) == 0)
                hosts[nr][0] = '\0';
            random_path(&g, paths[nr]);
            if (is_listed(list, nr, hosts[nr], paths[nr]))
                continue;
            list[nr] = (struct route){
                .host = str_of(hosts[nr]), .path = str_of(paths[nr]), .target = (uint32_t)nr};
            assert_int_equal(routes_add(&routes, &list[nr]), 0);
            nr++;
        }
        for (int i = 0; i < 3000; i++) {
            char host[TEXT], path[TEXT];
            const struct route *expected, *found;

            random_host(&g, host);
            random_path(&g, path);
            expected = find_in_list(list, nr, host, path);
            found = routes_find(&routes, str_of(host), str_of(path));
            assert_int_equal(found ? found->target : UINT32_MAX,
                             expected ? expected->target : UINT32_MAX);
        }
        routes_fini(&routes);
    }
}

static void without_memory_routes_are_not_added(void **state)
{
    long n = 1;
    bool has_failed = true;

    (void)state;
    failmalloc_skip();
    for (; has_failed && n < 100; n++) {
        struct routes routes = {0};
        int r = 0;

        failmalloc_arm(n);
        for (uint32_t i = 0; i < 12 && r == 0; i++) {
            static const char *const paths[] = {"/a", "/b", "/c/d/e", "/c/d/f"};
            const struct route route = {.host = i < 4   ? STR("")
                                                : i < 8 ? STR("*.example.com")
                                                        : STR("a.example.com"),
                                        .path = str_of(paths[i % 4])};

            r = routes_add(&routes, &route);
        }
        has_failed = failmalloc_disarm();
        assert_int_equal(r, has_failed ? -1 : 0);
        routes_fini(&routes);
    }
    assert_in_range(n, 8, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_routes_match_nothing),
        cmocka_unit_test(the_longest_prefix_on_a_segment_boundary_wins),
        cmocka_unit_test(a_prefix_that_ends_in_a_slash_wants_one),
        cmocka_unit_test(exact_hosts_go_before_suffixes_before_any),
        cmocka_unit_test(addresses_are_hosts_too),
        cmocka_unit_test(what_a_client_sends_may_be_as_long_as_it_likes),
        cmocka_unit_test(the_index_finds_what_a_search_finds),
        cmocka_unit_test(without_memory_routes_are_not_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
