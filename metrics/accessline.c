/* One line of the access log, by hand.
 *
 * Formatting runs on the worker, for every exchange, and snprintf would cost as much there as
 * parsing the request. Hence: constant keys are stores of constants, strings take
 * base/escape.c's fast path, the date is formatted once a second.
 *
 * What the client sent is bounded per field, so that no line is longer than ACCESSLINE_MAX. A field
 * that was cut is named in the line's list of cuts. */
#include "metrics/accessline.h"

#include <stdbool.h>
#include <string.h>

#include "base/decimal.h"
#include "base/escape.h"
#include "base/str.h"
#include "base/text.h"

/* Fields that are strings: JSON key and the bytes they may take in the line. */
#define FIELDS(X)                                                                                  \
    X(REQUEST_ID, "request_id", 64)                                                                \
    X(TRACE_ID, "trace_id", 32)                                                                    \
    X(CLIENT, "client", 96)                                                                        \
    X(METHOD, "method", 64)                                                                        \
    X(TARGET, "target", 1536)                                                                      \
    X(HOST, "host", 256)                                                                           \
    X(PROTOCOL, "protocol", 32)                                                                    \
    X(FUNCTION, "function", 64)                                                                    \
    X(ALIAS, "alias", 128)                                                                         \
    X(VERSION, "version", 64)                                                                      \
    X(EXECUTED_VERSION, "executed_version", 64)                                                    \
    X(PICK, "pick", 32)                                                                            \
    X(ENDPOINT, "endpoint", 256)                                                                   \
    X(OUTCOME, "outcome", 32)                                                                      \
    X(DETAIL, "detail", 128)                                                                       \
    X(USER_AGENT, "user_agent", 384)

enum field {
#define X(name, key, limit) FIELD_##name,
    FIELDS(X)
#undef X
        FIELD_COUNT
};

static const struct escape_limit limits[FIELD_COUNT] = {
#define X(name, key, limit) {limit, 1u << FIELD_##name},
    FIELDS(X)
#undef X
};

static const char *const field_keys[FIELD_COUNT] = {
#define X(name, key, limit) key,
    FIELDS(X)
#undef X
};

/* The fields at their limits and all their names in the list of cuts; besides them a line has its
 * keys, the time and a hash, less than 480 bytes in all, and 8 numbers. */
#define X(name, key, limit) +(limit) + (int)sizeof(key) + 2
enum { FIELD_BYTES_MAX = 0 FIELDS(X), OTHER_BYTES_MAX = 480 + 8 * DECIMAL_DIGITS_MAX };
#undef X
_Static_assert(FIELD_BYTES_MAX + OTHER_BYTES_MAX <= ACCESSLINE_MAX, "a line could be too long");

/* A string constant: always inline, so that it becomes a few stores. */
static inline __attribute__((always_inline)) char *put(char *p, struct str s)
{
    memcpy(p, s.p, s.n);
    return p + s.n;
}

/* A name, which needs no escape (struct accesslog_entry). One of up to 32 bytes, which nearly all
 * are and which each limit allows, goes in two pieces that overlap: 12 instructions instead of
 * 35. */
static inline __attribute__((always_inline)) char *put_name(char *p, struct str s, enum field field,
                                                            uint32_t *cuts)
{
    if (s.n > 32)
        return escape_quoted(p, s, &limits[field], cuts);
    if (s.n >= 16) {
        memcpy(p, s.p, 16);
        memcpy(p + s.n - 16, s.p + s.n - 16, 16);
    } else if (s.n >= 8) {
        memcpy(p, s.p, 8);
        memcpy(p + s.n - 8, s.p + s.n - 8, 8);
    } else if (s.n >= 4) {
        memcpy(p, s.p, 4);
        memcpy(p + s.n - 4, s.p + s.n - 4, 4);
    } else {
        p[0] = s.p[0];
        p[s.n / 2] = s.p[s.n / 2];
        p[s.n - 1] = s.p[s.n - 1];
    }
    return p + s.n;
}

