/* Status line and field lines, by reqhead's rules for fields. */
#include "answer.h"

#include <stdio.h>

#include "tests/demo/reqhead.h"

static void copy_version(char *out, struct str value)
{
    snprintf(out, ANSWER_VERSION_BYTES, "%.*s", STR_ARG(value));
}

static bool parse_length(struct answer *answer, struct str value)
{
    if (answer->has_length || value.n == 0 || value.n > 18)
        return false;
    answer->has_length = true;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        answer->length = answer->length * 10 + (uint64_t)(value.p[i] - '0');
    }
    return true;
}

static bool note_field(struct answer *answer, const struct reqhead_field *field,
                       struct str version_header)
{
    if (str_ieq(field->name, STR("content-length")))
        return parse_length(answer, field->value);
    if (str_ieq(field->name, STR("transfer-encoding")))
        answer->is_chunked = str_ieq(field->value, STR("chunked"));
    else if (str_ieq(field->name, STR("connection")))
        answer->keep_alive = !str_ieq(field->value, STR("close"));
    else if (str_ieq(field->name, version_header))
        copy_version(answer->version, field->value);
    else if (str_ieq(field->name, STR("x-demo-version")))
        copy_version(answer->demo_version, field->value);
    return true;
}

static bool parse_status_line(struct answer *answer, struct str line)
{
    if (line.n < 13 || memcmp(line.p, "HTTP/1.1 ", 9) != 0 || line.p[12] != ' ')
        return false;
    for (int i = 9; i < 12; i++) {
        if (line.p[i] < '0' || line.p[i] > '9')
            return false;
        answer->status = answer->status * 10 + (line.p[i] - '0');
    }
    return answer->status >= 100;
}

ssize_t answer_parse(struct answer *answer, const char *p, size_t n, struct str version_header)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4), *line = p;
    bool is_first = true;

    if (!end)
        return n > REQHEAD_BYTES_MAX ? -1 : 0;
    *answer = (struct answer){.keep_alive = true};
    while (line < end + 2) {
        const char *line_end = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        struct str text = {line, (size_t)(line_end - line)};
        struct reqhead_field field;

        if (is_first
                ? !parse_status_line(answer, text)
                : !reqhead_parse_field(&field, text) || !note_field(answer, &field, version_header))
            return -1;
        is_first = false;
        line = line_end + 2;
    }
    if (answer->is_chunked && answer->has_length)
        return -1;
    return end + 4 - p;
}
