/* What the fields of a head say about its framing, without a parser. */
#include "proxy/http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct head head;
static char text[512];

/* Reads one field of the head, as its parser does. */
static enum head_error read_field(const char *name, const char *value)
{
    struct head_field *f = &head.fields[head.nr_fields];
    size_t at = strlen(text);

    snprintf(text + at, sizeof(text) - at, "%s: %s\r\n", name, value);
    *f = (struct head_field){.name_at = (uint32_t)at,
                             .name_len = (uint16_t)strlen(name),
                             .value_at = (uint32_t)(at + strlen(name) + 2),
                             .value_len = (uint32_t)strlen(value)};
    head.base = text;
    f->id = (uint8_t)fields_id(head_name(&head, f));
    assert_true(framing_is_concerned((enum field_id)f->id) || f->id == FIELD_OTHER);
    enum head_error error = framing_read(&head, f);
    head.nr_fields++;
    return error;
}

static int set_up(void **state)
{
    (void)state;
    memset(&head, 0, sizeof(head));
    memset(text, 0, sizeof(text));
    head.host = -1;
    head.minor = 1;
    return 0;
}

static void a_length_is_one_decimal_number(void **state)
{
    static const char *const bad[] = {"", "+1", "-1", "1,1", "0x1", "1 ", "1234567890123456789"};

    assert_int_equal(read_field("Content-Length", "0000000000000000000000042"), HEAD_ERROR_NONE);
    assert_int_equal(head.body, BODY_LENGTH);
    assert_int_equal(head.content_length, 42);
    assert_int_equal(read_field("Content-Length", "42"), HEAD_ERROR_BAD);
    assert_non_null(strstr(head.fault, "Content-Length"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set_up(state);
        assert_int_equal(read_field("Content-Length", bad[i]), HEAD_ERROR_BAD);
    }
}

static void length_and_coding_exclude_each_other_in_any_order(void **state)
{
    assert_int_equal(read_field("Content-Length", "1"), HEAD_ERROR_NONE);
    assert_int_equal(read_field("Transfer-Encoding", "chunked"), HEAD_ERROR_BAD);
    set_up(state);
    assert_int_equal(read_field("Transfer-Encoding", "Chunked"), HEAD_ERROR_NONE);
    assert_int_equal(head.body, BODY_CHUNKED);
    assert_int_equal(read_field("Content-Length", "1"), HEAD_ERROR_BAD);
}

static void chunked_is_the_only_coding_and_the_last(void **state)
{
    static const struct {
        const char *value;
        enum head_error error;
    } cases[] = {
        {"gzip, chunked", HEAD_ERROR_NOT_IMPLEMENTED},
        {"gzip", HEAD_ERROR_BAD},
        {"chunked, gzip", HEAD_ERROR_BAD},
        {"chunked, chunked", HEAD_ERROR_BAD},
        {"chunked,", HEAD_ERROR_BAD},
        {"", HEAD_ERROR_BAD},
        {"xchunked", HEAD_ERROR_BAD},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up(state);
        assert_int_equal(read_field("Transfer-Encoding", cases[i].value), cases[i].error);
        assert_non_null(head.fault);
    }
    set_up(state);
    head.minor = 0;
    assert_int_equal(read_field("Transfer-Encoding", "chunked"), HEAD_ERROR_BAD);
}

static void requests_and_responses_differ_in_host_and_expect(void **state)
{
    assert_int_equal(read_field("Host", "a"), HEAD_ERROR_NONE);
    assert_int_equal(head.host, 0);
    assert_int_equal(read_field("Host", "a"), HEAD_ERROR_BAD);
    assert_int_equal(read_field("Expect", "100-Continue"), HEAD_ERROR_NONE);
    assert_true(head.is_expect_continue);
    assert_int_equal(read_field("Expect", "x"), HEAD_ERROR_EXPECT);
    set_up(state);
    head.is_response = true;
    assert_int_equal(read_field("Host", "a"), HEAD_ERROR_NONE);
    assert_int_equal(read_field("Host", "b"), HEAD_ERROR_NONE);
    assert_int_equal(read_field("Expect", "x"), HEAD_ERROR_NONE);
    assert_false(head.is_expect_continue);
}

static void connection_says_what_happens_and_lists_what_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(read_field("Connection", "Keep-Alive, UPGRADE ,, close"), HEAD_ERROR_NONE);
    assert_true(head.is_keep_alive && head.is_upgrade && head.is_close);
    assert_false(head.has_connection_options);
    assert_int_equal(head.nr_connection_options, 3);
    assert_int_equal(read_field("Connection", "TE"), HEAD_ERROR_NONE);
    assert_true(head.has_connection_options);
    assert_false(head.drops_trailers); /* none of that name could come */
    assert_int_equal(read_field("Connection", "x-a"), HEAD_ERROR_NONE);
    assert_true(head.drops_trailers);
    assert_int_equal(read_field("X-A", "1"), HEAD_ERROR_NONE);
    assert_int_equal(read_field("X-AB", "1"), HEAD_ERROR_NONE);
    framing_mark_listed(&head);
    assert_true(head_is_dropped(&head, &head.fields[3]));
    assert_false(head_is_dropped(&head, &head.fields[4]));
    assert_false(head_is_dropped(&head, &head.fields[0]));
}