/* Once in the program, not at every number. */
static __attribute__((noinline)) char *put_number(char *p, uint64_t n)
{
    return decimal_put(p, n);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* The civil date of a day count since 1970, in the proleptic Gregorian calendar: years are counted
 * from March, so that the leap day is the last of its year, in eras of 400 years = 146097 days. */
static void civil_date(uint64_t days, uint32_t *year, uint32_t *month, uint32_t *day)
{
    uint64_t shifted = days + 719468; /* since 0000-03-01 */
    uint64_t era = shifted / 146097;
    uint32_t of_era = (uint32_t)(shifted % 146097);
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t march_month = (5 * of_year + 2) / 153; /* 0 is March; 153 days in five months */

    *day = of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = (uint32_t)(era * 400) + year_of_era + (*month <= 2);
}

static __attribute__((noinline)) void set_clock(struct accessline_clock *clock, uint64_t second)
{
    uint32_t of_day = (uint32_t)(second % 86400), year, month, day;
    char *p = clock->text;

    civil_date(second / 86400, &year, &month, &day);
    p = decimal_put_fixed(p, year, 4);
    *p++ = '-';
    p = decimal_put_fixed(p, month, 2);
    *p++ = '-';
    p = decimal_put_fixed(p, day, 2);
    *p++ = 'T';
    p = decimal_put_fixed(p, of_day / 3600, 2);
    *p++ = ':';
    p = decimal_put_fixed(p, of_day / 60 % 60, 2);
    *p++ = ':';
    decimal_put_fixed(p, of_day % 60, 2);
    clock->second = second;
}

/* RFC 3339 with microseconds. */
static inline char *put_time(char *p, uint64_t unix_us, struct accessline_clock *clock)
{
    uint64_t second = unix_us / 1000000;
    uint32_t us = (uint32_t)(unix_us % 1000000);

    if (second != clock->second || clock->text[0] == '\0')
        set_clock(clock, second);
    memcpy(p, clock->text, 19);
    p[19] = '.';
    decimal_put_pair(p + 20, us / 10000);
    decimal_put_pair(p + 22, us / 100 % 100);
    decimal_put_pair(p + 24, us % 100);
    p[26] = 'Z';
    return p + 27;
}

/* ---- Both formats ---------------------------------------------------------------------------- */

static bool is_invocation(const struct accesslog_entry *e)
{
    return e->version.n > 0;
}

static bool ran_elsewhere(const struct accesslog_entry *e)
{
    return e->executed_version.n > 0 && !str_eq(e->executed_version, e->version);
}

static __attribute__((noinline, cold)) char *put_cuts(char *p, uint32_t cuts, struct str separator)
{
    bool is_first = true;

    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!(cuts & 1u << i))
            continue;
        if (!is_first)
            p = put(p, separator);
        p = put(p, str_of(field_keys[i]));
        is_first = false;
    }
    return p;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The end of a string and the key of another. */
#define STRING_KEY(key) STR("\",\"" key "\":\"")
#define NUMBER_KEY(key) STR(",\"" key "\":")

/* A key and its string unless empty, where the string before is still open; leaves its own open,
 * too. */
static inline __attribute__((always_inline)) char *
json_string(char *p, struct str key, struct str s, enum field field, uint32_t *cuts)
{
    return s.n > 0 ? escape_quoted(put(p, key), s, &limits[field], cuts) : p;
}

/* The same for a name. */
static inline __attribute__((always_inline)) char *json_name(char *p, struct str key, struct str s,
                                                             enum field field, uint32_t *cuts)
{
    return s.n > 0 ? put_name(put(p, key), s, field, cuts) : p;
}

/* A key and its number unless negative. */
static inline __attribute__((always_inline)) char *json_number(char *p, struct str key, int64_t n)
{
    return n >= 0 ? put_number(put(p, key), (uint64_t)n) : p;
}

