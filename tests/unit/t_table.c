/* Tables: what is built is found, what goes on from one table to the next, and that nothing is left
 * of a table when it is gone, whatever failed on the way. */
#include "router/split_account.h"
#include "router/table.h"

#include <pthread.h>
#include <sched.h>

#include "failmalloc.h"
#include "table_world.h"

/* ---- What is built is found ------------------------------------------------------------------ */

static void names_lead_to_targets(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct target *live = find(table, "hello", "live"), *latest = find(table, "hello", "");
    struct target *one = find(table, "hello", "1");
    bool knows;

    (void)state;
    assert_int_equal(table->generation, 1);
    assert_int_equal(table->nr_targets, 4 + 2 + 1);
    assert_non_null(live);
    assert_true(str_eq(live->alias, STR("live")) && str_eq(live->function->name, STR("hello")));
    assert_true(str_eq(live->description, STR("for tests")));
    assert_int_equal(live->nr_arms, 2);
    assert_int_equal(live->arms[1].weight, 50000000);
    assert_true(str_eq(live->arms[1].version->name, STR("2")));
    assert_ptr_equal(live->arms[0].version, one->arms[0].version);
    assert_non_null(live->split);
    assert_string_equal(world->series[table_series(table, live, &live->arms[1])], "hello live 2");
    assert_string_equal(world->series[table_series(table, one, &one->arms[0])], "hello  1");
    assert_int_equal(table_series(table, one, &one->arms[0]), one->arms[0].series);

    assert_ptr_equal(latest, find(table, "hello", "$LATEST"));
    assert_int_equal(latest->alias.n, 0);
    assert_int_equal(latest->nr_arms, 1);
    assert_null(latest->split);
    assert_int_equal(latest->function->max_in_flight, 5);
    assert_int_equal(latest->function->nr_versions, 4);
    assert_ptr_equal(latest->arms[0].version, &latest->function->versions[0]);

    assert_null(table_find(table, STR("hello"), STR("dead"), &knows));
    assert_true(knows);
    assert_null(table_find(table, STR("hell"), STR("live"), &knows));
    assert_false(knows);
    assert_null(table_find(table, STR("other"), STR(""), &knows)); /* has no $LATEST */
    assert_true(knows);
    assert_null(table_find(table, STR(""), STR(""), &knows));
    assert_false(knows);
    assert_non_null(table_find(table, STR("other"), STR("1"), &knows));
    assert_true(knows);
    table_unref(&table);
    assert_null(table);
    world_end(world);
}

static void versions_know_their_endpoints(void **state)
{
    struct world *world = world_make();
    struct builder *b = builder_make(world->registry);
    const struct version_spec version = {
        .name = STR("7"),
        .host = "upstream.example",
        .allow_upgrade = true,
        .max_in_flight = 9,
        .connect_ms = 100,
        .health_check = {.is_on = true, .path = (char[]){"/up"}, .rise = 2},
        .ejection = {.is_on = true, .consecutive_errors = 5}};
    const struct endpoint_spec endpoints[] = {
        {.url = STR("http://a:1/x"), .host = STR("a"), .port = 1, .base_path = STR("/x")},
        {.url = STR("http://b:2"), .host = STR("b"), .port = 2}};
    struct table *table;
    struct version *v;

    (void)state;
    assert_non_null(b);
    assert_int_equal(builder_function(b, FUNCTION(STR("f"), 0)), 0);
    assert_int_equal(add_version(b, "1", "c", 3), 0);
    assert_int_equal(builder_version(b, &version), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(builder_version_endpoint(b, &endpoints[i]), 0);
    assert_int_equal(builder_function(b, FUNCTION(STR("empty"), 0)), 0);
    table = builder_freeze(&b, NULL);
    assert_non_null(table);
    v = find(table, "f", "7")->arms[0].version;
    assert_string_equal(v->host, "upstream.example");
    assert_true(v->allow_upgrade && !v->preserve_host);
    assert_int_equal(v->max_in_flight, 9);
    assert_int_equal(v->connect_ms, 100);
    assert_string_equal(v->health_check.path, "/up");
    assert_int_equal(v->ejection.consecutive_errors, 5);
    assert_true(str_eq(v->function->name, STR("f")));
    assert_int_equal(v->nr_endpoints, 2);
    assert_string_equal(v->endpoints[0].url, "http://a:1/x");
    assert_true(str_eq(v->endpoints[0].base_path, STR("/x")));
    assert_true(str_eq(v->endpoints[1].base_path, STR("/")));
    assert_string_equal(v->endpoints[1].origin->host, "b");
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(v->endpoints[i].version, v);
        assert_non_null(v->endpoints[i].health);
    }
    assert_string_equal(find(table, "f", "1")->arms[0].version->endpoints[0].origin->host, "c");
    assert_null(find(table, "empty", ""));
    table_unref(&table);
    world_end(world);
}

