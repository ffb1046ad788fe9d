/* The settings document: what each row takes and refuses, what a problem says, overrides, reload,
 * dump, and that no allocation failure leaks or goes unnoticed. Much of it
 * loops over the rows, so a new setting is tested as it is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <inttypes.h>

#include "base/prng.h"
#include "conf/settings.h"
#include "conf/settings_rows.h"
#include "failmalloc.h"

/* A document that says something other than the default about everything. */
static const char full[] =
    "{\"listeners\": ["
    "   {\"address\": \"0.0.0.0:8080\", \"redirect_to_https\": true, \"redirect_port\": 8443},"
    "   {\"address\": \"[::]:8443\", \"tls\": {"
    "      \"certificate\": \"a.pem\", \"key\": \"a.key\","
    "      \"certificates\": [{\"certificate\": \"b.pem\", \"key\": \"b.key\"},"
    "                         {\"certificate\": \"c.pem\", \"key\": \"c.key\"}],"
    "      \"client_ca\": \"ca.pem\", \"client_required\": true, \"min_version\": \"1.3\","
    "      \"hsts_max_age_s\": 31536000}, \"invoke_authorization\": \"aws_iam\"}],"
    " \"admin\": {\"address\": \"127.0.0.1:9000\", \"hosts\": \"weir.internal, weir\","
    "   \"token_file\": \"token\", \"table_bytes\": 2000000, \"tls\": {\"certificate\": \"d.pem\", "
    "\"key\": \"d.key\","
    "   \"min_version\": \"1.3\", \"client_ca\": \"ca.pem\", \"client_required\": true}},"
    " \"workers\": 3, \"table\": {\"file\": \"t.json\"}, \"state\": {\"directory\": \"d\"},"
    " \"store\": {\"etcd\": {\"endpoints\": [\"http://127.0.0.1:2379\", \"https://etcd\"],"
    "   \"prefix\": \"/w/\", \"timeout_ms\": 500, \"start_wait_s\": 2, \"username\": \"weir\","
    "   \"password_file\": \"p\", \"ca_file\": \"ca.pem\", \"certificate\": \"e.pem\","
    "   \"key\": \"e.key\"}}, \"fleet\": {\"id\": \"weir-0\", \"lease_ms\": 3000},"
    " \"executed_version_header\": \"X-Version\", \"allow_trace\": true, \"client_half_close\": "
    "\"abort\","
    " \"invoke\": {\"retry_pin_ms\": 17}, \"shifts\": {\"minute_ms\": 600},"
    " \"aws\": {\"region\": \"eu-central-1\", \"account_id\": \"123456789012\","
    "   \"credentials_file\": \"keys.json\"},"
    " \"forwarded\": {\"trust\": true, \"via\": \"edge.example:80\","
    "                \"client_certificate_header\": \"\"},"
    " \"limits\": {\"request_line_bytes\": 1000, \"header_bytes\": 2000, \"header_count\": 20,"
    "   \"body_bytes\": 9000000000, \"body_min_rate\": 100, \"body_min_rate_grace_ms\": 1,"
    "   \"keepalive_requests\": 5, \"connections\": 6, \"connections_per_address\": 7,"
    "   \"upstream_connections\": 8, \"upstream_queue\": 9, \"upstream_queue_ms\": 10,"
    "   \"in_flight\": 11, \"event_body_bytes\": 12,"
    "   \"invoke_body_bytes\": 13, \"invoke_response_bytes\": 14},"
    " \"events\": {\"retries\": 3, \"retry_ms\": 4, \"backoff_ms\": 5, \"max_age_s\": 6,"
    "   \"in_flight\": 7, \"in_flight_per_function\": 8},"
    " \"executions\": {\"keep_days\": 3, \"max\": 4},"
    " \"step_functions\": {\"engine\": \"http://127.0.0.1:8083\", \"poll_ms\": 10},"
    " \"timeouts\": {\"request_head_ms\": 1, \"client_idle_ms\": 2, \"connect_ms\": 3,"
    "   \"response_head_ms\": 4, \"stream_idle_ms\": 5, \"drain_ms\": 0, \"tls_handshake_ms\": 7},"
    " \"upstream\": {\"idle_connections\": 1, \"idle_ms\": 2, \"lifetime_ms\": 3,"
    "   \"lifetime_requests\": 4, \"resolve_ms\": 500, \"retries\": 0,"
    "   \"dns_servers\": \"10.0.0.53, [fd00::53]:5353\","
    "   \"retry_budget_percent\": 100, \"read_bytes\": 4096},"
    " \"log\": {\"access\": \"\", \"format\": \"text\", \"level\": \"debug\"},"
    " \"pins\": {\"key_file\": \"pins\"},"
    " \"tls\": {\"ticket_rotation_s\": 60}}";

