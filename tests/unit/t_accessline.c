/* Lines of the access log: the two formats to the letter, JSON that another parser reads back, the
 * calendar against the C library's, and lines that would be too long. */
#include "metrics/accessline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/prng.h"

/* 2026-01-01T00:00:00.000042Z */
enum { MOMENT_S = 1767225600 };

static struct accesslog_entry invocation(void)
{
    return (struct accesslog_entry){
        .unix_us = MOMENT_S * (uint64_t)1000000 + 42,
        .request_id = STR("8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49"),
        .trace_id = STR("0af7651916cd43dd8448eb211c80319c"),
        .client = STR("10.0.0.1:5000"),
        .method = STR("POST"),
        .target = STR("/hello?a=b"),
        .host = STR("example.com"),
        .protocol = STR("HTTP/1.1"),
        .function = STR("hello"),
        .alias = STR("live"),
        .version = STR("2"),
        .endpoint = STR("http://127.0.0.1:9002"),
        .executed_version = STR("2"),
        .status = 200,
        .outcome = STR("ok"),
        .bytes_in = 12,
        .bytes_out = 3456789012345,
        .connect_us = 0,
        .head_us = 11200,
        .total_us = 1012345,
        .retries = 1,
        .is_upstream_reused = true,
        .user_agent = STR("curl/7.88 (x)"),
    };
}

static struct accesslog_entry rejection(void)
{
    return (struct accesslog_entry){
        .unix_us = MOMENT_S * (uint64_t)1000000 + 999999,
        .request_id = STR("id"),
        .client = STR("[::1]:80"),
        .method = STR("GET"),
        .target = STR("/nope"),
        .status = 404,
        .outcome = STR("not_found"),
        .bytes_out = 57,
        .connect_us = -1,
        .head_us = -1,
        .total_us = 7,
    };
}

static const char *line_of(const struct accesslog_entry *e, enum accesslog_format format)
{
    static char out[ACCESSLINE_MAX + 1];
    struct accessline_clock clock = {0};
    char *end;

    memset(out, '~', sizeof(out));
    end = format == ACCESSLOG_JSON ? accessline_json(out, e, &clock)
                                   : accessline_text(out, e, &clock);
    assert_true(end <= out + ACCESSLINE_MAX);
    assert_int_equal(end[-1], '\n');
    assert_int_equal(out[ACCESSLINE_MAX], '~');
    *end = '\0';
    return out;
}

static void an_invocation_in_json(void **state)
{
    struct accesslog_entry e = invocation();

    (void)state;
    assert_string_equal(
        line_of(&e, ACCESSLOG_JSON),
        "{\"time\":\"2026-01-01T00:00:00.000042Z\",\"type\":\"invocation\","
        "\"request_id\":\"8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49\","
        "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"client\":\"10.0.0.1:5000\","
        "\"method\":\"POST\",\"target\":\"/hello?a=b\",\"host\":\"example.com\","
        "\"protocol\":\"HTTP/1.1\",\"user_agent\":\"curl/7.88 (x)\",\"function\":\"hello\","
        "\"alias\":\"live\",\"version\":\"2\",\"endpoint\":\"http://127.0.0.1:9002\","
        "\"outcome\":\"ok\",\"status\":200,\"bytes_in\":12,\"bytes_out\":3456789012345,"
        "\"connect_us\":0,\"head_us\":11200,\"total_us\":1012345,\"retries\":1,"
        "\"upstream_reused\":true}\n");
}

static void an_invocation_in_text(void **state)
{
    struct accesslog_entry e = invocation();

    (void)state;
    assert_string_equal(
        line_of(&e, ACCESSLOG_TEXT),
        "2026-01-01T00:00:00.000042Z START RequestId: 8f14e45f-ceea-467f-a8d2-0d6f1c2b3a49 "
        "TraceId: 0af7651916cd43dd8448eb211c80319c Version: 2 Function: hello Alias: live Client: "
        "10.0.0.1:5000 "
        "Request: \"POST /hello?a=b HTTP/1.1\" Host: \"example.com\" UserAgent: \"curl/7.88 (x)\" "
        "REPORT Outcome: ok Status: 200 Duration: 1012.345 ms Connect: 0.000 ms Head: 11.200 ms "
        "In: 12 bytes Out: 3456789012345 bytes Endpoint: http://127.0.0.1:9002 Retries: 1 "
        "Reused: yes\n");
}

