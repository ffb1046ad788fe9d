/* Events in memory, in the store's text, and as dead letters. */
#include "proxy/async/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/async/cache.h"
#include "proxy/async/letter.h"
#include "proxy/async/tally.h"

static const char id[] = "8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49";

static struct event *make(const char *payload)
{
    struct event *e = event_make(&(struct event_spec){
        .id = STR("8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49"),
        .function = STR("hello"),
        .qualifier = STR("live"),
        .version = STR("7"),
        .meta = STR("192.0.2.1 http\nHost: a\r\n"),
        .payload = str_of(payload),
        .accepted_ms = 1000,
        .due_ms = 2000,
    });

    assert_non_null(e);
    return e;
}

static void an_event_has_all_that_it_was_made_of(void **state)
{
    struct event *e = make("{\"a\": 1}");

    (void)state;
    assert_string_equal(e->put.event.id, id);
    assert_string_equal(e->put.event.function, "hello");
    assert_string_equal(e->put.event.qualifier, "live");
    assert_string_equal(e->put.event.version, "7");
    assert_string_equal(e->put.event.meta, "192.0.2.1 http\nHost: a\r\n");
    assert_string_equal(e->put.event.error, "");
    assert_int_equal(e->put.event.payload_bytes, 8);
    assert_memory_equal(e->put.event.payload, "{\"a\": 1}", 8);
    assert_int_equal(e->past.accepted_ms, 1000);
    assert_int_equal(e->put.event.due_ms, 2000);
    assert_false(e->past.is_letter);
    event_free(&e);
    assert_null(e);
}

/* The event as it is after a restart. */
static struct event *through_the_store(struct event **event)
{
    struct store_event stored = (*event)->put.event;
    char *error = event_write_error(*event);
    struct event *again;

    assert_non_null(error);
    stored.key = 77;
    stored.version = "7"; /* as it was put */
    stored.error = error;
    stored.attempts = (*event)->past.attempts;
    again = event_load(&stored);
    assert_non_null(again);
    free(error);
    event_free(event);
    return again;
}

static void what_attempts_said_outlives_a_restart(void **state)
{
    struct event *e = make("{}");

    (void)state;
    e->past.attempts = 5;
    e->past.function_errors = 1;
    e->past.in_vain = 3;
    memcpy(e->version, "12", 3); /* drawn anew */
    event_set_last(e, 200, STR("Unhandled"), true, STR("{\"errorMessage\": \"a\nb\"}"));
    e = through_the_store(&e);
    assert_int_equal(e->put.event.key, 77);
    assert_int_equal(e->past.attempts, 5);
    assert_int_equal(e->past.function_errors, 1);
    assert_int_equal(e->past.in_vain, 3);
    assert_string_equal(e->version, "12");
    assert_int_equal(e->last.status, 200);
    assert_string_equal(e->last.error, "Unhandled");
    assert_true(e->last.is_function);
    assert_true(e->last.is_whole);
    assert_int_equal(e->last.body_bytes, 23);
    assert_memory_equal(e->last.body, "{\"errorMessage\": \"a\nb\"}", 23);
    e = through_the_store(&e); /* and again */
    assert_string_equal(e->version, "12");
    event_free(&e);
}

static void an_event_without_attempts_has_nothing_to_say(void **state)
{
    struct event *e = make("");

    (void)state;
    e = through_the_store(&e);
    assert_int_equal(e->last.status, 0);
    assert_int_equal(e->last.body_bytes, 0);
    assert_string_equal(e->version, "7");
    assert_int_equal(e->put.event.payload_bytes, 0);
    event_free(&e);
}

static void a_text_that_is_none_of_ours_is_read_as_nothing(void **state)
{
    static const char *const texts[] = {"",           "x",
                                        "errors 1\n", "errors 1 in_vain x\nbody",
                                        "\n",         "errors 1 in_vain 2 version 3 status 4"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct event *made = make("{}"), *e;
        struct store_event stored = made->put.event;

        stored.error = texts[i];
        e = event_load(&stored);
        assert_non_null(e);
        assert_string_equal(e->version, "7");
        assert_int_equal(e->last.status, 0);
        event_free(&e);
        event_free(&made);
    }
}

static void a_long_response_is_cut(void **state)
{
    static char body[EVENT_BODY_MAX + 1];
    struct event *e = make("{}");

    (void)state;
    memset(body, 'x', sizeof(body));
    event_set_last(e, 500, STR("a b\nc"), false, (struct str){body, sizeof(body)});
    assert_int_equal(e->last.body_bytes, EVENT_BODY_MAX);
    assert_false(e->last.is_whole);
    assert_string_equal(e->last.error, "a_b_c"); /* one word */
    e = through_the_store(&e);
    assert_int_equal(e->last.body_bytes, EVENT_BODY_MAX);
    assert_false(e->last.is_whole);
    event_free(&e);
}

static void letters_have_a_queue_of_their_own(void **state)
{
    char one[EVENT_QUEUE_MAX], two[EVENT_QUEUE_MAX];
    struct str event = event_queue_name(one, "hello", false);
    struct str letter = event_queue_name(two, "hello", true);

    (void)state;
    assert_true(str_eq(event, STR("hello")));
    assert_false(str_eq(event, letter));
}

/* ---- Dead letters ---------------------------------------------------------------------------- */

static const struct arn_home home = {{"eu-central-1", 12}, {"123456789012", 12}};