static void routes_lead_to_targets(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    const struct route *route = table_route(table, STR("any"), STR("/hello/world"));
    const struct route *list;

    (void)state;
    assert_non_null(route);
    assert_ptr_equal(table_target(table, route->target), find(table, "hello", "live"));
    assert_false(route->strip_prefix);
    route = table_route(table, STR("A.example.COM"), STR("/hello"));
    assert_ptr_equal(table_target(table, route->target), find(table, "hello", "$LATEST"));
    assert_true(route->strip_prefix);
    assert_int_equal(route->qualifier.n, 0);
    assert_null(table_route(table, STR("any"), STR("/")));
    assert_int_equal(table_routes(table, &list), 3);
    assert_true(str_eq(list[2].path, STR("/other")));
    table_unref(&table);
    world_end(world);
}

static void an_empty_table_finds_nothing(void **state)
{
    struct world *world = world_make();
    struct builder *b = builder_make(world->registry);
    struct function *const *functions;
    struct table *table;

    (void)state;
    assert_non_null(b);
    table = builder_freeze(&b, NULL);
    assert_non_null(table);
    assert_null(find(table, "hello", ""));
    assert_null(table_route(table, STR("h"), STR("/")));
    assert_int_equal(table_functions(table, &functions), 0);
    assert_int_equal(table_open(table), 0);
    replace(&table, build(world, table, SPLIT_EXACT, half));
    assert_int_equal(table->generation, 2);
    assert_int_equal(table_functions(table, &functions), 2);
    assert_true(str_eq(functions[1]->name, STR("other")));
    table_unref(&table);
    world_end(world);
}

/* ---- What goes on ---------------------------------------------------------------------------- */