static struct settings *parse(const char *text, struct problems *problems)
{
    return settings_parse(text, text ? strlen(text) : 0, "s.json", problems);
}

static struct settings *parse_good(const char *text)
{
    struct problems problems = {0};
    struct settings *settings = parse(text, &problems);

    if (!settings)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    assert_int_equal(problems_count(&problems), 0);
    return settings;
}

static void defaults_hold_without_a_document(void **state)
{
    static const char *const texts[] = {NULL, "{}", " {\n} ", "{\"limits\": {}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct settings *s = parse_good(texts[i]);
        assert_int_equal(s->nr_listeners, 1);
        assert_string_equal(s->listeners[0].address, "0.0.0.0:8080");
        assert_false(s->listeners[0].is_tls);
        assert_int_equal(s->listeners[0].redirect_port, 443);
        assert_string_equal(s->admin_address, "127.0.0.1:9901");
        assert_int_equal(s->workers, 0);
        assert_null(s->table_file);
        assert_string_equal(s->state.directory, "");
        assert_string_equal(s->executed_version_header, "x-amz-executed-version");
        assert_string_equal(s->aws.region, "us-east-1");
        assert_string_equal(s->aws.account_id, "000000000000");
        assert_string_equal(s->forwarded.trust, "false");
        assert_string_equal(s->forwarded.via, "weir");
        assert_int_equal(s->limits.request_line_bytes, 8192);
        assert_int_equal(s->limits.header_bytes, 32768);
        assert_int_equal(s->limits.header_count, 100);
        assert_int_equal(s->limits.body_bytes, 0);
        assert_int_equal(s->limits.upstream_queue, 128);
        assert_int_equal(s->limits.event_body_bytes, 1048576);
        assert_int_equal(s->events.retries, 2);
        assert_int_equal(s->events.retry_ms, 60000);
        assert_int_equal(s->events.backoff_ms, 1000);
        assert_int_equal(s->events.max_age_s, 21600);
        assert_int_equal(s->executions.keep_days, 90);
        assert_int_equal(s->executions.max, 100000);
        assert_string_equal(s->step_functions.engine, "");
        assert_int_equal(s->step_functions.poll_ms, 1000);
        assert_int_equal(s->timeouts.request_head_ms, 10000);
        assert_int_equal(s->timeouts.client_idle_ms, 75000);
        assert_int_equal(s->timeouts.connect_ms, 2000);
        assert_int_equal(s->timeouts.response_head_ms, 60000);
        assert_int_equal(s->timeouts.stream_idle_ms, 60000);
        assert_int_equal(s->timeouts.drain_ms, 30000);
        assert_int_equal(s->upstream.idle_connections, 256);
        assert_int_equal(s->upstream.idle_ms, 4000);
        assert_int_equal(s->upstream.retries, 1);
        assert_int_equal(s->upstream.read_bytes, 32768);
        assert_string_equal(s->log.access, "-");
        assert_int_equal(s->log.format, SETTINGS_LOG_JSON);
        assert_string_equal(s->log.level, "info");
        assert_false(s->allow_trace);
        assert_int_equal(s->tls.ticket_rotation_s, 3600);
        settings_unref(&s);
        assert_null(s);
    }
}

static void every_key_is_read(void **state)
{
    struct settings *s = parse_good(full);
    struct settings *d = parse_good(NULL);

    (void)state;
    for (int i = 0; i < settings_rows_nr_main; i++) {
        const struct row *row = &settings_rows_main[i];
        if (row->type != ROWS_SPECIAL && rows_equal(row, s, d))
            fail_msg("%s was not read", row->path);
    }
    assert_int_equal(s->nr_listeners, 2);
    assert_true(s->listeners[0].redirect_to_https);
    assert_int_equal(s->listeners[0].redirect_port, 8443);
    assert_false(s->listeners[0].is_tls);
    assert_int_equal(s->listeners[0].nr_certificates, 0);
    assert_true(s->listeners[1].is_tls);
    assert_string_equal(s->listeners[1].address, "[::]:8443");
    assert_int_equal(s->listeners[1].nr_certificates, 3);
    assert_string_equal(s->listeners[1].certificates[0].certificate, "a.pem");
    assert_string_equal(s->listeners[1].certificates[0].key, "a.key");
    assert_string_equal(s->listeners[1].certificates[2].certificate, "c.pem");
    assert_string_equal(s->listeners[1].certificates[2].key, "c.key");
    assert_string_equal(s->listeners[1].client_ca, "ca.pem");
    assert_true(s->listeners[1].client_required);
    assert_string_equal(s->listeners[1].min_version, "1.3");
    assert_int_equal(s->listeners[1].hsts_max_age_s, 31536000);
    assert_true(s->limits.body_bytes == 9000000000);
    assert_string_equal(s->etcd.endpoints, "http://127.0.0.1:2379,https://etcd");
    assert_string_equal(s->forwarded.client_certificate_header, "");
    settings_unref(&s);
    settings_unref(&d);
}

