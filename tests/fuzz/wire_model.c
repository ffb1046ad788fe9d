/* The model: lines end in CR LF and nothing else, a field is a token, a colon and a value, and each
 * framing field stands at most once. */
#include "tests/fuzz/wire_model.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/transcript.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Cuts the first line off; true if it ended in CR LF. Neither byte may stand anywhere else. */
static bool cut_line(struct str *text, struct str *line)
{
    const char *lf = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

    if (!lf || lf == text->p || lf[-1] != '\r')
        return false;
    *line = (struct str){text->p, (size_t)(lf - text->p) - 1};
    text->n -= (size_t)(lf + 1 - text->p);
    text->p = lf + 1;
    return line->n == 0 || !memchr(line->p, '\r', line->n);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f ||
            memchr("\"(),/:;<=>?@[\\]{}", s.p[i], 17))
            return false;
    return s.n > 0;
}

static void cut_field(struct str line, struct str *name, struct str *value)
{
    const char *colon = memchr(line.p, ':', line.n);

    FUZZ_CHECK(colon);
    *name = (struct str){line.p, (size_t)(colon - line.p)};
    *value = trim((struct str){colon + 1, line.n - name->n - 1});
    FUZZ_CHECK(is_token(*name));
    for (size_t i = 0; i < value->n; i++)
        FUZZ_CHECK((unsigned char)value->p[i] >= 0x20 ? value->p[i] != 0x7f : value->p[i] == '\t');
}

/* How often fields that frame the message came, and what they said. */
struct framing {
    int nr_lengths, nr_codings, nr_hosts;
    uint64_t length;
};

static void count_framing(struct framing *f, struct str name, struct str value)
{
    if (str_ieq(name, STR("host")))
        f->nr_hosts++;
    if (str_ieq(name, STR("content-length"))) {
        f->nr_lengths++;
        f->length = 0;
        FUZZ_CHECK(value.n > 0 && value.n < 20);
        for (size_t i = 0; i < value.n; i++) {
            FUZZ_CHECK(value.p[i] >= '0' && value.p[i] <= '9');
            f->length = f->length * 10 + (uint64_t)(value.p[i] - '0');
        }
    }
    if (str_ieq(name, STR("transfer-encoding"))) {
        f->nr_codings++;
        FUZZ_CHECK(str_ieq(value, STR("chunked")));
    }
}

static void check_framing(const struct head *head, const struct framing *f, bool is_response)
{
    FUZZ_CHECK(f->nr_lengths + f->nr_codings <= 1);
    if (!is_response)
        FUZZ_CHECK(f->nr_hosts == 1 || (f->nr_hosts == 0 && head->minor == 0));
    if (f->nr_codings == 1)
        FUZZ_CHECK(head->body == BODY_CHUNKED && head->minor == 1);
    else if (f->nr_lengths == 1 && (f->length > 0 || is_response))
        FUZZ_CHECK(head->body == BODY_LENGTH && head->content_length == f->length);
    else
        FUZZ_CHECK(head->body == BODY_NONE);
}

static void check_request_line(const struct head *head, struct str line)
{
    struct str method = head_method(head), target = head_target(head);

    FUZZ_CHECK(is_token(method) && target.n > 0);
    FUZZ_CHECK(line.n == method.n + 1 + target.n + 9);
    FUZZ_CHECK(memcmp(line.p, method.p, method.n) == 0 && line.p[method.n] == ' ');
    FUZZ_CHECK(target.p == line.p + method.n + 1 && target.p[target.n] == ' ');
    for (size_t i = 0; i < target.n; i++)
        FUZZ_CHECK(target.p[i] > 0x20 && target.p[i] < 0x7f);
    struct str path = head_path(head), query = head_query(head);
    FUZZ_CHECK(path.p >= target.p && query.p + query.n == target.p + target.n);
    FUZZ_CHECK(path.n == 0 || !memchr(path.p, '?', path.n));
    FUZZ_CHECK(path.n == 0 || path.p[0] == '/' || head->is_connect || str_eq(path, STR("*")));
    FUZZ_CHECK(head->has_query ? query.p == path.p + path.n + 1 && query.p[-1] == '?'
                               : query.n == 0);
}