static void gauges_and_health_go_by_name(void **state)
{
    struct world *world = world_make();
    struct table *first = build(world, NULL, SPLIT_EXACT, half), *second;
    struct version *old = find(first, "hello", "2")->arms[0].version, *now;
    struct builder *b = builder_make(world->registry);

    (void)state;
    atomic_store(&old->in_flight->value, 3);
    atomic_store(&old->endpoints[0].health->is_down, true);
    atomic_store(&old->function->in_flight->value, 4);
    assert_non_null(b);
    /* The same function and version at another place, its endpoint at another place, beside new
     * ones. */
    assert_int_equal(builder_function(b, FUNCTION(STR("new"), 0)), 0);
    assert_int_equal(add_version(b, "2", "127.0.0.1", 9002), 0);
    assert_int_equal(builder_function(b, FUNCTION(STR("hello"), 0)), 0);
    assert_int_equal(add_version(b, "2", "127.0.0.1", 9999), 0);
    assert_int_equal(builder_version_endpoint(
                         b, &(struct endpoint_spec){.url = STR("http://127.0.0.1:9002/base"),
                                                    .host = STR("127.0.0.1"),
                                                    .port = 9002}),
                     0);
    second = builder_freeze(&b, first);
    assert_non_null(second);
    now = find(second, "hello", "2")->arms[0].version;
    assert_non_null(now->in_flight);
    assert_ptr_equal(now->in_flight, old->in_flight);
    assert_null(find(first, "hello", "1")->arms[0].version->in_flight); /* has no limit */
    assert_ptr_equal(now->function->in_flight, old->function->in_flight);
    assert_ptr_equal(now->endpoints[1].health, old->endpoints[0].health);
    assert_ptr_not_equal(now->endpoints[0].health, old->endpoints[0].health);
    now = find(second, "new", "2")->arms[0].version;
    assert_ptr_not_equal(now->in_flight, old->in_flight);
    assert_ptr_not_equal(now->endpoints[0].health, old->endpoints[0].health);
    assert_ptr_equal(now->endpoints[0].origin, old->endpoints[0].origin);
    assert_int_equal(atomic_load(&now->in_flight->value), 0);
    /* Where nobody watches, there is nothing to know. */
    assert_ptr_equal(find(first, "hello", "1")->arms[0].version->endpoints[0].health,
                     &model_unwatched);
    table_unref(&first);
    settle(world);
    now = find(second, "hello", "2")->arms[0].version;
    assert_int_equal(atomic_load(&now->in_flight->value), 3);
    assert_int_equal(atomic_load(&now->function->in_flight->value), 4);
    assert_true(atomic_load(&now->endpoints[1].health->is_down));
    table_unref(&second);
    world_end(world);
}

static void a_new_table_keeps_the_counters_in_use(void **state)
{
    struct world *world = world_make();
    struct table *first = build(world, NULL, SPLIT_EXACT, ninety_five), *second;
    struct target *live = find(first, "hello", "live");
    uint32_t series = table_series(first, live, &live->arms[1]);

    (void)state;
    second = build(world, first, SPLIT_EXACT, ninety_five);
    assert_int_equal(find(second, "hello", "live")->arms[1].series, REGISTRY_NO_SERIES);
    assert_true(table_keep_series(second, STR("hello"), STR("live"), STR("2"), series));
    world->refs[series]++;
    assert_int_equal(find(second, "hello", "live")->arms[1].series, series);
    assert_false(table_keep_series(second, STR("hello"), STR("live"), STR("2"), series));
    assert_false(table_keep_series(second, STR("hello"), STR("live"), STR("77"), series));
    assert_false(table_keep_series(second, STR("hello"), STR("dead"), STR("2"), series));
    table_unref(&first);
    settle(world);
    assert_int_equal(world->refs[series], 1);
    table_unref(&second);
    settle(world);
    assert_int_equal(world->refs[series], 0);
    world_end(world);
}

/* ---- Changes of weights ---------------------------------------------------------------------- */

static void weights_change_without_a_document(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five), *next;
    struct target *old = find(table, "hello", "live"), *now;
    int64_t before[SPLIT_ARMS_MAX], after[SPLIT_ARMS_MAX];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pick(world, old), 0);
    table_series(table, old, &old->arms[0]);
    split_account_errors(old->split, before);
    next = reweigh(table, "live", SPLIT_EXACT, (struct share[]){{"3", 60}, {"1", 40}, {NULL, 0}});
    assert_non_null(next);
    assert_int_equal(next->generation, 2);
    assert_int_equal(next->nr_changed, 1);
    now = find(next, "hello", "live");
    assert_ptr_not_equal(now, old);
    assert_int_equal(now->index, old->index);
    assert_true(str_eq(now->arms[0].version->name, STR("3")));
    assert_int_equal(now->arms[0].series, REGISTRY_NO_SERIES);
    assert_int_equal(now->arms[1].series, old->arms[0].series); /* it was in use */
    assert_true(str_eq(now->description, STR("for tests")));
    assert_ptr_equal(find(next, "hello", "1"), find(table, "hello", "1"));
    assert_ptr_equal(find(next, "hello", "fixed"), find(table, "hello", "fixed"));
    assert_ptr_equal(table_target(next, table_route(next, STR(""), STR("/hello"))->target), now);
    assert_ptr_equal(find(table, "hello", "live"), old);
    assert_int_equal(table_open(next), 0);
    split_account_errors(now->split, after);
    assert_true(after[0] == 0 && after[1] == before[0]);
    assert_int_equal(pick(world, old), SPLIT_CLOSED);
    assert_true(pick(world, now) >= 0);
    table_unref(&table);
    settle(world);
    /* The same again keeps the split. */
    table = next;
    next = reweigh(table, "live", SPLIT_EXACT, (struct share[]){{"3", 60}, {"1", 40}, {NULL, 0}});
    assert_non_null(next);
    assert_int_equal(next->nr_changed, 0);
    assert_ptr_equal(find(next, "hello", "live")->split, now->split);
    replace(&table, next);
    settle(world);
    table_unref(&table);
    world_end(world);
}

