/* Writing response heads anew. */
#include "proxy/client/respond_head.h"

#include <assert.h>

#include "base/decimal.h"
#include "base/text.h"
#include "proxy/exchange/extras.h"
#include "proxy/exchange/rules.h"
#include "proxy/http/copy.h"
#include "proxy/http/traceid.h"
#include "proxy/io/outbox.h"

/* What weir adds to a head beside the line that names the version. */
enum { ADDED_MAX = 512 };

/* An empty outbox takes the largest head that may be read. (Field lines may end in a bare LF,
 * which becomes CR LF.) */
static_assert(OUTBOX_FLAT >= TUNING_STATUS_LINE_MAX + SETTINGS_HEADER_BYTES_MAX + HEAD_FIELDS_MAX +
                                 SETTINGS_HEADER_NAME_MAX + ADDED_MAX + EXTRAS_LINES_MAX,
              "a response's head may be too large for the outbox");

size_t respond_head_room(const struct tuning *tuning, const struct head *head,
                         const struct extras *extras)
{
    return head->bytes + head->nr_fields + tuning->executed_line_len + ADDED_MAX +
           (extras ? extras_lines(extras).n : 0);
}

static char *write_response_framing(char *p, const struct respond_head *how)
{
    if (how->is_chunked)
        p = text_lit(p, "Transfer-Encoding: chunked\r\n");
    if (how->has_length) {
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, how->length);
        p = text_lit(p, "\r\n");
    }
    if (how->is_upgrade)
        return text_lit(p, "Connection: upgrade\r\n");
    if (how->is_interim)
        return p;
    if (how->is_close)
        return text_lit(p, "Connection: close\r\n");
    return how->minor == 0 ? text_lit(p, "Connection: keep-alive\r\n") : p;
}

/* What Lambda says in each answer to an Invoke, and an endpoint may have said already. */
struct invoke_fields {
    bool has_trace, has_remapped;
};

static void look_for_invoke_fields(struct invoke_fields *fields, const struct head *head,
                                   const struct head_field *f)
{
    const struct str trace = STR("x-amzn-trace-id");
    const struct str remapped = STR("x-amzn-remapped-content-length");

    if (f->name_len == trace.n)
        fields->has_trace |= str_ieq(head_name(head, f), trace);
    else if (f->name_len == remapped.n)
        fields->has_remapped |= str_ieq(head_name(head, f), remapped);
}

static char *write_invoke_fields(char *p, struct worker *w, const struct respond_head *how,
                                 const struct invoke_fields *fields)
{
    if (how->is_remapped && !fields->has_remapped)
        p = text_lit(p, "x-amzn-Remapped-Content-Length: 0\r\n");
    return fields->has_trace ? p : traceid_put(p, how->trace, how->request_id, worker_second(w));
}

char *respond_head_write(char *p, struct worker *w, const struct tuning *tuning,
                         const struct head *head, const struct respond_head *how)
{
    struct copy_run run = {0, 0};
    bool has_date = false;
    struct invoke_fields fields = {false, false};
    struct rules_response rules = {
        .is_upgrade = how->is_upgrade,
        .is_chunked = how->is_chunked,
        .has_hsts = how->hsts_line[0] != 0,
    };

    p = text_lit(p, "HTTP/1.1 ");
    p = decimal_put(p, (uint64_t)head->status);
    p = text_char(p, ' ');
    p = text_str(p, head_at(head, head->reason_at, head->reason_len));
    p = text_lit(p, "\r\n");
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        /* In 101 the endpoint's Connection lists Upgrade, and both go on. */
        bool is_agreed_upgrade = how->is_upgrade && f->id == FIELD_UPGRADE;
        if (!is_agreed_upgrade &&
            (head_is_dropped(head, f) || !rules_response_passes(tuning, head, f, &rules)))
            continue;
        if (how->extras && extras_takes(how->extras, head_name(head, f), head_value(head, f)))
            continue;
        has_date |= f->id == FIELD_DATE;
        if (how->trace && f->id == FIELD_OTHER)
            look_for_invoke_fields(&fields, head, f);
        p = copy_in_run(p, head, f, &run);
    }
    p = copy_end_run(p, head, &run);
    if (!how->is_interim || how->is_upgrade) {
        if (how->executed_version.n > 0) {
            p = text_str(p, (struct str){tuning->executed_line, tuning->executed_line_len});
            p = text_str(p, how->executed_version);
            p = text_lit(p, "\r\n");
        }
        p = text_lit(p, "x-amzn-RequestId: ");
        p = text_str(p, (struct str){how->request_id, ID_LENGTH});
        p = text_lit(p, "\r\n");
        if (!has_date)
            p = text_str(p, worker_date(w));
        if (how->trace)
            p = write_invoke_fields(p, w, how, &fields);
        if (how->hsts_line[0])
            p = text_str(p, str_of(how->hsts_line));
        if (how->extras)
            p = text_str(p, extras_lines(how->extras));
    }
    p = write_response_framing(p, how);
    return text_lit(p, "\r\n");
}