/* A document that has one value at the row's path. */
static void write_document(char *out, size_t size, const struct row *row, const char *value)
{
    const char *at = row->path;
    size_t n = 0;
    int depth = 1;

    for (const char *dot; (dot = strchr(at, '.')); at = dot + 1, depth++)
        n += (size_t)snprintf(out + n, size - n, "{\"%.*s\": ", (int)(dot - at), at);
    n += (size_t)snprintf(out + n, size - n, "{\"%s\": %s", at, value);
    for (; depth > 0; depth--)
        n += (size_t)snprintf(out + n, size - n, "}");
}

static void expect(const char *text, const char *code, const char *path, const char *part)
{
    struct problems problems = {0};
    struct settings *settings = parse(text, &problems);
    bool is_found = false;

    if (settings)
        fail_msg("accepted: %s", text);
    for (size_t i = 0; i < problems.nr && !is_found; i++)
        is_found = strcmp(problems.list[i].code, code) == 0 &&
                   strcmp(problems.list[i].path, path) == 0 &&
                   strstr(problems.list[i].message, part);
    if (!is_found) {
        for (size_t i = 0; i < problems.nr; i++)
            print_error("%s: %s [%s]\n", problems.list[i].path, problems.list[i].message,
                        problems.list[i].code);
        fail_msg("%s: no problem %s at %s with \"%s\"", text, code, path, part);
    }
    problems_fini(&problems);
}

static void each_number_keeps_its_range(void **state)
{
    char text[256], value[32], path[128];

    (void)state;
    for (int i = 0; i < settings_rows_nr_main; i++) {
        const struct row *row = &settings_rows_main[i];
        struct settings *s;
        if (row->type != ROWS_U32 && row->type != ROWS_U64)
            continue;
        snprintf(path, sizeof(path), "$.%s", row->path);
        snprintf(value, sizeof(value), "%" PRIu64, row->max);
        write_document(text, sizeof(text), row, value);
        s = parse_good(text);
        settings_unref(&s);
        snprintf(value, sizeof(value), "%" PRIu64, row->min);
        write_document(text, sizeof(text), row, value);
        s = parse_good(text);
        settings_unref(&s);
        snprintf(value, sizeof(value), "%" PRId64, (int64_t)row->min - 1);
        write_document(text, sizeof(text), row, value);
        expect(text, "out_of_range", path, "must be a whole number of");
        if (row->max >= INT64_MAX)
            continue;
        snprintf(value, sizeof(value), "%" PRIu64, row->max + 1);
        write_document(text, sizeof(text), row, value);
        expect(text, "out_of_range", path, value);
    }
}

static void each_row_refuses_other_types(void **state)
{
    static const char *const values[] = {"{}", "[[]]", "\"\\t\"", "7", "7.5", "true", "null"};
    char text[256], path[128];

    (void)state;
    for (int i = 0; i < settings_rows_nr_main; i++) {
        const struct row *row = &settings_rows_main[i];
        snprintf(path, sizeof(path), "$.%s", row->path);
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            bool is_right =
                (values[k][0] == '[' && (row->type == ROWS_SPECIAL || row->type == ROWS_NETWORKS ||
                                         row->type == ROWS_LIST)) ||
                (values[k][0] == '"' && row->type == ROWS_STRING) ||
                (values[k][0] == 't' && (row->type == ROWS_BOOL || row->type == ROWS_NETWORKS)) ||
                (strcmp(values[k], "7") == 0 && row->type <= ROWS_U64 && row->type != ROWS_BOOL);
            if (is_right)
                continue;
            write_document(text, sizeof(text), row, values[k]);
            expect(text,
                   values[k][0] == '"' && row->type == ROWS_CHOICE ? "bad_value" : "wrong_type",
                   path, "must be");
        }
    }
}

static void groups_must_be_objects(void **state)
{
    /* clang-format off */
    static const char *const groups[] = {
        "admin", "table", "aws", "invoke", "forwarded", "limits",
        "timeouts", "log", "upstream", "tls", "events", "executions", "step_functions",
    };
    /* clang-format on */
    char text[64], path[32];

    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        snprintf(text, sizeof(text), "{\"%s\": \"x\"}", groups[i]);
        snprintf(path, sizeof(path), "$.%s", groups[i]);
        expect(text, "wrong_type", path, "must be an object, {...}, not a string");
    }
}