/* What an alias is said to be has a date that reloads keep as long as they say the same. */
static void an_alias_is_dated_by_its_last_change(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct table *next = build(world, table, SPLIT_EXACT, half);

    (void)state;
    assert_int_equal(find(table, "hello", "live")->since, 1);
    assert_int_equal(find(next, "hello", "live")->since, 2);
    assert_int_equal(find(next, "hello", "fixed")->since, 1);
    replace(&table, next);
    /* Said again by a document it keeps its date, said again by a change it does not. */
    replace(&table, build(world, table, SPLIT_EXACT, half));
    assert_int_equal(find(table, "hello", "live")->since, 2);
    replace(&table, reweigh(table, "live", SPLIT_EXACT, half));
    assert_int_equal(find(table, "hello", "live")->since, 4);
    replace(&table, build(world, table, SPLIT_RANDOM, half));
    assert_int_equal(find(table, "hello", "live")->since, 5);
    table_unref(&table);
    world_end(world);
}

/* The description is the new alias's own: what it was borrowed from may go. */
static void a_change_replaces_all_that_is_said_of_an_alias(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    const struct arm_spec arms[] = {{STR("3"), SPLIT_ONE}};
    char text[] = "another";
    const struct alias_spec spec = {.name = STR("ignored"),
                                    .description = str_of(text),
                                    .mode = SPLIT_RANDOM,
                                    .is_failover = true,
                                    .nr_arms = 1,
                                    .arms = arms};
    const struct target *now;

    (void)state;
    replace(&table, table_with_alias(table, find(table, "hello", "live"), &spec));
    settle(world);
    memset(text, 'x', sizeof(text) - 1);
    now = find(table, "hello", "live");
    assert_true(str_eq(now->description, STR("another")));
    assert_true(now->is_failover && now->mode == SPLIT_RANDOM && now->nr_arms == 1);
    assert_true(str_eq(now->arms[0].version->name, STR("3")));
    table_unref(&table);
    world_end(world);
}

