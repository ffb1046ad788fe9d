/* Responses become event streams: piece by piece, held back where they may be errors, and whole in spite of what fails. */
#include "proxy/exchange/framed.h"

#include <stdio.h>

#include "answer_lab.h"
#include "proxy/http/eventreader.h"

enum { HELD_MAX = 65536 };

static char chunks[ANSWER_BODY_MAX]; /* the payloads of all PayloadChunk frames */
static size_t nr_chunks, nr_pieces;
static char last[4096]; /* that of InvokeComplete; "": it has not come */

/* Reads what came out. */
static void read_frames(void)
{
    struct eventreader reader = {.part = 0};
    struct str bytes = {answer.body, answer.nr_body}, piece;
    enum eventreader_found found;

    nr_chunks = nr_pieces = 0;
    last[0] = '\0';
    while ((found = eventreader_next(&reader, &bytes, &piece)) == EVENTREADER_PIECE) {
        memcpy(chunks + nr_chunks, piece.p, piece.n);
        nr_chunks += piece.n;
        nr_pieces++;
    }
    assert_int_not_equal(found, EVENTREADER_BROKEN);
    if (found == EVENTREADER_END)
        snprintf(last, sizeof(last), "%.*s", (int)reader.last.n, reader.last.p);
    eventreader_fini(&reader);
}

static void expect(struct str payload, const char *complete)
{
    read_frames();
    assert_int_equal(nr_chunks, payload.n);
    assert_memory_equal(chunks, payload.p, payload.n);
    assert_string_equal(last, complete);
    assert_int_equal(answer.status, 200);
    assert_true(answer_has_field("Content-Type: application/vnd.amazon.eventstream"));
    assert_true(answer_has_field("Transfer-Encoding: chunked"));
}

/* ---- http ------------------------------------------------------------------------------------ */

static void each_piece_of_an_http_response_is_a_frame(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 11; step++) {
        answer_begin(VERSION_HTTP, &framed_http);
        answer_in(202, "Content-Length: 11\r\n", STR("hello world"), step);
        expect(STR("hello world"), "{}");
        assert_int_equal(nr_pieces, (11 + step - 1) / step);
        assert_int_equal(answer.nr_ends, 1);
        answer_over(state);
    }
}

static void an_empty_response_is_a_last_frame_alone(void **state)
{
    (void)state;
    answer_begin(VERSION_HTTP, &framed_http);
    answer_head(200, "Transfer-Encoding: chunked\r\n");
    answer_body(STR(""));
    answer_end();
    expect(STR(""), "{}");
    assert_int_equal(nr_pieces, 0);
}

static void what_an_http_endpoint_says_of_its_failure_is_not_framed(void **state)
{
    static const int statuses[] = {300, 404, 500};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        answer_begin(VERSION_HTTP, &framed_http);
        answer_head(statuses[i], "Content-Length: 2\r\nX-Own: 1\r\n");
        assert_null(answer.ex.filter); /* the rest goes on by itself */
        assert_ptr_equal(answer.ex.user.on, answer.ex.next);
        assert_int_equal(answer.status, statuses[i]);
        assert_true(answer_has_field("X-Own: 1"));
        answer_over(state);
    }
}

static void a_log_is_in_the_last_frame(void **state)
{
    (void)state;
    answer_begin(VERSION_HTTP, &framed_http);
    answer.ex.wants_log = true;
    answer_in(200, "Content-Length: 1\r\n", STR("x"), 1);
    read_frames();
    assert_int_equal(strncmp(last, "{\"LogResult\":\"", 14), 0);
}

/* ---- rie ------------------------------------------------------------------------------------- */

static void an_emulators_error_is_told_in_the_last_frame_alone(void **state)
{
    struct str error = STR(" {\n\t\"errorType\":\"E\",\"errorMessage\":\"m\"}");

    (void)state;
    for (size_t step = 1; step <= error.n; step++) {
        answer_begin(VERSION_RIE, &framed_rie);
        answer_in(200, "Content-Length: 40\r\n", error, step);
        expect(STR(""),
               "{\"ErrorCode\":\"Unhandled\",\"ErrorDetails\":\" "
               "{\\u000a\\u0009\\\"errorType\\\":\\\"E\\\",\\\"errorMessage\\\":\\\"m\\\"}\"}");
        assert_true(answer.ex.is_function_error);
        answer_over(state);
    }
}

/* As soon as it cannot be an error any more it goes out. */
static void what_cannot_be_an_error_is_not_held_back(void **state)
{
    static const struct {
        const char *first, *rest;
        bool is_held;
    } cases[] = {
        {"[", "1]", false},          {"\"e", "\"", false},         {"{\"a", "\":1}", false},
        {"{\"erro", "\":1}", true},  {"{\"error", "s\":1}", true}, {"  ", "1", true},
        {"Task timed ", "in", true}, {"Tack", "s", false},         {"{", "}", true},
    };
    char whole[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        answer_begin(VERSION_RIE, &framed_rie);
        answer_head(200, "Transfer-Encoding: chunked\r\n");
        answer_body(str_of(cases[i].first));
        assert_int_equal(answer.nr_body == 0, cases[i].is_held);
        answer_body(str_of(cases[i].rest));
        answer_end();
        snprintf(whole, sizeof(whole), "%s%s", cases[i].first, cases[i].rest);
        expect(str_of(whole), "{}");
        assert_false(answer.ex.is_function_error);
        answer_over(state);
    }
}