struct bad {
    const char *text, *code, *path, *part;
};

static const struct bad bads[] = {
    {"{\"listener\": []}", "unknown_key", "$.listener", "did you mean \"listeners\"?"},
    {"{\"limits\": {\"header_byte\": 1}}", "unknown_key", "$.limits.header_byte",
     "did you mean \"header_bytes\"?"},
    {"{\"connect_ms\": 1}", "unknown_key", "$.connect_ms", "it belongs in \"timeouts\""},
    {"{\"address\": \":1\"}", "unknown_key", "$.address", "it belongs in \"admin\""},
    {"{\"timeouts.connect_ms\": 1}", "unknown_key", "$[\"timeouts.connect_ms\"]",
     "instead of dots"},
    {"{\"timeouts\": {\"connect_ms.x\": 1}}", "unknown_key", "$.timeouts[\"connect_ms.x\"]",
     "instead of dots"},
    {"{\"frobnicate\": 1}", "unknown_key", "$.frobnicate",
     "remove it (known here: listeners, admin, workers, table,"},
    {"{\"log\": {\"\": 1}}", "unknown_key", "$.log[\"\"]", "access, format, level)"},
    {"{\"listeners\": [{\"address\": \":1\", \"adress\": 1}]}", "unknown_key",
     "$.listeners[0].adress", "did you mean \"address\"?"},
    {"{\"listeners\": [{\"address\": \":1\", \"certificate\": \"x\"}]}", "unknown_key",
     "$.listeners[0].certificate", "it belongs in \"tls\""},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"min_versoin\": \"1.2\"}}]}",
     "unknown_key", "$.listeners[0].tls.min_versoin", "did you mean \"min_version\"?"},
    {"{\"listeners\": []}", "empty", "$.listeners", "one listener at least"},
    {"{\"listeners\": {}}", "wrong_type", "$.listeners", "must be an array"},
    {"{\"listeners\": [\":8080\"]}", "wrong_type", "$.listeners[0]",
     "must be an object such as {\"address\""},
    {"{\"listeners\": [{}]}", "missing", "$.listeners[0]", "\"address\" is missing"},
    {"{\"listeners\": [{\"address\": \"8080\"}]}", "bad_value", "$.listeners[0].address",
     "neither a host name"},
    {"{\"listeners\": [{\"address\": \"localhost\"}]}", "bad_value", "$.listeners[0].address",
     "has no port; it must be an address such as"},
    {"{\"listeners\": [{\"address\": \"::1:80\"}]}", "bad_value", "$.listeners[0].address",
     "in brackets"},
    {"{\"listeners\": [{\"address\": \"\"}]}", "bad_value", "$.listeners[0].address", "too short"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {}}]}", "missing", "$.listeners[0].tls",
     "\"certificate\" is missing"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\"}}]}", "missing",
     "$.listeners[0].tls", "\"key\" is missing"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": true}]}", "wrong_type", "$.listeners[0].tls",
     "must be an object"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"certificates\": [{\"key\": \"k\"}]}}]}",
     "missing", "$.listeners[0].tls.certificates[0]", "\"certificate\" is missing"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"certificates\": [\"k\"]}}]}",
     "wrong_type", "$.listeners[0].tls.certificates[0]", "must be an object"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"client_required\": true}}]}",
     "missing", "$.listeners[0].tls", "client_required needs client_ca"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"min_version\": \"1.1\"}}]}",
     "bad_value", "$.listeners[0].tls.min_version", "no longer safe"},
    {"{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"b\", "
     "\"min_version\": \"2.0\"}}]}",
     "bad_value", "$.listeners[0].tls.min_version", "must be \"1.2\" or \"1.3\""},
    {"{\"listeners\": [{\"address\": \":1\", \"redirect_to_https\": true, \"tls\": "
     "{\"certificate\": \"a\", \"key\": \"b\"}}]}",
     "conflict", "$.listeners[0].redirect_to_https", "https already"},
    {"{\"listeners\": [{\"address\": \":1\", \"redirect_port\": 0}]}", "out_of_range",
     "$.listeners[0].redirect_port", "1 to 65535, not 0"},
    {"{\"admin\": {\"address\": \"\"}}", "bad_value", "$.admin.address", "too short"},
    {"{\"table\": {\"file\": \"\"}}", "bad_value", "$.table.file", "the name of a file"},
    {"{\"executed_version_header\": \"a b\"}", "bad_value", "$.executed_version_header",
     "cannot have"},
    {"{\"executed_version_header\": \"a:b\"}", "bad_value", "$.executed_version_header",
     "cannot have"},
    {"{\"executed_version_header\": \"\"}", "bad_value", "$.executed_version_header", "too short"},
    {"{\"executed_version_header\": \"Content-Length\"}", "bad_value", "$.executed_version_header",
     "already means something"},
    {"{\"executed_version_header\": \"connection\"}", "bad_value", "$.executed_version_header",
     "already means something"},
    {"{\"executed_version_header\": \"x-amzn-RequestId\"}", "bad_value",
     "$.executed_version_header", "already means something"},
    {"{\"admin\": {\"hosts\": \"a, b:80\"}}", "bad_value", "$.admin.hosts", "no host name"},
    {"{\"aws\": {\"region\": \"Frankfurt\"}}", "bad_value", "$.aws.region",
     "a region such as us-east-1"},
    {"{\"aws\": {\"account_id\": \"1234\"}}", "bad_value", "$.aws.account_id", "twelve digits"},
    {"{\"aws\": {\"account_id\": 123456789012}}", "wrong_type", "$.aws.account_id",
     "twelve digits"},
    {"{\"forwarded\": {\"via\": \"a b\"}}", "bad_value", "$.forwarded.via", "neither"},
    {"{\"forwarded\": {\"client_certificate_header\": \"te\"}}", "bad_value",
     "$.forwarded.client_certificate_header", "already means something"},
    {"{\"log\": {\"format\": \"xml\"}}", "bad_value", "$.log.format",
     "must be \"json\" or \"text\", not \"xml\""},
    {"{\"log\": {\"level\": \"loud\"}}", "bad_value", "$.log.level",
     "error, warning, info or debug"},
    {"{\"workers\": \"4\"}", "wrong_type", "$.workers",
     "must be a whole number of 0 to 128, not a string"},
    {"{\"workers\": 4.0}", "wrong_type", "$.workers", "not a number with a fraction"},
    {"{\"workers\": 1,}", "syntax", "$", "remove the comma"},
    {"{\"workers\": 1, \"workers\": 2}", "duplicate_key", "$", "line 1, column"},
    {"", "empty", "$", "the smallest settings are {}"},
};

