/* Reading answers. A function is not trusted to write HTTP: status, names and values are checked,
 * and what frames a message is weir's alone. */
#include "proxy/payload/payload_answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/decimal.h"

enum { STATUS_MIN = 200, STATUS_MAX = 599, STATUS_DIGITS = 3 };

static int refuse(struct payload_answer *answer, const char *why)
{
    answer->why = why;
    return -EBADMSG;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (const char *c = name; *c; c++)
        if (!((*c >= '0' && *c <= '9') || (str_lower(*c) >= 'a' && str_lower(*c) <= 'z') ||
              strchr(others, *c)))
            return false;
    return *name != '\0';
}

/* RFC 9110 section 5.5: no control characters but tabs. */
static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t') || value.p[i] == 0x7f)
            return false;
    return true;
}

/* What concerns one connection or frames the message: weir writes its own. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {
        "connection", "content-length", "keep-alive",     "proxy-connection",  "te",
        "trailer",    "upgrade",        "http2-settings", "transfer-encoding",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_ieq(str_of(name), str_of(names[i])))
            return true;
    return false;
}

static struct str trim(struct str s)
{
    for (; s.n > 0 && (*s.p == ' ' || *s.p == '\t'); s.n--)
        s.p++;
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static int add_line(struct payload_answer *answer, const char *name, struct str value)
{
    if (!is_value(value))
        return refuse(answer, "a header has a value with control characters");
    buffer_add(&answer->fields, str_of(name));
    buffer_lit(&answer->fields, ": ");
    buffer_add(&answer->fields, trim(value));
    buffer_lit(&answer->fields, "\r\n");
    return 0;
}

static struct str text_of(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

/* Strings as they are; numbers and truth values as JSON writes them; null is no field. */
static int add_field(struct payload_answer *answer, const char *name, const json_t *value)
{
    char number[64];

    if (json_is_null(value))
        return 0;
    if (json_is_string(value))
        return add_line(answer, name, text_of(value));
    if (json_is_boolean(value))
        return add_line(answer, name, json_is_true(value) ? STR("true") : STR("false"));
    if (!json_is_number(value))
        return refuse(answer, "a header is neither a string nor a number nor true or false");
    if (json_is_integer(value))
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(number, sizeof(number), "%.17g", json_real_value(value));
    return add_line(answer, name, str_of(number));
}

/* The member of an object, whatever the case of its letters. */
static const json_t *find(json_t *object, const char *name)
{
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i))
        if (str_ieq(str_of(json_object_iter_key(i)), str_of(name)))
            return json_object_iter_value(i);
    return NULL;
}

static int add_values(struct payload_answer *answer, const char *name, const json_t *values)
{
    int r = 0;

    if (!json_is_array(values))
        return add_field(answer, name, values);
    for (size_t i = 0; i < json_array_size(values) && r == 0; i++)
        r = add_field(answer, name, json_array_get(values, i));
    return r;
}

/* headers, or multiValueHeaders, which may be absent or null. Names that others has, too, are left
 * to that. */
static int add_fields(struct payload_answer *answer, json_t *headers, json_t *others)
{
    int r = 0;

    if (!headers || json_is_null(headers))
        return 0;
    if (!json_is_object(headers))
        return refuse(answer, "headers is no object");
    for (void *i = json_object_iter(headers); i && r == 0; i = json_object_iter_next(headers, i)) {
        const char *name = json_object_iter_key(i);

        if (!is_token(name))
            return refuse(answer, "a header has a name that HTTP does not allow");
        if (!is_framing(name) && !find(others, name))
            r = add_values(answer, name, json_object_iter_value(i));
    }
    return r;
}

static int add_cookies(struct payload_answer *answer, const json_t *cookies)
{
    int r = 0;

    if (!cookies || json_is_null(cookies))
        return 0;
    if (!json_is_array(cookies))
        return refuse(answer, "cookies is no array");
    for (size_t i = 0; i < json_array_size(cookies) && r == 0; i++) {
        const json_t *cookie = json_array_get(cookies, i);

        if (!json_is_string(cookie))
            return refuse(answer, "a cookie is no string");
        r = add_line(answer, "set-cookie", text_of(cookie));
    }
    return r;
}

static bool has_content_type(json_t *object)
{
    const json_t *one = find(json_object_get(object, "headers"), "content-type");
    const json_t *many = find(json_object_get(object, "multiValueHeaders"), "content-type");

    return (one && !json_is_null(one)) || (many && !json_is_null(many));
}

/* ---- The object ------------------------------------------------------------------------------ */

/* A number, or its digits in a string; default_status where it is absent. */
static int read_status(struct payload_answer *answer, const json_t *value, int default_status)
{
    json_int_t status = default_status;

    if (json_is_integer(value)) {
        status = json_integer_value(value);
    } else if (json_is_real(value)) {
        double real = json_real_value(value);
        status = real >= STATUS_MIN && real <= STATUS_MAX ? (json_int_t)real : 0;
        status = (double)status == real ? status : 0;
    } else if (json_is_string(value)) {
        struct str digits = text_of(value);
        status = 0;
        for (size_t i = 0; i < digits.n && digits.n == STATUS_DIGITS; i++) {
            if (digits.p[i] < '0' || digits.p[i] > '9')
                return refuse(answer, "statusCode is no status");
            status = status * 10 + (digits.p[i] - '0');
        }
    } else if (value) {
        status = 0;
    }
    if (status < STATUS_MIN || status > STATUS_MAX)
        return refuse(answer, "statusCode is no status of 200 to 599");
    answer->status = (int)status;
    return 0;
}