static void expect_letter(struct event **event, const char *condition, const char *expected)
{
    struct buffer record = {0};

    letter_write(&record, *event, condition, &home, 1573754284568);
    assert_false(record.is_out);
    buffer_char(&record, 0);
    assert_string_equal(record.p, expected);
    buffer_fini(&record);
    event_free(event);
}

#define CONTEXT(condition, attempts)                                                               \
    "{\"version\":\"1.0\",\"timestamp\":\"2019-11-14T17:58:04.568Z\",\"requestContext\":{"         \
    "\"requestId\":\"8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49\",\"functionArn\":"                      \
    "\"arn:aws:lambda:eu-central-1:123456789012:function:hello:live\","                            \
    "\"condition\":\"" condition "\",\"approximateInvokeCount\":" attempts "},\"requestPayload\":"

static void a_letter_is_lambdas_record(void **state)
{
    struct event *e = make("{\"a\": [1]}");

    (void)state;
    e->past.attempts = 3;
    event_set_last(e, 200, STR("Unhandled"), true, STR("{\"errorMessage\":\"x\"}"));
    expect_letter(
        &e, "RetriesExhausted",
        CONTEXT(
            "RetriesExhausted",
            "3") "{\"a\": [1]},\"responseContext\":{"
                 "\"statusCode\":200,\"executedVersion\":\"7\",\"functionError\":\"Unhandled\"},"
                 "\"responsePayload\":{\"errorMessage\":\"x\"}}");
}

static void a_letter_without_an_attempt_has_no_response(void **state)
{
    struct event *e = make("");

    (void)state;
    expect_letter(&e, "ZeroReservedConcurrency", CONTEXT("ZeroReservedConcurrency", "0") "null}");
}

static void what_weir_says_itself_is_told_as_an_error(void **state)
{
    struct event *e = make("not json \"");

    (void)state;
    event_set_last(e, 502, STR("BadGatewayException"), false, STR("No."));
    e->past.attempts = 9;
    expect_letter(&e, "EventAgeExceeded",
                  CONTEXT("EventAgeExceeded",
                          "9") "\"not json \\\"\",\"responseContext\":{"
                               "\"statusCode\":502,\"executedVersion\":\"7\"},\"responsePayload\":{"
                               "\"errorType\":\"BadGatewayException\",\"errorMessage\":\"No.\"}}");
}

static void what_is_no_text_is_told_in_base64(void **state)
{
    struct event *e = make("\xff\xfe");

    (void)state;
    event_set_last(e, 404, STR(""), true, STR("\xff"));
    e->past.attempts = 1;
    expect_letter(
        &e, "RetriesExhausted",
        CONTEXT(
            "RetriesExhausted",
            "1") "{\"base64\":\"//4=\"},\"responseContext\":{"
                 "\"statusCode\":404,\"executedVersion\":\"7\",\"functionError\":\"Unhandled\"},"
                 "\"responsePayload\":{\"base64\":\"/w==\"}}");
}

/* ---- Cache and tally ------------------------------------------------------------------------- */

static void the_cache_keeps_so_many_bytes(void **state)
{
    struct cache cache = {.max = 3000};
    struct event *e;
    int nr = 0;

    (void)state;
    for (uint64_t key = 1; key <= 100; key++) {
        e = make("{}");
        e->put.event.key = key;
        cache_put_take(&cache, e);
    }
    assert_in_range(cache.bytes, 1, 3000);
    for (uint64_t key = 1; key <= 50; key++) {
        e = cache_take(&cache, key);
        nr += e != NULL;
        if (e)
            assert_int_equal(e->put.event.key, key);
        event_free(&e);
        assert_null(cache_take(&cache, key));
    }
    assert_in_range(nr, 1, 20);
    assert_int_equal(cache.bytes, 0);
    e = make("{}");
    e->put.event.key = 5;
    cache_put_take(&cache, e);
    cache_fini(&cache);
    assert_int_equal(cache.bytes, 0);
}

static void a_tally_counts_by_function(void **state)
{
    struct tally tally = {0};
    struct expose_event_counts *list;
    int nr;

    (void)state;
    tally_of(&tally, "a")->accepted++;
    tally_of(&tally, "b")->accepted += 2;
    tally_of(&tally, "a")->dropped[EXPOSE_DROP_DEAD_LETTER]++;
    list = tally_list(&tally, &nr);
    assert_int_equal(nr, 2);
    for (int i = 0; i < nr; i++)
        assert_int_equal(list[i].accepted, str_eq(list[i].function, STR("a")) ? 1 : 2);
    free(list);
    tally_fini(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_all_that_it_was_made_of),
        cmocka_unit_test(what_attempts_said_outlives_a_restart),
        cmocka_unit_test(an_event_without_attempts_has_nothing_to_say),
        cmocka_unit_test(a_text_that_is_none_of_ours_is_read_as_nothing),
        cmocka_unit_test(a_long_response_is_cut),
        cmocka_unit_test(letters_have_a_queue_of_their_own),
        cmocka_unit_test(a_letter_is_lambdas_record),
        cmocka_unit_test(a_letter_without_an_attempt_has_no_response),
        cmocka_unit_test(what_weir_says_itself_is_told_as_an_error),
        cmocka_unit_test(what_is_no_text_is_told_in_base64),
        cmocka_unit_test(the_cache_keeps_so_many_bytes),
        cmocka_unit_test(a_tally_counts_by_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