static void what_is_wrong_is_said_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        expect(bads[i].text, bads[i].code, bads[i].path, bads[i].part);
}

static void all_problems_are_reported_in_one_go(void **state)
{
    static const char text[] = "{\"workers\": -1, \"nope\": 1, \"log\": {\"level\": 3},"
                               " \"listeners\": [{\"address\": \"x\"}, 7],"
                               " \"timeouts\": {\"connect_ms\": 0}}";
    static const char *const paths[] = {"$.workers",      "$.nope",
                                        "$.log.level",    "$.listeners[0].address",
                                        "$.listeners[1]", "$.timeouts.connect_ms"};
    struct problems problems = {0};

    (void)state;
    assert_null(parse(text, &problems));
    assert_int_equal(problems.nr, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(problems.list[i].path, paths[i]);
        assert_string_equal(problems.list[i].file, "s.json");
    }
    problems_fini(&problems);
}

static void assert_same(const struct settings *a, const struct settings *b)
{
    char *x = settings_dump(a), *y = settings_dump(b);

    for (int i = 0; i < settings_rows_nr_main; i++)
        if (settings_rows_main[i].type != ROWS_SPECIAL && !rows_equal(&settings_rows_main[i], a, b))
            fail_msg("%s differs", settings_rows_main[i].path);
    assert_non_null(x);
    assert_non_null(y);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

static void a_dump_reads_back_to_the_same(void **state)
{
    static const char *const texts[] = {"{}", full};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct settings *s = parse_good(texts[i]);
        char *text = settings_dump(s);
        struct settings *again = parse_good(text);
        assert_same(s, again);
        assert_int_equal(again->nr_listeners, s->nr_listeners);
        assert_int_equal(again->listeners[i].nr_certificates, i == 0 ? 0 : 3);
        free(text);
        settings_unref(&s);
        settings_unref(&again);
    }
}

static void the_command_line_overrides_rows(void **state)
{
    struct problems problems = {0};
    struct settings *s = parse_good(NULL);

    (void)state;
    assert_int_equal(settings_override(s, "admin.address", "[::1]:1", &problems), 0);
    assert_int_equal(settings_override(s, "workers", "12", &problems), 0);
    assert_int_equal(settings_override(s, "table.file", "x.json", &problems), 0);
    assert_int_equal(settings_override(s, "forwarded.trust", "true", &problems), 0);
    assert_int_equal(settings_override(s, "log.format", "text", &problems), 0);
    assert_int_equal(settings_override(s, "limits.body_bytes", "5000000000", &problems), 0);
    assert_string_equal(s->admin_address, "[::1]:1");
    assert_int_equal(s->workers, 12);
    assert_string_equal(s->table_file, "x.json");
    assert_string_equal(s->forwarded.trust, "true");
    assert_int_equal(s->log.format, SETTINGS_LOG_TEXT);
    assert_true(s->limits.body_bytes == 5000000000);
    assert_int_equal(problems_count(&problems), 0);
    settings_unref(&s);
}