/* As many targets as fill several leaves, and one changed in each. */
static void a_change_shares_all_leaves_but_one(void **state)
{
    enum { FUNCTIONS = 400 };
    struct world *world = world_make();
    struct builder *b = builder_make(world->registry);
    struct table *table, *next;
    int nr_shared = 0, nr_leaves = (3 * FUNCTIONS + TABLE_LEAF_TARGETS - 1) / TABLE_LEAF_TARGETS;

    (void)state;
    assert_non_null(b);
    for (int i = 0; i < FUNCTIONS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(builder_function(b, FUNCTION(str_of(name), 0)), 0);
        assert_int_equal(add_version(b, "1", "h", 1), 0);
        assert_int_equal(add_version(b, "2", "h", 2), 0);
        assert_int_equal(add_alias(b, "live", SPLIT_EXACT, half), 0);
    }
    table = builder_freeze(&b, NULL);
    assert_non_null(table);
    assert_int_equal(table->nr_targets, 3 * FUNCTIONS);
    for (int i = 0; i < FUNCTIONS; i += 57) {
        char name[32];
        struct target *old;
        struct arm_spec arms[2] = {{STR("1"), 1}, {STR("2"), SPLIT_ONE - 1}};

        snprintf(name, sizeof(name), "f%d", i);
        old = find(table, name, "live");
        next = table_with_alias(table, old, &(struct alias_spec){.nr_arms = 2, .arms = arms});
        assert_non_null(next);
        nr_shared = 0;
        for (int l = 0; l < nr_leaves; l++)
            nr_shared += next->leaves[l] == table->leaves[l];
        assert_int_equal(nr_shared, nr_leaves - 1);
        assert_int_equal(find(next, name, "live")->arms[0].weight, 1);
        replace(&table, next);
        settle(world);
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(find(table, name, "live")->arms[0].weight, i % 57 ? SPLIT_ONE / 2 : 1);
        assert_int_equal(pick(world, find(table, name, "live")) >= 0, 1);
    }
    table_unref(&table);
    world_end(world);
}

/* ---- Origins --------------------------------------------------------------------------------- */

static struct origin *origin_of(struct world *world, bool is_tls, const char *host, uint16_t port,
                                const char *server_name)
{
    const struct origin_tls tls = {.verify = true, .server_name = (char *)(uintptr_t)server_name};
    struct origin *origin = registry_origin(
        world->registry,
        &(struct origin_spec){.is_tls = is_tls, .host = str_of(host), .port = port, .tls = tls});

    assert_non_null(origin);
    return origin;
}

static void an_origin_is_one_for_scheme_host_port_and_tls(void **state)
{
    struct world *world = world_make();
    struct origin *plain = origin_of(world, false, "h", 80, NULL);
    struct origin *others[] = {
        origin_of(world, true, "h", 80, NULL), origin_of(world, false, "h", 81, NULL),
        origin_of(world, false, "g", 80, NULL), origin_of(world, true, "h", 80, "n"),
        origin_of(world, true, "h", 80, "m")};
    struct origin *same =
        origin_of(world, false, "h", 80, "n"); /* no TLS: its options do not count */
    struct origin *same_tls = origin_of(world, true, "h", 80, "m");

    (void)state;
    assert_ptr_equal(same, plain);
    assert_ptr_equal(same_tls, others[4]);
    assert_string_equal(same_tls->tls.server_name, "m");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(others[i]->id, i + 1);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(others[i], others[k]);
        origin_unref(&others[i]);
    }
    origin_unref(&same_tls);
    origin_unref(&same);
    registry_want_tidy(world->registry);
    registry_tidy(world->registry);
    assert_string_equal(plain->authority, "h"); /* still held */
    origin_unref(&plain);
    registry_want_tidy(world->registry);
    registry_tidy(world->registry);
    plain = origin_of(world, false, "h", 80, NULL);
    assert_int_equal(plain->id, 6); /* not the old number */
    origin_unref(&plain);
    world_end(world);
}

static void authorities_are_as_host_headers_name_them(void **state)
{
    static const struct {
        bool is_tls;
        const char *host;
        uint16_t port;
        const char *authority;
    } cases[] = {
        {false, "example.com", 80, "example.com"},
        {false, "example.com", 443, "example.com:443"},
        {true, "example.com", 443, "example.com"},
        {true, "example.com", 80, "example.com:80"},
        {false, "::1", 80, "[::1]"},
        {false, "::1", 65535, "[::1]:65535"},
        {false, "127.0.0.1", 9001, "127.0.0.1:9001"},
    };
    struct world *world = world_make();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin *origin =
            origin_of(world, cases[i].is_tls, cases[i].host, cases[i].port, NULL);

        assert_string_equal(origin->authority, cases[i].authority);
        assert_string_equal(origin->host, cases[i].host);
        origin_unref(&origin);
    }
    world_end(world);
}

