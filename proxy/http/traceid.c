/* Roots of traces. */
#include "proxy/http/traceid.h"

#include <string.h>

#include "base/text.h"

static bool is_root(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');

        if (i == 1 || i == 10 ? s.p[i] != '-' : !is_hex)
            return false;
    }
    return s.n == TRACEID_ROOT;
}

/* Root=1-...;Parent=...;Sampled=1 */
static void read_caller(struct traceid *trace, struct str value)
{
    while (value.n > 0) {
        struct str part = str_until(value, ';');
        size_t used = part.n + (part.n < value.n);
        struct str name, content;

        value.p += used;
        value.n -= used;
        part = str_trim(part);
        name = str_until(part, '=');
        content.n = part.n - name.n - (name.n < part.n);
        content.p = part.p + part.n - content.n;
        if (str_ieq(name, STR("root")) && is_root(content)) {
            memcpy(trace->root, content.p, TRACEID_ROOT);
            trace->whose = TRACEID_CALLERS;
        } else if (str_ieq(name, STR("sampled"))) {
            trace->is_sampled = str_eq(content, STR("1"));
        }
    }
}

void traceid_begin(struct traceid *trace, struct str value)
{
    trace->whose = TRACEID_OWN;
    trace->is_sampled = false;
    if (value.n > 0)
        read_caller(trace, value);
}

char *traceid_put(char *p, const struct traceid *trace, const char *request_id,
                  const char second[TRACEID_SECOND])
{
    p = text_lit(p, "X-Amzn-Trace-Id: root=");
    if (trace->whose == TRACEID_CALLERS) {
        p = text_str(p, (struct str){trace->root, TRACEID_ROOT});
    } else {
        p = text_lit(p, "1-");
        memcpy(p, second, TRACEID_SECOND);
        p[8] = '-';
        memcpy(p + 9, request_id + 9, 4); /* the last 24 digits of 8-4-4-4-12 */
        memcpy(p + 13, request_id + 14, 4);
        memcpy(p + 17, request_id + 19, 4);
        memcpy(p + 21, request_id + 24, 12);
        p += 33;
    }
    return trace->is_sampled ? text_lit(p, ";sampled=1\r\n") : text_lit(p, ";sampled=0\r\n");
}