static void no_more_is_held_back_than_may_be(void **state)
{
    static char body[HELD_MAX + 1];

    (void)state;
    memset(body, ' ', sizeof(body));
    memcpy(body, "{\"error", 7);
    answer_begin(VERSION_RIE, &framed_rie);
    answer_head(200, "Transfer-Encoding: chunked\r\n");
    answer_body((struct str){body, HELD_MAX});
    assert_int_equal(answer.nr_body, 0);
    answer_body((struct str){body + HELD_MAX, 1});
    read_frames();
    assert_int_equal(nr_chunks, HELD_MAX + 1);
    answer_end();
    expect((struct str){body, sizeof(body)}, "{}");
}

static void an_emulator_that_ends_and_one_that_is_none(void **state)
{
    (void)state;
    answer_begin(VERSION_RIE, &framed_rie);
    answer_in(502, "Content-Length: 2\r\n", STR("{}"), 2);
    expect(STR(""), "{\"ErrorCode\":\"Unhandled\",\"ErrorDetails\":\"{}\"}");
    answer_over(state);
    answer_begin(VERSION_RIE, &framed_rie);
    answer_in(404, "Content-Length: 1\r\n", STR("x"), 1);
    assert_int_equal(answer.status, 502);
    assert_true(answer_has_field("x-amzn-ErrorType: ServiceException"));
}

/* ---- Failures -------------------------------------------------------------------------------- */

static void an_endpoint_that_is_lost_ends_the_stream_in_a_frame(void **state)
{
    (void)state;
    answer_begin(VERSION_HTTP, &framed_http);
    answer_head(200, "Transfer-Encoding: chunked\r\n");
    answer_body(STR("some"));
    assert_true(framed_http.gave_up(&answer.ex, METRICS_ERROR_RESET));
    read_frames();
    assert_int_equal(nr_chunks, 4);
    assert_non_null(strstr(last, "\"ErrorCode\":\"Runtime.ResponseEnded\""));
    assert_int_equal(answer.nr_ends, 1);
}

static void a_timeout_is_told_in_a_frame_whether_the_stream_has_begun_or_not(void **state)
{
    (void)state;
    for (int has_begun = 0; has_begun < 2; has_begun++) {
        answer_begin(VERSION_HTTP, &framed_http);
        answer.version.timeout_ms = answer.version.head_wait_ms = 1500;
        if (has_begun)
            answer_head(200, "Transfer-Encoding: chunked\r\n");
        assert_true(framed_http.gave_up(&answer.ex, METRICS_ERROR_RESPONSE_TIMEOUT));
        read_frames();
        assert_non_null(strstr(last, "\"ErrorCode\":\"Sandbox.Timedout\""));
        assert_non_null(strstr(last, "timed out after 1.50 seconds"));
        assert_int_equal(answer.was_given, !has_begun);
        assert_int_equal(answer.nr_ends, 1);
        answer_over(state);
    }
}

static void what_fails_before_it_has_begun_is_no_stream(void **state)
{
    (void)state;
    answer_begin(VERSION_HTTP, &framed_http);
    assert_false(framed_http.gave_up(&answer.ex, METRICS_ERROR_CONNECT));
    assert_false(framed_http.gave_up(&answer.ex, METRICS_ERROR_RESPONSE_TIMEOUT)); /* not its own */
    assert_int_equal(answer.nr_heads, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_piece_of_an_http_response_is_a_frame),
        cmocka_unit_test_teardown(an_empty_response_is_a_last_frame_alone, answer_over),
        cmocka_unit_test(what_an_http_endpoint_says_of_its_failure_is_not_framed),
        cmocka_unit_test_teardown(a_log_is_in_the_last_frame, answer_over),
        cmocka_unit_test(an_emulators_error_is_told_in_the_last_frame_alone),
        cmocka_unit_test(what_cannot_be_an_error_is_not_held_back),
        cmocka_unit_test_teardown(no_more_is_held_back_than_may_be, answer_over),
        cmocka_unit_test_teardown(an_emulator_that_ends_and_one_that_is_none, answer_over),
        cmocka_unit_test_teardown(an_endpoint_that_is_lost_ends_the_stream_in_a_frame, answer_over),
        cmocka_unit_test(a_timeout_is_told_in_a_frame_whether_the_stream_has_begun_or_not),
        cmocka_unit_test_teardown(what_fails_before_it_has_begun_is_no_stream, answer_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
