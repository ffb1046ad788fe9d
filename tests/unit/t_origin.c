/* Origins of names: their sets, which addresses have gone, and numbers that are given out again. */
#include "router/origin.h"

#include "table_world.h"

static struct origin *name_of(struct world *world, const char *name)
{
    struct origin_spec spec = {.host = str_of(name), .name = str_of(name), .port = 80};
    struct origin *origin = registry_origin(world->registry, &spec);

    assert_non_null(origin);
    assert_null(origin->address);
    assert_string_equal(origin->name->text, name);
    return origin;
}

static struct origin *address_at(struct world *world, const struct origin *name, const char *text)
{
    struct origin *origin = registry_address(world->registry, name, str_of(text), 8080);

    assert_non_null(origin);
    return origin;
}

/* A set of these; takes their references. */
static struct origin_set *set_of(struct origin *a, struct origin *b)
{
    struct origin_set *set = calloc(1, sizeof(*set) + 2 * sizeof(set->places[0]));

    set->places[set->nr++].origin = a;
    if (b)
        set->places[set->nr++].origin = b;
    return set;
}

static void an_address_of_a_name_is_spoken_to_by_the_name(void **state)
{
    struct world *world = world_make();
    struct origin *name = name_of(world, "fn.test");
    struct origin *one = address_at(world, name, "10.0.0.1");
    struct origin *same = address_at(world, name, "10.0.0.1");
    struct origin *other = address_at(world, name, "::1");

    (void)state;
    assert_ptr_equal(one, same);
    assert_ptr_not_equal(one, other);
    assert_string_equal(one->authority, "fn.test");
    assert_string_equal(one->host, "fn.test");
    assert_string_equal(one->address, "10.0.0.1");
    assert_int_equal(one->port, 8080);
    assert_null(one->name);
    assert_int_equal(origin_counted_as(one), name->id);
    assert_int_equal(origin_counted_as(name), name->id);
    origin_unref(&one);
    origin_unref(&same);
    origin_unref(&other);
    origin_unref(&name);
    registry_sweep_addresses(world->registry);
    world_end(world);
}

static void names_are_listed_until_they_are_tidied_away(void **state)
{
    struct world *world = world_make();
    struct origin *names[3] = {name_of(world, "a"), name_of(world, "b"), name_of(world, "b.")};
    struct origin *address = address_at(world, names[0], "10.0.0.1");
    struct origin *found;
    uint32_t at = 0;
    int nr = 0;

    (void)state;
    while ((found = registry_next_name(world->registry, &at)))
        nr += found == names[0] || found == names[1] || found == names[2];
    assert_int_equal(nr, 3); /* the address is none of them */
    origin_unref(&names[0]);
    origin_unref(&address);
    registry_want_tidy(world->registry);
    registry_tidy(world->registry);
    at = 0;
    nr = 0;
    while ((found = registry_next_name(world->registry, &at))) {
        assert_true(found == names[1] || found == names[2]);
        nr++;
    }
    assert_int_equal(nr, 2);
    origin_unref(&names[1]);
    origin_unref(&names[2]);
    world_end(world);
}

static void a_set_holds_its_addresses_and_says_which_have_gone(void **state)
{
    struct world *world = world_make();
    struct origin *name = name_of(world, "fn.test");
    struct origin *one = address_at(world, name, "10.0.0.1");
    struct origin *two = address_at(world, name, "10.0.0.2");
    uint32_t id = one->id;

    (void)state;
    origin_set_take(name, set_of(one, two), world->domain);
    assert_int_equal(origin_set(name)->nr, 2);
    assert_false(origin_is_gone(one));
    origin_set_take(name, set_of(origin_ref(two), NULL), world->domain);
    assert_true(origin_is_gone(one));
    assert_false(origin_is_gone(two));
    origin_ref_pool(one); /* a connection that is in use */
    qsbr_reclaim(world->domain);
    registry_sweep_addresses(world->registry);
    assert_string_equal(one->address, "10.0.0.1");
    origin_unref_pool(&one);
    registry_sweep_addresses(world->registry);
    one = address_at(world, name, "10.0.0.3");
    assert_int_equal(one->id, id); /* as servers turn their answers, numbers must not run out */
    origin_unref(&one);
    origin_set_take(name, NULL, world->domain);
    assert_null(origin_set(name));
    assert_true(origin_is_gone(two));
    qsbr_reclaim(world->domain);
    origin_unref(&name);
    registry_sweep_addresses(world->registry);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_a_name_is_spoken_to_by_the_name),
        cmocka_unit_test(names_are_listed_until_they_are_tidied_away),
        cmocka_unit_test(a_set_holds_its_addresses_and_says_which_have_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