static inline char *json_strings(char *p, const struct accesslog_entry *e, uint32_t *cuts)
{
    p = json_name(p, STRING_KEY("request_id"), e->request_id, FIELD_REQUEST_ID, cuts);
    p = json_name(p, STRING_KEY("trace_id"), e->trace_id, FIELD_TRACE_ID, cuts);
    p = json_name(p, STRING_KEY("client"), e->client, FIELD_CLIENT, cuts);
    p = json_name(p, STRING_KEY("method"), e->method, FIELD_METHOD, cuts);
    p = json_string(p, STRING_KEY("target"), e->target, FIELD_TARGET, cuts);
    p = json_string(p, STRING_KEY("host"), e->host, FIELD_HOST, cuts);
    p = json_name(p, STRING_KEY("protocol"), e->protocol, FIELD_PROTOCOL, cuts);
    p = json_string(p, STRING_KEY("user_agent"), e->user_agent, FIELD_USER_AGENT, cuts);
    p = json_name(p, STRING_KEY("function"), e->function, FIELD_FUNCTION, cuts);
    p = json_name(p, STRING_KEY("alias"), e->alias, FIELD_ALIAS, cuts);
    p = json_name(p, STRING_KEY("version"), e->version, FIELD_VERSION, cuts);
    if (ran_elsewhere(e))
        p = json_name(p, STRING_KEY("executed_version"), e->executed_version,
                      FIELD_EXECUTED_VERSION, cuts);
    p = json_name(p, STRING_KEY("pick"), e->pick, FIELD_PICK, cuts);
    if (e->has_key)
        p = text_hex_fixed(put(p, STRING_KEY("key")), e->key, 16);
    p = json_name(p, STRING_KEY("endpoint"), e->endpoint, FIELD_ENDPOINT, cuts);
    p = json_name(p, STRING_KEY("outcome"), e->outcome, FIELD_OUTCOME, cuts);
    return json_string(p, STRING_KEY("detail"), e->detail, FIELD_DETAIL, cuts);
}

static inline char *json_numbers(char *p, const struct accesslog_entry *e)
{
    p = json_number(p, NUMBER_KEY("attempt"), e->attempt > 0 ? (int64_t)e->attempt : -1);
    p = json_number(p, NUMBER_KEY("status"), e->status > 0 ? e->status : -1);
    p = json_number(p, NUMBER_KEY("bytes_in"), (int64_t)e->bytes_in);
    p = json_number(p, NUMBER_KEY("bytes_out"), (int64_t)e->bytes_out);
    p = json_number(p, NUMBER_KEY("connect_us"), e->connect_us);
    p = json_number(p, NUMBER_KEY("head_us"), e->head_us);
    p = json_number(p, NUMBER_KEY("total_us"), e->total_us);
    if (e->endpoint.n == 0)
        return p;
    p = json_number(p, NUMBER_KEY("retries"), e->retries);
    return e->is_upstream_reused ? put(p, STR(",\"upstream_reused\":true"))
                                 : put(p, STR(",\"upstream_reused\":false"));
}

char *accessline_json(char *out, const struct accesslog_entry *e, struct accessline_clock *clock)
{
    uint32_t cuts = 0;
    char *p = put_time(put(out, STR("{\"time\":\"")), e->unix_us, clock);

    if (e->attempt > 0)
        p = put(p, STR("\",\"type\":\"attempt"));
    else
        p = is_invocation(e) ? put(p, STR("\",\"type\":\"invocation"))
                             : put(p, STR("\",\"type\":\"request"));
    p = json_strings(p, e, &cuts);
    *p++ = '"';
    p = json_numbers(p, e);
    if (cuts) {
        p = put_cuts(put(p, STR(",\"cut\":[\"")), cuts, STR("\",\""));
        p = put(p, STR("\"]"));
    }
    return put(p, STR("}\n"));
}

/* ---- Text ------------------------------------------------------------------------------------ */

/* A key and its value, which has no spaces, unless empty. */
static inline __attribute__((always_inline)) char *text_bare(char *p, struct str key, struct str s,
                                                             enum field field, uint32_t *cuts)
{
    return s.n > 0 ? escape_bare(put(p, key), s, &limits[field], cuts) : p;
}

/* A key and its value between quotes, unless empty. */
static inline __attribute__((always_inline)) char *
text_quoted(char *p, struct str key, struct str s, enum field field, uint32_t *cuts)
{
    if (s.n == 0)
        return p;
    p = escape_quoted(put(p, key), s, &limits[field], cuts);
    *p = '"';
    return p + 1;
}