static void networks_are_trusted_one_by_one(void **state)
{
    struct settings *s =
        parse_good("{\"forwarded\": {\"trust\": [\"10.0.0.0/8\", \"2001:DB8::/32\", \"::1\"]}}");
    struct problems problems = {0};
    char *text = settings_dump(s);

    (void)state;
    assert_string_equal(s->forwarded.trust, "10.0.0.0/8,2001:db8::/32,::1");
    assert_non_null(strstr(text, "\"2001:db8::/32\""));
    assert_int_equal(settings_override(s, "forwarded.trust", "192.0.2.1,10.0.0.0/8", &problems), 0);
    assert_string_equal(s->forwarded.trust, "192.0.2.1,10.0.0.0/8");
    assert_int_equal(settings_override(s, "forwarded.trust", "false", &problems), 0);
    assert_string_equal(s->forwarded.trust, "false");
    expect("{\"forwarded\": {\"trust\": []}}", "empty", "$.forwarded.trust", "true or false");
    expect("{\"forwarded\": {\"trust\": [\"10.0.0.1/8\"]}}", "bad_value", "$.forwarded.trust[0]",
           "\"10.0.0.1/8\" is no network");
    expect("{\"forwarded\": {\"trust\": [7]}}", "wrong_type", "$.forwarded.trust[0]",
           "a network such as");
    expect("{\"forwarded\": {\"trust\": \"true\"}}", "wrong_type", "$.forwarded.trust",
           "true or false");
    free(text);
    settings_unref(&s);
}