/* What was read of Max-Forwards: -1 where it counts for nothing. */
static int64_t read_max_forwards(void **state, const char *method, const char *value)
{
    set_up(state);
    head.line_at = 0;
    head.method_len = (uint16_t)strlen(method);
    snprintf(text, sizeof(text), "%s", method);
    head.is_trace = strcmp(method, "TRACE") == 0;
    assert_int_equal(read_field("Max-Forwards", value), HEAD_ERROR_NONE);
    return head.has_max_forwards ? (int64_t)head.max_forwards : -1;
}

static void max_forwards_counts_on_options_and_trace_alone(void **state)
{
    static const char *const bad[] = {"", "1234567890", "1 ", "-1", "1,1", "x", "/", ":"};

    assert_int_equal(read_max_forwards(state, "OPTIONS", "0"), 0);
    assert_int_equal(read_max_forwards(state, "OPTIONS", "10"), 10);
    assert_int_equal(read_max_forwards(state, "TRACE", "987654321"), 987654321);
    assert_int_equal(read_max_forwards(state, "TRACE", "19"), 19);
    assert_int_equal(read_field("Max-Forwards", "5"), HEAD_ERROR_NONE);
    assert_int_equal(head.max_forwards, 19); /* the first one counts */
    assert_int_equal(read_max_forwards(state, "GET", "3"), -1);
    assert_int_equal(read_max_forwards(state, "OPTION", "3"), -1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_max_forwards(state, "OPTIONS", bad[i]), -1);
        assert_int_equal(read_max_forwards(state, "TRACE", bad[i]), -1);
    }
}

/* A head is read over the one before: behind its fields stand that one's. */
static void fields_of_the_head_before_count_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_field("Connection", "x-a"), HEAD_ERROR_NONE);
    assert_int_equal(read_field("Connection", "x-b"), HEAD_ERROR_NONE);
    head.nr_fields = 1;
    head.nr_connection_options = 1;
    framing_mark_listed(&head);
    assert_int_equal(read_field("X-A", "1"), HEAD_ERROR_NONE);
    head.nr_fields = 1;
    framing_mark_listed(&head);
    assert_false(head.fields[1].is_listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_length_is_one_decimal_number, set_up),
        cmocka_unit_test_setup(length_and_coding_exclude_each_other_in_any_order, set_up),
        cmocka_unit_test_setup(chunked_is_the_only_coding_and_the_last, set_up),
        cmocka_unit_test_setup(requests_and_responses_differ_in_host_and_expect, set_up),
        cmocka_unit_test_setup(connection_says_what_happens_and_lists_what_is_dropped, set_up),
        cmocka_unit_test_setup(max_forwards_counts_on_options_and_trace_alone, set_up),
        cmocka_unit_test_setup(fields_of_the_head_before_count_for_nothing, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