/* A key and milliseconds to three places, unless negative. */
static inline __attribute__((always_inline)) char *text_ms(char *p, struct str key, int64_t us)
{
    if (us < 0)
        return p;
    p = put_number(put(p, key), (uint64_t)us / 1000);
    *p++ = '.';
    p = decimal_put_fixed(p, (uint64_t)us % 1000, 3);
    return put(p, STR(" ms"));
}

/* The request line, between quotes; spaces within its parts are escaped. */
static inline char *text_request_line(char *p, const struct accesslog_entry *e, uint32_t *cuts)
{
    if (e->method.n == 0 || e->target.n == 0)
        return p;
    p = text_bare(p, STR(" Request: \""), e->method, FIELD_METHOD, cuts);
    p = text_bare(p, STR(" "), e->target, FIELD_TARGET, cuts);
    p = text_bare(p, STR(" "), e->protocol, FIELD_PROTOCOL, cuts);
    *p = '"';
    return p + 1;
}

static inline char *text_start(char *p, const struct accesslog_entry *e, uint32_t *cuts)
{
    p = is_invocation(e) ? put(p, STR(" START")) : put(p, STR(" REJECT"));
    p = text_bare(p, STR(" RequestId: "), e->request_id, FIELD_REQUEST_ID, cuts);
    p = text_bare(p, STR(" TraceId: "), e->trace_id, FIELD_TRACE_ID, cuts);
    p = text_bare(p, STR(" Version: "), e->version, FIELD_VERSION, cuts);
    p = text_bare(p, STR(" Function: "), e->function, FIELD_FUNCTION, cuts);
    p = text_bare(p, STR(" Alias: "), e->alias, FIELD_ALIAS, cuts);
    p = text_bare(p, STR(" Pick: "), e->pick, FIELD_PICK, cuts);
    if (e->has_key)
        p = text_hex_fixed(put(p, STR(" Key: ")), e->key, 16);
    p = text_bare(p, STR(" Client: "), e->client, FIELD_CLIENT, cuts);
    p = text_request_line(p, e, cuts);
    p = text_quoted(p, STR(" Host: \""), e->host, FIELD_HOST, cuts);
    return text_quoted(p, STR(" UserAgent: \""), e->user_agent, FIELD_USER_AGENT, cuts);
}

static inline char *text_report(char *p, const struct accesslog_entry *e, uint32_t *cuts)
{
    p = put(p, STR(" REPORT"));
    if (e->attempt > 0)
        p = put_number(put(p, STR(" Attempt: ")), e->attempt);
    p = text_bare(p, STR(" Outcome: "), e->outcome, FIELD_OUTCOME, cuts);
    p = text_quoted(p, STR(" Detail: \""), e->detail, FIELD_DETAIL, cuts);
    if (e->status > 0)
        p = put_number(put(p, STR(" Status: ")), (uint64_t)e->status);
    p = text_ms(p, STR(" Duration: "), e->total_us);
    p = text_ms(p, STR(" Connect: "), e->connect_us);
    p = text_ms(p, STR(" Head: "), e->head_us);
    p = put_number(put(p, STR(" In: ")), e->bytes_in);
    p = put_number(put(p, STR(" bytes Out: ")), e->bytes_out);
    p = put(p, STR(" bytes"));
    if (ran_elsewhere(e))
        p = text_bare(p, STR(" ExecutedVersion: "), e->executed_version, FIELD_EXECUTED_VERSION,
                      cuts);
    if (e->endpoint.n == 0)
        return p;
    p = text_bare(p, STR(" Endpoint: "), e->endpoint, FIELD_ENDPOINT, cuts);
    p = put_number(put(p, STR(" Retries: ")), e->retries > 0 ? (uint64_t)e->retries : 0);
    return e->is_upstream_reused ? put(p, STR(" Reused: yes")) : put(p, STR(" Reused: no"));
}

char *accessline_text(char *out, const struct accesslog_entry *e, struct accessline_clock *clock)
{
    uint32_t cuts = 0;
    char *p = put_time(out, e->unix_us, clock);

    p = text_start(p, e, &cuts);
    p = text_report(p, e, &cuts);
    if (cuts)
        p = put_cuts(put(p, STR(" Cut: ")), cuts, STR(","));
    *p = '\n';
    return p + 1;
}
