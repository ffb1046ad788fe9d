/* Taking fields over into a head that is written anew: as they stand where they already stand as
 * they are to be written, several in one copy. For writers of HTTP/1 heads; inline because a head
 * has many fields. Any thread. */
#ifndef WEIR_PROXY_HTTP_COPY_H
#define WEIR_PROXY_HTTP_COPY_H

#include "base/text.h"
#include "proxy/http/head.h"

/* Most fields already stand as they are to be written: "name: value" CR LF. */
static inline bool copy_is_written(const struct head *head, const struct head_field *f)
{
    if (head->is_plain)
        return true;
    const char *line = head->base + f->name_at;
    uint32_t at = f->name_len + 2;

    return f->value_at == f->name_at + at && line[at - 1] == ' ' && line[at + f->value_len] == '\r';
}

static inline char *copy_field(char *p, const struct head *head, const struct head_field *f)
{
    if (copy_is_written(head, f))
        return text_str(p, head_at(head, f->name_at, f->name_len + f->value_len + 4u));
    p = text_str(p, head_name(head, f));
    p = text_lit(p, ": ");
    p = text_str(p, head_value(head, f));
    return text_lit(p, "\r\n");
}

/* Fields that stand one behind the other as they are to be written go in one copy instead of four
 * a field (some 80 instructions less each). Those that are dropped in between end the run. */
struct copy_run {
    uint32_t at, n; /* not yet written */
};

static inline char *copy_end_run(char *p, const struct head *head, struct copy_run *run)
{
    p = text_str(p, head_at(head, run->at, run->n));
    run->n = 0;
    return p;
}

static inline char *copy_in_run(char *p, const struct head *head, const struct head_field *f,
                                struct copy_run *run)
{
    if (!copy_is_written(head, f))
        return copy_field(copy_end_run(p, head, run), head, f);
    if (run->n == 0 || run->at + run->n != f->name_at) {
        p = copy_end_run(p, head, run);
        run->at = f->name_at;
    }
    run->n += f->name_len + f->value_len + 4u;
    return p;
}

#endif
