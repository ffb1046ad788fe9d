/* Request and status lines. weir reads them itself: llhttp knows a fixed list of methods, and
 * accepts targets and versions that a proxy has to refuse.
 *
 * Targets: visible ASCII but " # < > \ , which no URI holds (RFC 3986) and which servers read
 * differently; the few other characters that a URI should have encoded ({ } | ^ ` [ ]) are passed
 * on as browsers send them. */
#include "proxy/http/startline.h"

#include "base/block.h"
#include "proxy/http/authority.h"
#include "proxy/http/chars.h"

enum { METHOD_MAX = 64 };

static void classify_method(struct head *head)
{
    static const struct {
        struct str name;
        bool is_idempotent;
    } known[] = {
        {{"GET", 3}, true},    {{"HEAD", 4}, true},    {{"PUT", 3}, true},
        {{"DELETE", 6}, true}, {{"OPTIONS", 7}, true}, {{"TRACE", 5}, true},
    };
    struct str method = head_method(head);

    head->is_idempotent = head->is_head = head->is_trace = head->is_connect = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(method, known[i].name)) {
            head->is_idempotent = known[i].is_idempotent;
            head->is_head = i == 1;
            head->is_trace = i == 5;
            return;
        }
    head->is_connect = str_eq(method, STR("CONNECT"));
}

/* "HTTP/1.x": x above 1 is spoken to as 1.1 (RFC 9110 section 2.5). */
static enum head_error read_version(struct head *head, struct str s, const char **detail)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || s.p[6] != '.' || s.p[5] < '0' || s.p[5] > '9' ||
        s.p[7] < '0' || s.p[7] > '9') {
        *detail = "the start line has no version of the form HTTP/1.1";
        return HEAD_ERROR_BAD;
    }
    if (s.p[5] != '1') {
        *detail = "only HTTP/1.0 and HTTP/1.1 are spoken here";
        return HEAD_ERROR_VERSION;
    }
    head->minor = s.p[7] == '0' ? 0 : 1;
    return HEAD_ERROR_NONE;
}

/* Splits path and query; checks percent encodings of the path, since Invoke addresses are decoded
 * from it. */
static enum head_error read_path(struct head *head, uint32_t at, uint32_t len, bool has_special,
                                 const char **detail)
{
    const char *path = head->base + at;
    const char *question = has_special ? memchr(path, '?', len) : NULL;

    head->path_at = at;
    head->path_len = question ? (uint32_t)(question - path) : len;
    head->has_query = question != NULL;
    head->query_at = at + head->path_len + (question ? 1 : 0);
    head->query_len = len - head->path_len - (question ? 1 : 0);
    const char *percent = has_special ? memchr(path, '%', head->path_len) : NULL;
    while (percent) {
        const char *end = path + head->path_len;
        if (end - percent < 3 || !chars_is(percent[1], CHARS_HEX) ||
            !chars_is(percent[2], CHARS_HEX)) {
            *detail = "the request target has a '%' that two hexadecimal digits do not follow";
            return HEAD_ERROR_BAD;
        }
        percent = memchr(percent + 3, '%', (size_t)(end - percent - 3));
    }
    return HEAD_ERROR_NONE;
}

/* absolute-form (RFC 9112 section 3.2.2): scheme, authority, then a path that may be left out. */
static enum head_error read_absolute(struct head *head, const char **detail)
{
    struct str target = head_target(head), host;
    size_t skip = 0;

    if (target.n > 7 && str_ieq((struct str){target.p, 7}, STR("http://")))
        skip = 7;
    else if (target.n > 8 && str_ieq((struct str){target.p, 8}, STR("https://")))
        skip = 8;
    if (skip == 0) {
        *detail = "the request target is neither a path nor an http URL";
        return HEAD_ERROR_BAD;
    }
    size_t n = skip;
    while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
        n++;
    head->is_https = skip == 8;
    head->authority_at = head->target_at + (uint32_t)skip;
    head->authority_len = (uint32_t)(n - skip);
    if (!authority_is_valid((struct str){target.p + skip, n - skip}, &host)) {
        *detail = "the request target's authority is not a host with an optional port";
        return HEAD_ERROR_BAD;
    }
    return read_path(head, head->target_at + (uint32_t)n, head->target_len - (uint32_t)n, true,
                     detail);
}

