/* What etcd's gateway is asked, word for word, and what it answered (texts of etcd 3.4.23). */
#include "store/etcdjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct buffer text;

static void expect_text(const char *wanted)
{
    assert_false(text.is_out);
    buffer_char(&text, '\0');
    assert_string_equal(text.p, wanted);
    buffer_fini(&text);
}

static struct etcdjson_answer read_answer(int status, const char *body)
{
    struct etcdjson_answer answer;

    assert_int_equal(etcdjson_read(&answer, status, str_of(body)), 0);
    return answer;
}

static void a_range_is_asked_in_base64_and_numbers_are_strings(void **state)
{
    (void)state;
    etcdjson_ask_range(&text, &(struct etcdjson_range){.key = STR("a/"),
                                                       .end = STR("a0"),
                                                       .revision = UINT64_MAX,
                                                       .limit = 5,
                                                       .changed = 9,
                                                       .is_stale_fine = true});
    expect_text("{\"key\":\"YS8=\",\"range_end\":\"YTA=\",\"revision\":\"18446744073709551615\","
                "\"limit\":\"5\",\"min_mod_revision\":\"9\",\"serializable\":true}");
    etcdjson_ask_range(&text, &(struct etcdjson_range){.key = STR("a")});
    expect_text("{\"key\":\"YQ==\"}");
}

static void a_transaction_compares_then_acts(void **state)
{
    struct etcdjson_txn txn;

    (void)state;
    etcdjson_txn_begin(&txn, &text);
    etcdjson_txn_compare(&txn, STR("a"), 0);
    etcdjson_txn_compare_made(&txn, STR("b"), 7);
    etcdjson_txn_then(&txn);
    etcdjson_txn_put(&txn, STR("a"), STR("x"), 0);
    etcdjson_txn_put(&txn, STR("b"), STR(""), 9);
    etcdjson_txn_delete(&txn, STR("c"), STR("d"));
    etcdjson_txn_otherwise(&txn);
    etcdjson_txn_range(&txn, &(struct etcdjson_range){.key = STR("a")});
    etcdjson_txn_end(&txn);
    assert_int_equal(txn.nr_bytes, 6);
    expect_text("{\"compare\":[{\"key\":\"YQ==\",\"target\":\"MOD\",\"result\":\"EQUAL\","
                "\"mod_revision\":\"0\"},{\"key\":\"Yg==\",\"target\":\"CREATE\",\"result\":"
                "\"EQUAL\",\"create_revision\":\"7\"}],\"success\":[{\"request_put\":{\"key\":"
                "\"YQ==\",\"value\":\"eA==\"}},{\"request_put\":{\"key\":\"Yg==\",\"value\":\"\","
                "\"lease\":\"9\"}},{\"request_delete_range\":{\"key\":\"Yw==\",\"range_end\":"
                "\"ZA==\"}}],\"failure\":[{\"request_range\":{\"key\":\"YQ==\"}}]}");
}

static void other_requests(void **state)
{
    (void)state;
    etcdjson_ask_watch(&text, STR("a"), STR("b"), 12);
    expect_text("{\"create_request\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"start_revision\":"
                "\"12\"}}");
    etcdjson_ask_grant(&text, 5);
    expect_text("{\"TTL\":\"5\"}");
    etcdjson_ask_lease(&text, 7587899267073024525);
    expect_text("{\"ID\":\"7587899267073024525\"}");
    etcdjson_ask_token(&text, STR("weir"), STR("a\"b"));
    expect_text("{\"name\":\"weir\",\"password\":\"a\\\"b\"}");
}

static void the_end_of_a_prefix(void **state)
{
    (void)state;
    buffer_lit(&text, "/weir/t/");
    etcdjson_prefix_end(&text);
    expect_text("/weir/t0");
    buffer_lit(&text, "a\xff\xff");
    etcdjson_prefix_end(&text);
    expect_text("b");
}

static void a_range_that_is_empty_has_a_revision_alone(void **state)
{
    struct etcdjson_answer a =
        read_answer(200, "{\"header\":{\"cluster_id\":\"14841639068965178418\",\"member_id\":"
                         "\"10276657743932975437\",\"revision\":\"1\",\"raft_term\":\"2\"}}");

    (void)state;
    assert_int_equal(a.revision, 1);
    assert_int_equal(a.nr_kvs, 0);
    assert_null(a.error);
    etcdjson_fini(&a);
}

static void keys_and_values_come_back_from_base64(void **state)
{
    struct etcdjson_answer a = read_answer(
        200, "{\"header\":{\"revision\":\"18446744073709551615\"},\"kvs\":[{\"key\":"
             "\"L3dlaXIvdGFibGU=\",\"create_revision\":\"2\",\"mod_revision\":\"3\",\"version\":"
             "\"1\",\"value\":\"aGk=\"},{\"key\":\"YQ==\",\"mod_revision\":\"4\",\"lease\":\"77\"}"
             "],\"more\":true,\"count\":\"9\"}");

    (void)state;
    assert_true(a.revision == UINT64_MAX);
    assert_int_equal(a.nr_kvs, 2);
    assert_string_equal(a.kvs[0].key.p, "/weir/table");
    assert_string_equal(a.kvs[0].value.p, "hi");
    assert_int_equal(a.kvs[0].create_revision, 2);
    assert_int_equal(a.kvs[0].mod_revision, 3);
    assert_string_equal(a.kvs[1].value.p, ""); /* an empty value is left out */
    assert_int_equal(a.kvs[1].lease, 77);
    assert_true(a.has_more);
    etcdjson_fini(&a);
}

