/* Event streams, read: in one piece, byte by byte, and damaged. */
#include "proxy/http/eventreader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "base/text.h"
#include "proxy/http/eventstream.h"

/* A stream that is made, and what was read of it. */
struct lab {
    char stream[8192];
    size_t n;
    struct eventreader reader;
    char body[8192];
    size_t nr_body;
};

static void add(struct lab *lab, enum eventstream_event event, const char *payload)
{
    char behind[EVENTSTREAM_BEHIND];
    char *p = eventstream_frame(lab->stream + lab->n, event, str_of(payload), behind);

    p = text_str(p, str_of(payload));
    p = text_str(p, (struct str){behind, sizeof(behind)});
    lab->n = (size_t)(p - lab->stream);
}

static char *put_32(char *p, uint32_t n)
{
    for (int i = 3; i >= 0; i--)
        *p++ = (char)(n >> 8 * i);
    return p;
}

/* A frame with these headers, as they stand. */
static void add_raw(struct lab *lab, struct str headers, struct str payload)
{
    char *start = lab->stream + lab->n, *p = start;

    p = put_32(p, (uint32_t)(EVENTREADER_PRELUDE + headers.n + payload.n + EVENTSTREAM_BEHIND));
    p = put_32(p, (uint32_t)headers.n);
    p = put_32(p, crc32_add(0, (struct str){start, 8}));
    p = text_str(p, headers);
    p = text_str(p, payload);
    p = put_32(p, crc32_add(0, (struct str){start, (size_t)(p - start)}));
    lab->n = (size_t)(p - lab->stream);
}

/* Reads the stream in steps of so many bytes, until it has ended or there is no more of it. */
static enum eventreader_found read_in(struct lab *lab, size_t step)
{
    lab->nr_body = 0;
    for (size_t at = 0; at < lab->n; at += step) {
        struct str bytes = {lab->stream + at, lab->n - at < step ? lab->n - at : step}, piece;
        enum eventreader_found found;

        while ((found = eventreader_next(&lab->reader, &bytes, &piece)) == EVENTREADER_PIECE) {
            assert_true(piece.n > 0);
            memcpy(lab->body + lab->nr_body, piece.p, piece.n);
            lab->nr_body += piece.n;
        }
        if (found != EVENTREADER_MORE)
            return found;
        assert_int_equal(bytes.n, 0);
    }
    return EVENTREADER_MORE;
}

static void start_again(struct lab *lab)
{
    eventreader_fini(&lab->reader);
    lab->reader = (struct eventreader){.part = 0};
}

static void expect_body(const struct lab *lab, const char *body)
{
    assert_int_equal(lab->nr_body, strlen(body));
    assert_memory_equal(lab->body, body, lab->nr_body);
}

static void a_stream_is_read_whatever_its_pieces_are(void **state)
{
    struct lab lab = {.n = 0};

    (void)state;
    add(&lab, EVENTSTREAM_CHUNK, "hello ");
    add(&lab, EVENTSTREAM_CHUNK, "");
    add(&lab, EVENTSTREAM_CHUNK, "world");
    add(&lab, EVENTSTREAM_COMPLETE, "{\"LogResult\":\"eA==\"}");
    for (size_t step = 1; step <= lab.n; step++) {
        assert_int_equal(read_in(&lab, step), EVENTREADER_END);
        expect_body(&lab, "hello world");
        assert_false(lab.reader.is_exception);
        assert_true(str_eq(buffer_text(&lab.reader.last), STR("{\"LogResult\":\"eA==\"}")));
        start_again(&lab);
    }
}

static void what_follows_the_last_frame_is_not_read(void **state)
{
    struct lab lab = {.n = 0};
    struct str bytes, piece;

    (void)state;
    add(&lab, EVENTSTREAM_COMPLETE, "{}");
    assert_int_equal(read_in(&lab, lab.n), EVENTREADER_END);
    bytes = STR("no frame at all");
    assert_int_equal(eventreader_next(&lab.reader, &bytes, &piece), EVENTREADER_MORE);
    assert_int_equal(bytes.n, 0);
    start_again(&lab);
}