static void wrong_overrides_are_refused(void **state)
{
    static const struct {
        const char *path, *value, *code, *at, *part;
    } refused[] = {
        {"workers", "many", "bad_value", "$.workers", "a whole number of 0 to 128, not \"many\""},
        {"workers", "-1", "bad_value", "$.workers", "not \"-1\""},
        {"workers", "", "bad_value", "$.workers", "not \"\""},
        {"workers", "1 ", "bad_value", "$.workers", "not \"1 \""},
        {"workers", "999", "out_of_range", "$.workers", "not 999"},
        {"workers", "99999999999999999999999", "bad_value", "$.workers", "whole number"},
        {"admin.address", "9901", "bad_value", "$.admin.address", "neither"},
        {"admin.address", "\xff", "invalid_utf8", "$.admin.address", "UTF-8"},
        {"forwarded.trust", "yes", "bad_value", "$.forwarded.trust", "true or false"},
        {"log.format", "xml", "bad_value", "$.log.format", "\"json\" or \"text\""},
        {"listeners", "[]", "unknown_key", "$", "docs/settings.md"},
        {"nope", "1", "unknown_key", "$", "\"nope\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct problems problems = {0};
        struct settings *s = parse_good(NULL);
        struct settings *untouched = parse_good(NULL);
        assert_int_equal(settings_override(s, refused[i].path, refused[i].value, &problems), -1);
        assert_int_equal(problems.nr, 1);
        assert_string_equal(problems.list[0].code, refused[i].code);
        assert_string_equal(problems.list[0].path, refused[i].at);
        assert_string_equal(problems.list[0].file, "command line");
        assert_non_null(strstr(problems.list[0].message, refused[i].part));
        assert_same(s, untouched);
        problems_fini(&problems);
        settings_unref(&s);
        settings_unref(&untouched);
    }
}

static void listen_addresses_replace_the_documents_listeners(void **state)
{
    char *good[] = {":8081", "127.0.0.1:8082"};
    char *bad[] = {":8081", "nope", "\xfe"};
    struct problems problems = {0};
    struct settings *s = parse_good(full);

    (void)state;
    assert_int_equal(settings_override_listeners(s, NULL, 0, &problems), 0);
    assert_int_equal(s->nr_listeners, 2);
    assert_int_equal(settings_override_listeners(s, good, 2, &problems), 0);
    assert_int_equal(s->nr_listeners, 2);
    assert_string_equal(s->listeners[0].address, ":8081");
    assert_string_equal(s->listeners[1].address, "127.0.0.1:8082");
    assert_false(s->listeners[1].is_tls);
    assert_int_equal(s->listeners[1].redirect_port, 443);
    assert_int_equal(problems_count(&problems), 0);
    assert_int_equal(settings_override_listeners(s, bad, 3, &problems), -1);
    assert_int_equal(problems.nr, 2);
    assert_string_equal(problems.list[0].path, "$.listeners[1].address");
    assert_string_equal(problems.list[0].file, "--listen");
    assert_string_equal(problems.list[1].path, "$.listeners[2]");
    problems_fini(&problems);
    settings_unref(&s);
}

static bool has_note(const struct problems *notes, const char *path)
{
    for (size_t i = 0; i < notes->nr; i++)
        if (strcmp(notes->list[i].path, path) == 0 &&
            strcmp(notes->list[i].code, "not_reloadable") == 0)
            return true;
    return false;
}

static void a_reload_keeps_what_is_not_reloadable_and_says_so(void **state)
{
    struct problems notes = {0};
    struct settings *current = parse_good(NULL);
    struct settings *next = parse_good(full);
    struct settings *wanted = parse_good(full);
    char path[128];

    (void)state;
    assert_int_equal(settings_keep(next, current, &notes), 0);
    for (int i = 0; i < settings_rows_nr_main; i++) {
        const struct row *row = &settings_rows_main[i];
        snprintf(path, sizeof(path), "$.%s", row->path);
        assert_int_equal(has_note(&notes, path), !row->is_reloadable);
        if (row->type != ROWS_SPECIAL)
            assert_true(rows_equal(row, next, row->is_reloadable ? wanted : current));
    }
    assert_int_equal(next->nr_listeners, 1);
    assert_string_equal(next->listeners[0].address, "0.0.0.0:8080");
    assert_true(next->listeners[0].redirect_to_https); /* the address is in both */
    for (size_t i = 0; i < notes.nr; i++)
        if (strcmp(notes.list[i].path, "$.workers") == 0)
            assert_string_equal(notes.list[i].message,
                                "stays 0 until the next start; 3 is not taken over by a reload");
    problems_fini(&notes);
    settings_unref(&current);
    settings_unref(&next);
    settings_unref(&wanted);
}

static void a_reload_takes_new_certificates_for_an_address_it_has(void **state)
{
    static const char now[] =
        "{\"listeners\": [{\"address\": \":1\", \"tls\": {\"certificate\": \"a\", \"key\": \"a\"}},"
        "                {\"address\": \":2\"}, {\"address\": \":3\"}]}";
    static const char then[] =
        "{\"listeners\": [{\"address\": \":3\", \"tls\": {\"certificate\": \"c\", \"key\": \"c\"}},"
        "                {\"address\": \":1\", \"tls\": {\"certificate\": \"b\", \"key\": "
        "\"b\"}}]}";
    struct problems notes = {0};
    struct settings *current = parse_good(now);
    struct settings *next = parse_good(then);

    (void)state;
    assert_int_equal(settings_keep(next, current, &notes), 0);
    assert_true(has_note(&notes, "$.listeners"));
    assert_int_equal(next->nr_listeners, 3);
    assert_string_equal(next->listeners[0].address, ":1");
    assert_string_equal(next->listeners[0].certificates[0].certificate, "b");
    assert_string_equal(next->listeners[1].address, ":2");
    assert_string_equal(next->listeners[2].address, ":3");
    assert_false(next->listeners[2].is_tls); /* a plain socket stays plain */
    problems_fini(&notes);
    settings_unref(&current);
    settings_unref(&next);
}

static void a_reload_of_the_same_document_has_no_notes(void **state)
{
    struct problems notes = {0};
    struct settings *current = parse_good(full);
    struct settings *next = parse_good(full);

    (void)state;
    assert_int_equal(settings_keep(next, current, &notes), 0);
    assert_int_equal(problems_count(&notes), 0);
    assert_same(next, current);
    settings_unref(&current);
    settings_unref(&next);
}

static void the_last_reference_frees(void **state)
{
    struct settings *s = parse_good(full);
    struct settings *other = settings_ref(s);
    long live = failmalloc_live();

    (void)state;
    settings_unref(&s);
    assert_null(s);
    assert_int_equal(failmalloc_live(), live);
    assert_int_equal(other->workers, 3);
    settings_unref(&other);
    settings_unref(&other); /* of nothing: nothing */
    if (live)
        assert_true(failmalloc_live() < live);
}

static void mutated_documents_never_crash(void **state)
{
    static const char *const pieces[] = {"{",  "}",    "[",    "]",      ",",       ":",
                                         "\"", "null", "-1",   "1e9",    "\"tls\"", "\"x\"",
                                         "{}", "[]",   "\xff", "\\u0000"};
    struct prng rng;
    char text[sizeof(full) + 64];

    (void)state;
    prng_seed(&rng, 20261125);
    for (int i = 0; i < 5000; i++) {
        struct problems problems = {0};
        struct settings *s;
        size_t n = sizeof(full) - 1;
        memcpy(text, full, n);
        for (uint32_t k = prng_below(&rng, 4) + 1; k > 0; k--) {
            const char *piece = pieces[prng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))];
            size_t at = prng_below(&rng, (uint32_t)(n - strlen(piece)));
            memcpy(text + at, piece, strlen(piece));
        }
        if (prng_below(&rng, 8) == 0)
            n = prng_below(&rng, (uint32_t)n);
        s = settings_parse(text, n, "m.json", &problems);
        assert_int_equal(s == NULL, problems_count(&problems) > 0);
        settings_unref(&s);
        problems_fini(&problems);
    }
}