/* has_special: one of its bytes is '?' or '%'. */
static enum head_error read_target(struct head *head, bool has_special, const char **detail)
{
    struct str target = head_target(head);

    head->authority_at = head->authority_len = 0;
    if (target.n > 0 && target.p[0] == '/')
        return read_path(head, head->target_at, head->target_len, has_special, detail);
    if (str_eq(target, STR("*")) && str_eq(head_method(head), STR("OPTIONS")))
        return read_path(head, head->target_at, head->target_len, has_special, detail);
    if (head->is_connect) /* authority-form; refused later, as a method */
        return read_path(head, head->target_at, head->target_len, has_special, detail);
    return read_absolute(head, detail);
}

/* 0xff where a byte may stand in a target: CHARS_TARGET. */
static inline block target_bytes(block b)
{
    return (block)((b > ' ') & (b != 0x7f) & (b != '"') & (b != '#') & (b != '<') & (b != '>') &
                   (b != '\\'));
}

/* Where the target that begins at `at` ends; n if nothing ends it. has_special: it has a '?' or a
 * '%'. Sixteen bytes at a time, as an Invoke's target has some fifty. */
static size_t target_end(const char *line, size_t at, size_t n, bool *has_special)
{
    uint8_t classes, seen = 0;
    size_t i = at;

    for (; n - i >= BLOCK_BYTES; i += BLOCK_BYTES) {
        block b = block_load(line + i);
        uint32_t others = block_bits(target_bytes(b)) ^ 0xffff;
        uint32_t special = block_bits((block)((b == '?') | (b == '%')));

        if (others) { /* those below the lowest of the others count */
            *has_special = seen || (special & (others - 1) & ~others);
            return i + (size_t)__builtin_ctz(others);
        }
        seen |= special ? CHARS_SPECIAL : 0;
    }
    for (; i < n && (classes = chars_classes(line[i])) & CHARS_TARGET; i++)
        seen |= classes & CHARS_SPECIAL;
    *has_special = seen != 0;
    return i;
}

enum head_error startline_request(struct head *head, size_t n, const char **detail)
{
    const char *line = head->base + head->line_at;
    size_t i = 0;

    while (i < n && chars_is(line[i], CHARS_TOKEN))
        i++;
    if (i == 0 || i > METHOD_MAX || i == n || line[i] != ' ') {
        *detail = "the request line does not begin with a method and one space";
        return HEAD_ERROR_BAD;
    }
    head->method_len = (uint16_t)i;
    classify_method(head);
    size_t at = ++i;
    bool has_special;
    i = target_end(line, at, n, &has_special);
    if (i == at || i == n || line[i] != ' ') {
        *detail = "the request target is empty, holds a byte that no target may hold, or is not "
                  "followed by one space and the version";
        return HEAD_ERROR_BAD;
    }
    head->target_at = head->line_at + (uint32_t)at;
    head->target_len = (uint32_t)(i - at);
    enum head_error error = read_version(head, (struct str){line + i + 1, n - i - 1}, detail);
    return error ? error : read_target(head, has_special, detail);
}

/* "HTTP/1.x SP 3DIGIT [SP reason]" (RFC 9112 section 4); a missing last space is common and
 * harmless. */
enum head_error startline_response(struct head *head, size_t n, const char **detail)
{
    const char *line = head->base + head->line_at;

    *detail = "the status line is not of the form HTTP/1.1 200 OK";
    if (n < 12 || line[8] != ' ')
        return HEAD_ERROR_BAD;
    enum head_error error = read_version(head, (struct str){line, 8}, detail);
    if (error)
        return error;
    *detail = "the status is not three digits from 100 to 599";
    for (int i = 9; i < 12; i++)
        if (line[i] < '0' || line[i] > '9')
            return HEAD_ERROR_BAD;
    head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    if (head->status < 100 || head->status > 599 || (n > 12 && line[12] != ' '))
        return HEAD_ERROR_BAD;
    head->reason_at = head->line_at + (n > 12 ? 13 : 12);
    head->reason_len = (uint32_t)(n > 13 ? n - 13 : 0);
    *detail = "the reason phrase holds a control byte";
    for (size_t i = 12; i < n; i++)
        if ((unsigned char)line[i] < 0x20 ? line[i] != '\t' : line[i] == 0x7f)
            return HEAD_ERROR_BAD;
    return HEAD_ERROR_NONE;
}