static void a_rejection_leaves_out_what_it_does_not_know(void **state)
{
    struct accesslog_entry e = rejection();

    (void)state;
    assert_string_equal(
        line_of(&e, ACCESSLOG_JSON),
        "{\"time\":\"2026-01-01T00:00:00.999999Z\",\"type\":\"request\",\"request_id\":\"id\","
        "\"client\":\"[::1]:80\",\"method\":\"GET\",\"target\":\"/nope\","
        "\"outcome\":\"not_found\",\"status\":404,\"bytes_in\":0,\"bytes_out\":57,"
        "\"total_us\":7}\n");
    assert_string_equal(
        line_of(&e, ACCESSLOG_TEXT),
        "2026-01-01T00:00:00.999999Z REJECT RequestId: id Client: [::1]:80 "
        "Request: \"GET /nope\" REPORT Outcome: not_found Status: 404 Duration: 0.007 ms "
        "In: 0 bytes Out: 57 bytes\n");
}

static void how_a_version_was_picked_stands_beside_it(void **state)
{
    struct accesslog_entry e = invocation();

    (void)state;
    e.pick = STR("sticky");
    assert_non_null(
        strstr(line_of(&e, ACCESSLOG_JSON), "\"version\":\"2\",\"pick\":\"sticky\",\"endpoint\""));
    assert_non_null(strstr(line_of(&e, ACCESSLOG_TEXT), " Alias: live Pick: sticky Client: "));
    e.has_key = true;
    e.key = 0x00c0ffee;
    assert_non_null(strstr(line_of(&e, ACCESSLOG_JSON),
                           "\"pick\":\"sticky\",\"key\":\"0000000000c0ffee\",\"endpoint\""));
    assert_non_null(
        strstr(line_of(&e, ACCESSLOG_TEXT), " Pick: sticky Key: 0000000000c0ffee Client: "));
}

static void a_failover_names_the_version_that_ran(void **state)
{
    struct accesslog_entry e = invocation();

    (void)state;
    e.executed_version = STR("1");
    assert_non_null(
        strstr(line_of(&e, ACCESSLOG_JSON), "\"version\":\"2\",\"executed_version\":\"1\","));
    assert_non_null(strstr(line_of(&e, ACCESSLOG_TEXT), " ExecutedVersion: 1 Endpoint: "));
}

static void an_empty_entry_is_a_line(void **state)
{
    struct accesslog_entry e = {.connect_us = -1, .head_us = -1, .total_us = -1};

    (void)state;
    assert_string_equal(line_of(&e, ACCESSLOG_JSON),
                        "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"type\":\"request\","
                        "\"bytes_in\":0,\"bytes_out\":0}\n");
    assert_string_equal(line_of(&e, ACCESSLOG_TEXT),
                        "1970-01-01T00:00:00.000000Z REJECT REPORT In: 0 bytes Out: 0 bytes\n");
}

static void the_calendar_agrees_with_the_c_library(void **state)
{
    struct accesslog_entry e = {0};
    struct accessline_clock clock = {0};
    struct prng random;
    char out[ACCESSLINE_MAX], expected[40];

    (void)state;
    prng_seed(&random, 9);
    for (int i = 0; i < 200000; i++) {
        /* Each day of 400 years from 1970 on at a random second, then any second up to the year
         * 9999. */
        uint64_t second = i < 146097 ? (uint64_t)i * 86400 + prng_below(&random, 86400)
                                     : prng_next(&random) % 253402300800;
        uint32_t us = prng_below(&random, 1000000);
        time_t t = (time_t)second;
        struct tm tm;
        size_t n;

        assert_non_null(gmtime_r(&t, &tm));
        n = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(expected + n, sizeof(expected) - n, ".%06uZ ", (unsigned)us);
        e.unix_us = second * 1000000 + us;
        accessline_text(out, &e, &clock);
        assert_memory_equal(out, expected, strlen(expected));
    }
}

/* ---- Random entries ----------------------------------------------------------------------------
 */

enum { STRINGS = 15 };

static void strings_of(struct accesslog_entry *e, struct str *strings[STRINGS])
{
    struct str *all[STRINGS] = {&e->request_id, &e->trace_id, &e->client,          &e->method,
                                &e->target,     &e->host,     &e->protocol,        &e->function,
                                &e->alias,      &e->version,  &e->endpoint,        &e->outcome,
                                &e->user_agent, &e->pick,     &e->executed_version};

    memcpy(strings, all, sizeof(all));
}

static const char *const keys[STRINGS] = {"request_id", "trace_id", "client",          "method",
                                          "target",     "host",     "protocol",        "function",
                                          "alias",      "version",  "endpoint",        "outcome",
                                          "user_agent", "pick",     "executed_version"};

