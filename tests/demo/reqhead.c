/* One pass over lines. Every line ends in CR LF, names are tokens, values are free of control
 * bytes, framing fields are unique and exact; a message with both Content-Length and
 * Transfer-Encoding is malformed, as a proxy must never send one. */
#include "reqhead.h"

static bool is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_byte(s.p[i]))
            return false;
    return s.n > 0;
}

static struct str trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Splits at the first c; false where there is none. */
static bool cut(struct str s, char c, struct str *before, struct str *after)
{
    const char *at = memchr(s.p, c, s.n);

    if (!at)
        return false;
    *before = (struct str){s.p, (size_t)(at - s.p)};
    *after = (struct str){at + 1, s.n - before->n - 1};
    return true;
}

bool reqhead_parse_field(struct reqhead_field *field, struct str line)
{
    struct str value;

    if (!cut(line, ':', &field->name, &value) || !is_token(field->name))
        return false;
    field->value = trim(value);
    return is_field_value(field->value);
}

static bool parse_request_line(struct reqhead *head, struct str line)
{
    struct str rest, version;

    if (!cut(line, ' ', &head->method, &rest) || !cut(rest, ' ', &head->target, &version))
        return false;
    if (!is_token(head->method) || head->target.n == 0)
        return false;
    for (size_t i = 0; i < head->target.n; i++)
        if ((unsigned char)head->target.p[i] <= 0x20 || head->target.p[i] == 0x7f)
            return false;
    if (!cut(head->target, '?', &head->path, &head->query)) {
        head->path = head->target;
        head->query = STR("");
    }
    if (str_eq(version, STR("HTTP/1.1")))
        head->minor = 1;
    else if (str_eq(version, STR("HTTP/1.0")))
        head->minor = 0;
    else
        return false;
    head->keep_alive = head->minor == 1;
    return true;
}

static bool note_length(struct reqhead *head, struct str value)
{
    if (head->has_length || value.n == 0 || value.n > 18)
        return false;
    head->has_length = true;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        head->length = head->length * 10 + (uint64_t)(value.p[i] - '0');
    }
    return true;
}

static bool list_has(struct str list, struct str word)
{
    struct str item, rest = list;

    while (cut(rest, ',', &item, &rest))
        if (str_ieq(trim(item), word))
            return true;
    return str_ieq(trim(rest), word);
}

static void note_connection(struct reqhead *head, struct str value)
{
    if (list_has(value, STR("close")))
        head->keep_alive = false;
    else if (head->minor == 0 && list_has(value, STR("keep-alive")))
        head->keep_alive = true;
}

static bool note_field(struct reqhead *head, const struct reqhead_field *field)
{
    struct str name = field->name, value = field->value;

    switch (name.n) {
    case 6:
        if (str_ieq(name, STR("x-demo")))
            head->demo = value;
        else if (str_ieq(name, STR("expect")))
            head->expects_continue = str_ieq(value, STR("100-continue"));
        break;
    case 7:
        if (str_ieq(name, STR("upgrade")))
            head->upgrade = value;
        break;
    case 10:
        if (str_ieq(name, STR("connection")))
            note_connection(head, value);
        break;
    case 14:
        if (str_ieq(name, STR("content-length")))
            return note_length(head, value);
        break;
    case 17:
        if (str_ieq(name, STR("transfer-encoding"))) {
            if (head->is_chunked || !str_ieq(value, STR("chunked")))
                return false;
            head->is_chunked = true;
        }
        break;
    default:
        break;
    }
    return true;
}

static bool upgrade_is_listed(const struct reqhead *head)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head->fields[i].name, STR("connection")) &&
            list_has(head->fields[i].value, STR("upgrade")))
            return true;
    return false;
}

static bool parse_lines(struct reqhead *head, struct str text)
{
    struct str line, rest = text;

    if (!cut(rest, '\n', &line, &rest) || line.n == 0 || line.p[line.n - 1] != '\r')
        return false;
    line.n--;
    if (!parse_request_line(head, line))
        return false;
    while (rest.n > 0) {
        if (!cut(rest, '\n', &line, &rest) || line.n == 0 || line.p[line.n - 1] != '\r')
            return false;
        line.n--;
        if (head->nr_fields == REQHEAD_FIELDS_MAX ||
            !reqhead_parse_field(&head->fields[head->nr_fields], line) ||
            !note_field(head, &head->fields[head->nr_fields]))
            return false;
        head->nr_fields++;
    }
    if (head->upgrade.n > 0 && !upgrade_is_listed(head))
        head->upgrade = STR("");
    return !(head->is_chunked && (head->has_length || head->minor == 0));
}

ssize_t reqhead_parse(struct reqhead *head, const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);
    size_t used;

    if (!end)
        return n > REQHEAD_BYTES_MAX ? -1 : 0;
    used = (size_t)(end - p) + 4;
    memset(head, 0, offsetof(struct reqhead, fields));
    /* The text ends with the last field's line end; the empty line is not part of it. */
    return parse_lines(head, (struct str){p, used - 2}) ? (ssize_t)used : -1;
}
