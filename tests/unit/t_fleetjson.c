/* What members write in etcd is read as it was; what is nonsense there is nobody. */
#include "store/fleetjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_member_is_read_as_it_was_written(void **state)
{
    struct store_etcd_member member = {.id = "weir \"1\"",
                                       .address = "127.0.0.1:9901",
                                       .generation = 1234567890123,
                                       .slot = 7},
                             seen = {.token = "0123456789abcdef", .revision = 5};
    struct buffer b = {0};

    (void)state;
    fleetjson_write_member(&b, &member);
    buffer_char(&b, '\0');
    fleetjson_read_member(&seen, b.p);
    assert_string_equal(seen.id, member.id);
    assert_string_equal(seen.address, member.address);
    assert_true(seen.generation == member.generation);
    assert_int_equal(seen.slot, 7);
    assert_string_equal(seen.token, "0123456789abcdef");
    buffer_fini(&b);
}

static void an_owner_is_read_as_it_was_written(void **state)
{
    char id[STORE_ETCD_MEMBER_ID], token[STORE_ETCD_TOKEN + 1];
    struct buffer b = {0};

    (void)state;
    fleetjson_write_owner(&b, "weir-1", "0123456789abcdef");
    buffer_char(&b, '\0');
    fleetjson_read_owner(b.p, id, token);
    assert_string_equal(id, "weir-1");
    assert_string_equal(token, "0123456789abcdef");
    buffer_fini(&b);
}

static void nonsense_is_nobody(void **state)
{
    static const char *const nonsense[] = {"", "x", "[]", "{\"id\":7,\"by\":[],\"slot\":\"1\"}"};
    char id[STORE_ETCD_MEMBER_ID], token[STORE_ETCD_TOKEN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        struct store_etcd_member member = {.slot = 3};

        fleetjson_read_member(&member, nonsense[i]);
        assert_string_equal(member.id, "");
        assert_int_equal(member.slot, -1);
        fleetjson_read_owner(nonsense[i], id, token);
        assert_string_equal(id, "");
        assert_string_equal(token, "");
    }
}

static void a_member_without_a_slot_has_none(void **state)
{
    struct store_etcd_member member = {.id = "x", .slot = -1}, seen = {.slot = 1};
    struct buffer b = {0};

    (void)state;
    fleetjson_write_member(&b, &member);
    buffer_char(&b, '\0');
    fleetjson_read_member(&seen, b.p);
    assert_int_equal(seen.slot, -1);
    buffer_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_read_as_it_was_written),
        cmocka_unit_test(an_owner_is_read_as_it_was_written),
        cmocka_unit_test(nonsense_is_nobody),
        cmocka_unit_test(a_member_without_a_slot_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
