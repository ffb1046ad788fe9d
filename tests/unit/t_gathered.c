/* Requests that are gathered: to the last byte that may come, whatever its pieces, and out of memory. */
#include "proxy/exchange/gathered.h"

#include "answer_lab.h"
#include "failmalloc.h"

static struct http1 parser;
static struct head head;

static int begin(void **state)
{
    (void)state;
    answer_begin(VERSION_RIE, NULL);
    answer.tuning.request_limits = answer.tuning.response_limits;
    return 0;
}

static int over(void **state)
{
    http1_fini(&parser);
    return answer_over(state);
}

/* Reads the head of a request; its text must last. */
static void read_head(const char *text)
{
    http1_fini(&parser);
    http1_init_request(&parser, &head, &answer.tuning.request_limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
}

static const char chunked[] = "POST /a?b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n";

static struct gathered *make(uint64_t limit, bool is_checked)
{
    struct gathered *g;

    read_head(chunked);
    g = gathered_make(&head, limit, is_checked);
    assert_non_null(g);
    return g;
}

static void add_in(struct gathered *g, struct str body, size_t step)
{
    for (size_t at = 0; at < body.n; at += step)
        assert_int_equal(
            gathered_add(g, (struct str){body.p + at, body.n - at < step ? body.n - at : step}), 0);
}

static void its_head_is_read_again_as_that_of_a_whole_body(void **state)
{
    struct gathered *g = make(100, true);
    struct head *again;

    (void)state;
    add_in(g, STR("{\"a\":1}"), 3);
    again = gathered_head(g, &answer.worker);
    assert_non_null(again);
    assert_true(str_eq(head_method(again), STR("POST")));
    assert_true(str_eq(head_query(again), STR("b")));
    assert_int_equal(again->body, BODY_LENGTH);
    assert_int_equal(again->content_length, 7);
    assert_false(again->is_expect_continue);
    gathered_free(&g);
    assert_null(g);
    g = make(100, true);
    assert_int_equal(gathered_head(g, &answer.worker)->body, BODY_NONE);
    gathered_free(&g);
}

static void a_payload_may_be_as_long_as_its_limit(void **state)
{
    struct str body = STR("\"12345678\"");
    struct choice refusal;

    (void)state;
    for (uint64_t limit = body.n - 1; limit <= body.n; limit++)
        for (size_t step = 1; step <= body.n; step++)
            for (int is_event = 0; is_event < 2; is_event++) {
                struct gathered *g = make(limit, true);

                add_in(g, body, step);
                assert_int_equal(g->is_too_large, limit < body.n);
                assert_true(g->payload.n <= limit);
                if (limit == body.n) {
                    assert_int_equal(gathered_complain(g, is_event, &refusal), 0);
                } else {
                    assert_int_equal(gathered_complain(g, is_event, &refusal), PICK_REFUSED);
                    assert_int_equal(refusal.status, 413);
                    assert_string_equal(refusal.message,
                                        is_event ? "10 byte payload is too large for the Event "
                                                   "invocation type (limit 9 bytes)"
                                                 : "Request must be smaller than 9 bytes for the "
                                                   "InvokeFunction operation");
                }
                gathered_free(&g);
            }
}

/* Once it is too large nothing more is kept, also not what would fit. */
static void what_is_too_large_takes_no_memory(void **state)
{
    struct gathered *g = make(4, false);

    (void)state;
    add_in(g, STR("12345"), 5);
    add_in(g, STR("1"), 1);
    assert_int_equal(g->payload.n, 0);
    assert_true(g->is_too_large);
    gathered_free(&g);
}

static void only_json_passes_where_it_is_looked_at(void **state)
{
    static const struct {
        const char *body;
        bool is_json;
    } cases[] = {{"", true},      {"1", true},   {" null ", true}, {"{\"a\":[1,2,{}]}", true},
                 {" ", false},    {"{", false},  {"1 2", false},   {"{\"a\":1,}", false},
                 {"\xff", false}, {"nul", false}};
    struct choice refusal;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t step = 1; step < 4; step++)
            for (int is_checked = 0; is_checked < 2; is_checked++) {
                struct gathered *g = make(100, is_checked);
                bool is_right = cases[i].is_json || !is_checked;

                add_in(g, str_of(cases[i].body), step);
                assert_int_equal(gathered_complain(g, false, &refusal),
                                 is_right ? 0 : PICK_REFUSED);
                if (!is_right) {
                    assert_int_equal(refusal.status, 400);
                    assert_string_equal(refusal.type_name, "InvalidRequestContentException");
                    assert_non_null(strstr(refusal.message, "Could not parse payload into json: "));
                }
                /* complaining changes nothing */
                assert_int_equal(gathered_complain(g, false, &refusal),
                                 is_right ? 0 : PICK_REFUSED);
                gathered_free(&g);
            }
}

static void a_response_begins_with_nothing(void **state)
{
    struct gathered *g = make(3, true);

    (void)state;
    add_in(g, STR("{{{{"), 4);
    gathered_turn(g, 7);
    assert_false(g->is_too_large);
    assert_int_equal(g->payload.n + g->head.n, 0);
    add_in(g, STR("{\"a\":1}"), 1);
    assert_true(jsoncheck_end(&g->check));
    assert_int_equal(g->payload.n, 7);
    gathered_free(&g);
}

static void out_of_memory_nothing_is_lost(void **state)
{
    static char body[100000];

    (void)state;
    failmalloc_skip();
    memset(body, ' ', sizeof(body));
    for (long n = 1;; n++) {
        long live = failmalloc_live();
        struct gathered *g;
        int r = -1;

        read_head("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n");
        failmalloc_arm(n);
        g = gathered_make(&head, 100000, true);
        if (g) /* twice what was announced, so that it has to grow */
            r = gathered_add(g, (struct str){body, sizeof(body)});
        bool has_failed = failmalloc_disarm();
        assert_int_equal(r < 0, has_failed);
        gathered_free(&g);
        http1_fini(&parser);
        assert_int_equal(failmalloc_live(), live);
        if (!has_failed)
            break;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_head_is_read_again_as_that_of_a_whole_body),
        TEST(a_payload_may_be_as_long_as_its_limit),
        TEST(what_is_too_large_takes_no_memory),
        TEST(only_json_passes_where_it_is_looked_at),
        TEST(a_response_begins_with_nothing),
        TEST(out_of_memory_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