static void the_registry_may_be_let_go_of_before_the_last_table(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, half);

    (void)state;
    registry_free(&world->registry);
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    table_unref(&table);
    world_end(world);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Two tables and a change of weights, with the n-th allocation failing. Tells whether all went
 * well. */
/* Whether each arm got its counters. */
static bool count_all(const struct table *table)
{
    bool is_well = true;

    for (uint32_t i = 0; i < table->nr_targets; i++) {
        struct target *target = table_target(table, i);
        for (int k = 0; k < target->nr_arms; k++)
            is_well &= table_series(table, target, &target->arms[k]) != REGISTRY_NO_SERIES;
    }
    return is_well;
}

static bool live_through(struct world *world)
{
    struct table *table = NULL, *next = NULL;
    struct builder *b = builder_make(world->registry);
    bool is_well = false;

    if (b && describe(b, SPLIT_EXACT, ninety_five) == 0)
        table = builder_freeze(&b, NULL);
    if (table) {
        b = builder_make(world->registry);
        if (b && describe(b, SPLIT_EXACT, half) == 0)
            next = builder_freeze(&b, table);
    }
    if (next) {
        struct table *last = reweigh(next, "live", SPLIT_RANDOM, half);

        is_well = last && table_open(last) == 0;
        if (last && !is_well)
            assert_int_equal(table_open(last), 0); /* it can be tried again */
        is_well = is_well && count_all(last);
        table_unref(&last);
    }
    builder_free(&b);
    table_unref(&table);
    table_unref(&next);
    return is_well;
}

static void every_allocation_may_fail(void **state)
{
    struct world *world = world_make();
    long live, n = 1;
    bool has_failed = true;

    (void)state;
    failmalloc_skip();
    assert_true(live_through(world)); /* arrays of the registry grow only once */
    settle(world);
    live = failmalloc_live();
    for (; has_failed && n < 2000; n++) {
        bool is_well;

        failmalloc_arm(n);
        is_well = live_through(world);
        has_failed = failmalloc_disarm();
        assert_int_equal(is_well, !has_failed);
        settle(world);
        assert_int_equal(failmalloc_live(), live);
        for (int i = 0; i < SERIES_MAX && world->series[i][0]; i++)
            assert_int_equal(world->refs[i], 0);
    }
    assert_in_range(n, 40, 1999);
    world_end(world);
}

/* ---- Workers --------------------------------------------------------------------------------- */

enum { WORKERS = 4, PICKS_EACH = 20000, TABLES_MIN = 60 };

/* Tables are published as proxy/ does it: in one place, where a worker gets itself a reference. */
struct plant {
    struct world *world;
    pthread_mutex_t lock;
    struct table *published; /* by the lock; with the reference of the thread that published it */
    _Atomic int nr_working, nr_tables;
    _Atomic int nr_errors;
    _Atomic long counts[4]; /* by version number */
};

static struct table *take_table(struct plant *plant)
{
    struct table *table;

    pthread_mutex_lock(&plant->lock);
    table = table_ref(plant->published);
    pthread_mutex_unlock(&plant->lock);
    return table;
}

static void publish(struct plant *plant, struct table *table)
{
    pthread_mutex_lock(&plant->lock);
    plant->published = table;
    pthread_mutex_unlock(&plant->lock);
}

/* One exchange: finds its target by route or by name, and picks. */
static bool exchange(struct plant *plant, struct prng *rng, bool is_route)
{
    for (int tries = 0; tries < 100; tries++) {
        struct table *table = take_table(plant);
        const struct route *route = table_route(table, STR("any"), STR("/hello/x"));
        struct target *target =
            is_route && route ? table_target(table, route->target) : find(table, "hello", "live");
        int arm = target ? split_pick(target->split, rng) : SPLIT_NO_MEMORY;

        if (arm >= 0)
            atomic_fetch_add(&plant->counts[target->arms[arm].version->name.p[0] - '0'], 1);
        table_unref(&table);
        if (arm != SPLIT_CLOSED)
            return arm >= 0;
    }
    return false;
}