static void a_failed_allocation_refuses_the_document_and_leaks_nothing(void **state)
{
    long before, n;

    (void)state;
    failmalloc_skip();
    before = failmalloc_live();
    for (n = 1; n < 100000; n++) {
        struct problems problems = {0};
        struct settings *s;
        failmalloc_arm(n);
        s = settings_parse(full, sizeof(full) - 1, "s.json", &problems);
        if (!failmalloc_disarm()) {
            assert_non_null(s);
            settings_unref(&s);
            problems_fini(&problems);
            break;
        }
        assert_null(s);
        assert_true(problems_count(&problems) > 0);
        problems_fini(&problems);
        assert_int_equal(failmalloc_live(), before);
    }
    assert_in_range(n, 50, 99999);
    assert_int_equal(failmalloc_live(), before);
}

static void a_failed_allocation_of_a_dump_leaks_nothing(void **state)
{
    struct settings *s = parse_good(full);
    long before, n;

    (void)state;
    failmalloc_skip();
    before = failmalloc_live();
    for (n = 1; n < 100000; n++) {
        char *text;
        failmalloc_arm(n);
        text = settings_dump(s);
        if (!failmalloc_disarm()) {
            assert_non_null(text);
            free(text);
            break;
        }
        assert_null(text);
        assert_int_equal(failmalloc_live(), before);
    }
    assert_in_range(n, 50, 99999);
    settings_unref(&s);
}

/* One round of override, override of listeners and reload with the n-th allocation failing. True
 * when none failed. */
static bool try_changes(long n)
{
    char *addresses[] = {":1", ":2"};
    struct problems problems = {0};
    struct settings *current = parse_good(full);
    struct settings *next = parse_good(NULL);
    int result;
    bool has_failed;

    failmalloc_arm(n);
    result = settings_override(next, "table.file", "x.json", &problems);
    if (result == 0)
        result = settings_override(next, "workers", "2", &problems);
    if (result == 0)
        result = settings_override_listeners(next, addresses, 2, &problems);
    if (result == 0)
        result = settings_keep(next, current, &problems);
    has_failed = failmalloc_disarm();
    /* Only the text of a note may be lost without a failure. */
    if (has_failed && result == 0)
        assert_true(problems.nr_lost > 0);
    if (!has_failed)
        assert_int_equal(result, 0);
    settings_unref(&current);
    settings_unref(&next);
    problems_fini(&problems);
    return !has_failed;
}

static void a_failed_allocation_of_a_change_leaks_nothing(void **state)
{
    long before, n;

    (void)state;
    failmalloc_skip();
    before = failmalloc_live();
    for (n = 1; n < 100000 && !try_changes(n); n++)
        assert_int_equal(failmalloc_live(), before);
    assert_in_range(n, 20, 99999);
    assert_int_equal(failmalloc_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_document),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(each_number_keeps_its_range),
        cmocka_unit_test(each_row_refuses_other_types),
        cmocka_unit_test(groups_must_be_objects),
        cmocka_unit_test(what_is_wrong_is_said_with_place_and_advice),
        cmocka_unit_test(all_problems_are_reported_in_one_go),
        cmocka_unit_test(a_dump_reads_back_to_the_same),
        cmocka_unit_test(the_command_line_overrides_rows),
        cmocka_unit_test(networks_are_trusted_one_by_one),
        cmocka_unit_test(wrong_overrides_are_refused),
        cmocka_unit_test(listen_addresses_replace_the_documents_listeners),
        cmocka_unit_test(a_reload_keeps_what_is_not_reloadable_and_says_so),
        cmocka_unit_test(a_reload_takes_new_certificates_for_an_address_it_has),
        cmocka_unit_test(a_reload_of_the_same_document_has_no_notes),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(mutated_documents_never_crash),
        cmocka_unit_test(a_failed_allocation_refuses_the_document_and_leaks_nothing),
        cmocka_unit_test(a_failed_allocation_of_a_dump_leaks_nothing),
        cmocka_unit_test(a_failed_allocation_of_a_change_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