static void other_events_are_passed_over_and_exceptions_end(void **state)
{
    struct lab lab = {.n = 0};

    (void)state;
    add_raw(&lab, STR(""), STR("without headers"));
    add_raw(&lab, STR("\x0b:event-type\x07\x00\x05Later"), STR("unknown"));
    add(&lab, EVENTSTREAM_CHUNK, "x");
    add_raw(&lab,
            STR("\x0f:exception-type\x07\x00\x01X\x0d:message-type\x07\x00\x09"
                "exception"),
            STR("{\"message\":\"no\"}"));
    assert_int_equal(read_in(&lab, 7), EVENTREADER_END);
    expect_body(&lab, "x");
    assert_true(lab.reader.is_exception);
    assert_true(str_eq(buffer_text(&lab.reader.last), STR("{\"message\":\"no\"}")));
    start_again(&lab);
}

/* Any one byte that is another makes it no stream, or one of which only the payload's own bytes differ before that is known. */
static void any_damage_is_seen(void **state)
{
    struct lab lab = {.n = 0};

    (void)state;
    add(&lab, EVENTSTREAM_CHUNK, "hello");
    add(&lab, EVENTSTREAM_COMPLETE, "{}");
    for (size_t i = 0; i < lab.n; i++) {
        lab.stream[i] ^= 0x20;
        assert_int_equal(read_in(&lab, lab.n), EVENTREADER_BROKEN);
        start_again(&lab);
        lab.stream[i] ^= 0x20;
    }
    assert_int_equal(read_in(&lab, 1), EVENTREADER_END);
    start_again(&lab);
}

static void headers_that_are_none_or_too_long_are_refused(void **state)
{
    static const struct str cases[] = {
        STR("\x01"),               /* a name that does not come */
        STR("\x01x"),              /* no type */
        STR("\x01x\x06\x00\x01y"), /* bytes, not a string */
        STR("\x01x\x07\x00\x02y"), /* a value that is shorter than it says */
        STR("\xffx\x07\x00\x01y"),
    };
    char room[EVENTREADER_HEADERS_MAX + 1] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab lab = {.n = 0};
        add_raw(&lab, cases[i], STR(""));
        assert_int_equal(read_in(&lab, lab.n), EVENTREADER_BROKEN);
        start_again(&lab);
    }
    struct lab lab = {.n = 0};
    add_raw(&lab, (struct str){room, sizeof(room)}, STR(""));
    assert_int_equal(read_in(&lab, lab.n), EVENTREADER_BROKEN);
    start_again(&lab);
}

/* Of an error only so much is kept. */
static void the_last_payload_is_bounded(void **state)
{
    static char payload[EVENTREADER_LAST_MAX + 8192];
    char before[EVENTSTREAM_BEFORE_MAX], behind[EVENTSTREAM_BEHIND];
    struct eventreader reader = {.part = 0};
    struct str whole = {payload, sizeof(payload)}, bytes, piece;
    char *end;

    (void)state;
    memset(payload, ' ', sizeof(payload));
    end = eventstream_frame(before, EVENTSTREAM_COMPLETE, whole, behind);
    bytes = (struct str){before, (size_t)(end - before)};
    assert_int_equal(eventreader_next(&reader, &bytes, &piece), EVENTREADER_MORE);
    for (size_t at = 0; at < sizeof(payload); at += 4096) {
        bytes = (struct str){payload + at, 4096};
        assert_int_equal(eventreader_next(&reader, &bytes, &piece), EVENTREADER_MORE);
    }
    bytes = (struct str){behind, sizeof(behind)};
    assert_int_equal(eventreader_next(&reader, &bytes, &piece), EVENTREADER_END);
    assert_int_equal(reader.last.n, EVENTREADER_LAST_MAX);
    eventreader_fini(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_read_whatever_its_pieces_are),
        cmocka_unit_test(what_follows_the_last_frame_is_not_read),
        cmocka_unit_test(other_events_are_passed_over_and_exceptions_end),
        cmocka_unit_test(any_damage_is_seen),
        cmocka_unit_test(headers_that_are_none_or_too_long_are_refused),
        cmocka_unit_test(the_last_payload_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