static void *work(void *context)
{
    struct plant *plant = context;
    struct qsbr *domain = plant->world->domain;
    int slot = qsbr_register(domain);
    struct prng rng;

    prng_seed(&rng, (uint64_t)slot);
    for (int n = 0; n < PICKS_EACH;) {
        qsbr_online(domain, slot);
        for (int i = 0; i < 8; i++, n++)
            if (!exchange(plant, &rng, n % 2))
                atomic_fetch_add(&plant->nr_errors, 1);
        qsbr_offline(domain, slot);
        while (n >= PICKS_EACH / 2 && atomic_load(&plant->nr_tables) < TABLES_MIN)
            sched_yield();
    }
    qsbr_unregister(domain, slot);
    atomic_fetch_sub(&plant->nr_working, 1);
    return NULL;
}

/* A document that changed or not, or new weights. */
static struct table *another(struct world *world, struct table *table, int round)
{
    static const struct share shares[][4] = {{{"1", 70}, {"2", 20}, {"3", 10}, {NULL, 0}},
                                             {{"3", 10}, {"1", 70}, {"2", 20}, {NULL, 0}}};

    if (round % 3 == 2) {
        struct table *next = reweigh(table, "live", SPLIT_EXACT, shares[round / 3 % 2]);

        assert_non_null(next);
        return next;
    }
    return build(world, table, SPLIT_EXACT, shares[round / 2 % 2]);
}

/* Through reloads and changes of order each of three versions gets its share of all picks to within
 * less than one. */
static void workers_pick_exactly_while_tables_come_and_go(void **state)
{
    struct world *world = world_make();
    struct plant plant = {.world = world, .lock = PTHREAD_MUTEX_INITIALIZER, .nr_working = WORKERS};
    struct table *table = another(world, NULL, 0);
    pthread_t threads[WORKERS];
    int64_t total = (int64_t)WORKERS * PICKS_EACH;

    (void)state;
    publish(&plant, table);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &plant), 0);
    for (int round = 1; atomic_load(&plant.nr_working) > 0; round++) {
        struct table *next = another(world, table, round);

        publish(&plant, next);
        atomic_fetch_add(&plant.nr_tables, 1);
        if (round % 2)
            assert_int_equal(table_open(next), 0);
        table_unref(&table);
        table = next;
        qsbr_reclaim(world->domain);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(plant.nr_errors, 0);
    assert_true(plant.nr_tables >= TABLES_MIN);
    assert_true(llabs(plant.counts[1] * 10 - total * 7) < 10);
    assert_true(llabs(plant.counts[2] * 10 - total * 2) < 10);
    assert_true(llabs(plant.counts[3] * 10 - total * 1) < 10);
    assert_int_equal(plant.counts[1] + plant.counts[2] + plant.counts[3], total);
    table_unref(&table);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_targets),
        cmocka_unit_test(versions_know_their_endpoints),
        cmocka_unit_test(routes_lead_to_targets),
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(gauges_and_health_go_by_name),
        cmocka_unit_test(a_new_table_keeps_the_counters_in_use),
        cmocka_unit_test(weights_change_without_a_document),
        cmocka_unit_test(an_alias_is_dated_by_its_last_change),
        cmocka_unit_test(a_change_replaces_all_that_is_said_of_an_alias),
        cmocka_unit_test(a_change_shares_all_leaves_but_one),
        cmocka_unit_test(an_origin_is_one_for_scheme_host_port_and_tls),
        cmocka_unit_test(authorities_are_as_host_headers_name_them),
        cmocka_unit_test(the_registry_may_be_let_go_of_before_the_last_table),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(workers_pick_exactly_while_tables_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