static void check_status_line(const struct head *head, struct str line)
{
    FUZZ_CHECK(head->status >= 100 && head->status <= 599);
    FUZZ_CHECK(line.n >= 12 && head->status == (line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 +
                                                   (line.p[11] - '0'));
    FUZZ_CHECK(head->reason_at + head->reason_len == head->line_at + line.n);
}

void wire_model_check_head(const struct head *head, bool is_response)
{
    struct str text = {head->base, head->bytes}, line, name, value;
    struct framing framing = {0};
    int nr = 0, nr_empty = 0;

    do {
        FUZZ_CHECK(cut_line(&text, &line));
    } while (!is_response && line.n == 0 && ++nr_empty < 8);
    FUZZ_CHECK(line.p == head->base + head->line_at);
    if (is_response)
        check_status_line(head, line);
    else
        check_request_line(head, line);
    for (;; nr++) {
        FUZZ_CHECK(cut_line(&text, &line));
        if (line.n == 0)
            break;
        FUZZ_CHECK(nr < head->nr_fields);
        cut_field(line, &name, &value);
        FUZZ_CHECK(str_eq(name, head_name(head, &head->fields[nr])));
        FUZZ_CHECK(str_eq(value, head_value(head, &head->fields[nr])));
        count_framing(&framing, name, value);
    }
    FUZZ_CHECK(nr == head->nr_fields && text.n == 0);
    check_framing(head, &framing, is_response);
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = memchr(digits, str_lower(c), 16);

    return at ? (int)(at - digits) : -1;
}

/* A chunk's size line; extensions are passed over, but quotes in them must be closed, and white
 * space stands before a semicolon, never at the line's end. */
static size_t chunk_size(struct str line)
{
    size_t size = 0, i = 0;
    int nr_quotes = 0;

    for (; i < line.n && hex(line.p[i]) >= 0; i++) {
        FUZZ_CHECK(size < SIZE_MAX / 32);
        size = size * 16 + (size_t)hex(line.p[i]);
    }
    FUZZ_CHECK(i > 0 && (line.p[line.n - 1] != ' ' && line.p[line.n - 1] != '\t'));
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    FUZZ_CHECK(i == line.n || line.p[i] == ';');
    for (; i < line.n; i++) {
        FUZZ_CHECK((unsigned char)line.p[i] >= 0x20 || line.p[i] == '\t');
        if (line.p[i] == '\\' && nr_quotes % 2 == 1 && i + 1 < line.n)
            i++;
        else
            nr_quotes += line.p[i] == '"';
    }
    FUZZ_CHECK(nr_quotes % 2 == 0);
    return size;
}

/* The trailers as weir keeps them: "name: value" CR LF each. */
static void check_trailers(struct str raw, struct str kept, bool are_dropped)
{
    struct str line, name, value;

    for (;;) {
        FUZZ_CHECK(cut_line(&raw, &line));
        if (line.n == 0)
            break;
        cut_field(line, &name, &value);
        FUZZ_CHECK(!str_ieq(name, STR("content-length")) &&
                   !str_ieq(name, STR("transfer-encoding")) && !str_ieq(name, STR("host")));
        if (are_dropped)
            continue;
        FUZZ_CHECK(cut_line(&kept, &line));
        /* Written "name: value", an empty value without the space. */
        FUZZ_CHECK(line.n == name.n + (value.n > 0 ? 2 + value.n : 1));
        FUZZ_CHECK(memcmp(line.p, name.p, name.n) == 0 && line.p[name.n] == ':');
        FUZZ_CHECK(value.n == 0 || (line.p[name.n + 1] == ' ' &&
                                    memcmp(line.p + name.n + 2, value.p, value.n) == 0));
    }
    FUZZ_CHECK(raw.n == 0 && kept.n == 0);
}

void wire_model_check_body(const struct http1 *parser, const struct transcript_message *message)
{
    struct str raw = message->raw, body = message->body, line;
    size_t size;

    if (message->body_kind != BODY_CHUNKED) {
        FUZZ_CHECK(str_eq(raw, body) && message->trailers.n == 0);
        return;
    }
    for (;;) {
        FUZZ_CHECK(cut_line(&raw, &line));
        size = chunk_size(line);
        if (size == 0)
            break;
        FUZZ_CHECK(raw.n >= size + 2 && body.n >= size && memcmp(raw.p, body.p, size) == 0);
        FUZZ_CHECK(raw.p[size] == '\r' && raw.p[size + 1] == '\n');
        raw = (struct str){raw.p + size + 2, raw.n - size - 2};
        body = (struct str){body.p + size, body.n - size};
    }
    FUZZ_CHECK(body.n == 0);
    check_trailers(raw, message->trailers, message->trailers.n == 0 && parser->drops_trailers);
}