static void a_transaction_that_failed_says_nothing_of_it(void **state)
{
    struct etcdjson_answer a = read_answer(
        200, "{\"header\":{\"revision\":\"2\"},\"responses\":[{\"response_range\":{\"header\":{"
             "\"revision\":\"2\"},\"kvs\":[{\"key\":\"YQ==\",\"mod_revision\":\"2\",\"value\":"
             "\"aGk=\"}],\"count\":\"1\"}}]}");

    (void)state;
    assert_false(a.has_succeeded);
    assert_int_equal(a.nr_kvs, 1);
    assert_string_equal(a.kvs[0].value.p, "hi");
    etcdjson_fini(&a);
    a = read_answer(200, "{\"header\":{\"revision\":\"2\"},\"succeeded\":true,\"responses\":[{"
                         "\"response_put\":{\"header\":{\"revision\":\"2\"}}}]}");
    assert_true(a.has_succeeded);
    etcdjson_fini(&a);
}

static void a_watch_tells_what_was_put_and_what_has_gone(void **state)
{
    struct etcdjson_answer a =
        read_answer(200, "{\"result\":{\"header\":{\"revision\":\"3\"},\"created\":true}}");

    (void)state;
    assert_true(a.is_created);
    etcdjson_fini(&a);
    a = read_answer(200,
                    "{\"result\":{\"header\":{\"revision\":\"5\"},\"events\":[{\"kv\":{\"key\":"
                    "\"YQ==\",\"mod_revision\":\"4\",\"value\":\"aGk=\"}},{\"type\":"
                    "\"DELETE\",\"kv\":{\"key\":\"Yg==\",\"mod_revision\":\"5\"}}]}}");
    assert_int_equal(a.nr_kvs, 2);
    assert_false(a.kvs[0].is_deleted);
    assert_true(a.kvs[1].is_deleted);
    assert_string_equal(a.kvs[1].key.p, "b");
    etcdjson_fini(&a);
}

static void a_watch_from_before_a_compaction_is_canceled_with_status_200(void **state)
{
    struct etcdjson_answer a =
        read_answer(200, "{\"result\":{\"header\":{\"cluster_id\":\"14841639068965178418\"},"
                         "\"canceled\":true,\"compact_revision\":\"3\"}}");

    (void)state;
    assert_true(a.is_canceled);
    assert_int_equal(a.compact_revision, 3);
    assert_null(a.error);
    etcdjson_fini(&a);
}

static void leases(void **state)
{
    struct etcdjson_answer a = read_answer(
        200, "{\"header\":{\"revision\":\"3\"},\"ID\":\"7587899267073024525\",\"TTL\":\"5\"}");

    (void)state;
    assert_true(a.lease == 7587899267073024525);
    assert_int_equal(a.ttl, 5);
    etcdjson_fini(&a);
    /* A keepalive of a lease that has gone is no error, but has no TTL. */
    a = read_answer(200, "{\"result\":{\"header\":{\"revision\":\"3\"},\"ID\":\"7\"}}");
    assert_int_equal(a.ttl, 0);
    assert_null(a.error);
    etcdjson_fini(&a);
}

static void errors_have_three_forms(void **state)
{
    struct etcdjson_answer a = read_answer(
        401, "{\"error\":\"etcdserver: invalid auth token\",\"message\":\"etcdserver: invalid auth "
             "token\",\"code\":16}");

    (void)state;
    assert_string_equal(a.error, "etcdserver: invalid auth token");
    assert_int_equal(a.code, ETCDJSON_UNAUTHENTICATED);
    etcdjson_fini(&a);
    a = read_answer(200, "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"transport "
                         "is closing\",\"http_status\":\"Service Unavailable\"}}");
    assert_string_equal(a.error, "transport is closing");
    assert_int_equal(a.code, ETCDJSON_UNAVAILABLE);
    etcdjson_fini(&a);
    a = read_answer(400, "CommonName of client sending a request against gateway will be ignored "
                         "and not used as expected\n");
    assert_string_equal(a.error, "CommonName of client sending a request against gateway will be "
                                 "ignored and not used as expected");
    etcdjson_fini(&a);
    a = read_answer(503, "");
    assert_string_equal(a.error, "no reason given");
    etcdjson_fini(&a);
    a = read_answer(500, "{}");
    assert_string_equal(a.error, "no reason given");
    etcdjson_fini(&a);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bodies[] = {"", "hello", "[]", "{\"kvs\":[{\"key\":\"*\"}]}", "{\"kv"};
    struct etcdjson_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(etcdjson_read(&a, 200, str_of(bodies[i])), -1);
        etcdjson_fini(&a);
    }
    /* Other kinds than expected count as not there. */
    a = read_answer(200, "{\"header\":7,\"kvs\":{},\"events\":[{}],\"responses\":[1],\"ID\":[]}");
    assert_int_equal(a.nr_kvs, 1);
    assert_string_equal(a.kvs[0].key.p, "");
    etcdjson_fini(&a);
}

static void a_token(void **state)
{
    struct etcdjson_answer a =
        read_answer(200, "{\"header\":{\"revision\":\"3\"},\"token\":\"abc.17\"}");

    (void)state;
    assert_string_equal(a.token, "abc.17");
    etcdjson_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_asked_in_base64_and_numbers_are_strings),
        cmocka_unit_test(a_transaction_compares_then_acts),
        cmocka_unit_test(other_requests),
        cmocka_unit_test(the_end_of_a_prefix),
        cmocka_unit_test(a_range_that_is_empty_has_a_revision_alone),
        cmocka_unit_test(keys_and_values_come_back_from_base64),
        cmocka_unit_test(a_transaction_that_failed_says_nothing_of_it),
        cmocka_unit_test(a_watch_tells_what_was_put_and_what_has_gone),
        cmocka_unit_test(a_watch_from_before_a_compaction_is_canceled_with_status_200),
        cmocka_unit_test(leases),
        cmocka_unit_test(errors_have_three_forms),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