static int read_base64(struct payload_answer *answer, struct str text)
{
    char *p = buffer_reserve(&answer->own, text.n / 4 * 3 + 3);
    ptrdiff_t n;

    if (!p)
        return -ENOMEM;
    n = base64_read(p, text);
    if (n < 0)
        return refuse(answer, "isBase64Encoded is true, and body is no base64");
    answer->own.n = (size_t)n;
    return 0;
}

/* A string is text or base64; another value is what JSON writes for it. */
static int read_body(struct payload_answer *answer, const json_t *object)
{
    const json_t *body = json_object_get(object, "body");
    int r = 0;

    if (!body || json_is_null(body))
        return 0;
    if (json_is_string(body) && json_is_true(json_object_get(object, "isBase64Encoded"))) {
        r = read_base64(answer, text_of(body));
    } else if (json_is_string(body)) {
        buffer_add(&answer->own, text_of(body));
    } else {
        char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
        if (!text)
            return -ENOMEM;
        buffer_add(&answer->own, str_of(text));
        free(text);
    }
    answer->body = buffer_text(&answer->own);
    return r;
}

static bool allows_body(int status)
{
    return status != 204 && status != 304;
}

static int read_head(struct payload_answer *answer, json_t *object, int default_status,
                     struct str default_type)
{
    json_t *many = json_object_get(object, "multiValueHeaders");
    int r = read_status(answer, json_object_get(object, "statusCode"), default_status);

    if (r == 0)
        r = add_fields(answer, json_object_get(object, "headers"), many);
    if (r == 0)
        r = add_fields(answer, many, NULL);
    if (r == 0)
        r = add_cookies(answer, json_object_get(object, "cookies"));
    if (r == 0 && allows_body(answer->status) && !has_content_type(object))
        r = add_line(answer, "content-type", default_type);
    return r;
}

static int end(struct payload_answer *answer, int r)
{
    if (r == 0 && (answer->fields.is_out || answer->own.is_out))
        r = -ENOMEM;
    if (r == 0 && !allows_body(answer->status))
        answer->body = (struct str){NULL, 0};
    return r;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static json_t *load(struct str text)
{
    return json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static int take_as_it_is(struct payload_answer *answer, struct str body)
{
    answer->status = 200;
    answer->body = body;
    return add_line(answer, "content-type", STR("application/json"));
}

bool payload_answer_is_failure(struct str complete)
{
    json_t *object = load(complete);
    const json_t *code = json_object_get(object, "ErrorCode");
    bool is = !json_is_object(object) || (code && !json_is_null(code));

    json_decref(object);
    return is;
}

ptrdiff_t payload_answer_find_body(struct str bytes)
{
    static const char zeros[PAYLOAD_PRELUDE_END_BYTES] = {0};
    const char *at = bytes.n > 0 ? memmem(bytes.p, bytes.n, zeros, sizeof(zeros)) : NULL;

    return at ? at - bytes.p : -1;
}

int payload_answer_read_prelude(struct payload_answer *answer, struct str prelude)
{
    json_t *object = load(prelude);
    int r;

    *answer = (struct payload_answer){0};
    if (json_is_object(object))
        r = read_head(answer, object, 200, STR("application/octet-stream"));
    else
        r = refuse(answer, "the prelude of the stream is no JSON object");
    json_decref(object);
    return end(answer, r);
}

/* What is no JSON: a streamed answer, or a text of the function's own. */
static int read_other(struct payload_answer *answer, struct str payload)
{
    struct str head = {payload.p, payload.n < PAYLOAD_PRELUDE_MAX + PAYLOAD_PRELUDE_END_BYTES
                                      ? payload.n
                                      : PAYLOAD_PRELUDE_MAX + PAYLOAD_PRELUDE_END_BYTES};
    ptrdiff_t n = payload_answer_find_body(head);
    int r;

    if (n < 0)
        return end(answer, take_as_it_is(answer, payload));
    r = payload_answer_read_prelude(answer, (struct str){payload.p, (size_t)n});
    answer->body = (struct str){payload.p + n + PAYLOAD_PRELUDE_END_BYTES,
                                payload.n - (size_t)n - PAYLOAD_PRELUDE_END_BYTES};
    return end(answer, r);
}

int payload_answer_read(struct payload_answer *answer, struct str payload)
{
    json_t *value = load(payload);
    int r;

    *answer = (struct payload_answer){0};
    if (!value)
        return read_other(answer, payload);
    if (json_is_object(value) && json_object_get(value, "statusCode")) {
        r = read_head(answer, value, 200, STR("application/json"));
        if (r == 0)
            r = read_body(answer, value);
    } else if (json_is_string(value)) {
        buffer_add(&answer->own, text_of(value));
        r = take_as_it_is(answer, buffer_text(&answer->own));
    } else {
        r = take_as_it_is(answer, payload);
    }
    json_decref(value);
    return end(answer, r);
}

void payload_answer_fini(struct payload_answer *answer)
{
    buffer_fini(&answer->fields);
    buffer_fini(&answer->own);
}