/* Names have no byte that would need an escape (struct accesslog_entry). */
static bool is_name(int k)
{
    static const char *const texts[] = {"target", "host", "user_agent"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(keys[k], texts[i]) == 0)
            return false;
    return true;
}

static char random_byte(struct prng *random, bool of_name)
{
    char c = (char)(1 + prng_below(random, prng_below(random, 2) ? 127 : 40));

    return of_name && (c <= ' ' || c == '"' || c == '\\' || c == 0x7f) ? 'n' : c;
}

static bool is_cut(json_t *line, const char *key)
{
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(line, "cut"), i, name)
    {
        if (strcmp(json_string_value(name), key) == 0)
            return true;
    }
    return false;
}

static void check_value(json_t *line, const char *key, struct str s)
{
    json_t *value = json_object_get(line, key);

    if (s.n == 0) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    if (is_cut(line, key)) {
        assert_true(json_string_length(value) < s.n);
        s.n = json_string_length(value);
    }
    assert_int_equal(json_string_length(value), s.n);
    assert_memory_equal(json_string_value(value), s.p, s.n);
}

/* Strings of ASCII without NUL come back as they were, or cut. */
static void random_entries_are_json_that_reads_back(void **state)
{
    static char texts[STRINGS][3000];
    struct str *strings[STRINGS];
    struct prng random;

    (void)state;
    prng_seed(&random, 21);
    for (int i = 0; i < 3000; i++) {
        struct accesslog_entry e = {
            .status = (int)prng_below(&random, 1000), .connect_us = -1, .head_us = 5};
        json_error_t error;
        json_t *line;

        strings_of(&e, strings);
        for (int k = 0; k < STRINGS; k++) {
            uint32_t n = prng_below(&random, prng_below(&random, 20) == 0 ? sizeof(texts[k]) : 50);

            for (uint32_t c = 0; c < n; c++)
                texts[k][c] = random_byte(&random, is_name(k));
            *strings[k] = (struct str){texts[k], n};
        }
        line = json_loads(line_of(&e, ACCESSLOG_JSON), JSON_REJECT_DUPLICATES, &error);
        assert_non_null(line);
        for (int k = 0; k < STRINGS; k++)
            if (k < STRINGS - 1 || e.executed_version.n == 0 ||
                !str_eq(e.executed_version, e.version))
                check_value(line, keys[k], *strings[k]);
        assert_null(json_object_get(line, "connect_us"));
        assert_int_equal(json_integer_value(json_object_get(line, "head_us")), 5);
        json_decref(line);
        /* One line of text, too: nothing in it ends the line early. */
        assert_int_equal(strcspn(line_of(&e, ACCESSLOG_TEXT), "\n") + 1,
                         strlen(line_of(&e, ACCESSLOG_TEXT)));
    }
}

static void the_longest_line_keeps_within_its_limit(void **state)
{
    static const char fills[] = "x\n\xff\" ";
    static char text[5000];
    struct accesslog_entry e = {0};
    struct str *strings[STRINGS];

    (void)state;
    strings_of(&e, strings);
    e.unix_us = UINT64_MAX;
    e.has_key = true;
    e.key = UINT64_MAX;
    e.status = INT32_MAX;
    e.retries = INT32_MAX;
    e.bytes_in = e.bytes_out = UINT64_MAX;
    e.connect_us = e.head_us = e.total_us = INT64_MAX;
    for (const char *fill = fills; *fill; fill++) {
        memset(text, *fill, sizeof(text));
        for (int k = 0; k < STRINGS; k++)
            *strings[k] = (struct str){text, sizeof(text) - (size_t)k};
        assert_non_null(strstr(line_of(&e, ACCESSLOG_JSON),
                               "\"cut\":[\"request_id\",\"trace_id\",\"client\",\"method\","));
        assert_non_null(
            strstr(line_of(&e, ACCESSLOG_TEXT), " Cut: request_id,trace_id,client,method,"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invocation_in_json),
        cmocka_unit_test(an_invocation_in_text),
        cmocka_unit_test(a_rejection_leaves_out_what_it_does_not_know),
        cmocka_unit_test(how_a_version_was_picked_stands_beside_it),
        cmocka_unit_test(a_failover_names_the_version_that_ran),
        cmocka_unit_test(an_empty_entry_is_a_line),
        cmocka_unit_test(the_calendar_agrees_with_the_c_library),
        cmocka_unit_test(random_entries_are_json_that_reads_back),
        cmocka_unit_test(the_longest_line_keeps_within_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
