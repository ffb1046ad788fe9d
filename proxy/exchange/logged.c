/* A field more. */
#include "proxy/exchange/logged.h"

#include "base/buffer.h"
#include "proxy/exchange/standin.h"

/* The duration is that until the response began. Without memory the field is left out. */
static bool head(struct exchange *ex, const struct head *h, enum body_kind body)
{
    char log[STANDIN_ERROR_MAX];
    struct buffer text = {.p = NULL};
    struct head *made = &ex->worker->made_head;
    struct http1 parser;
    bool is_wanted;

    ex->user.on = ex->next;
    ex->filter = NULL;
    buffer_add(&text, (struct str){h->base, h->bytes - 2}); /* without the empty line */
    buffer_add(&text, standin_log_line(ex, log));
    buffer_lit(&text, "\r\n");
    http1_init_response(&parser, made, &ex->tuning->response_limits);
    if (!text.is_out && http1_head_feed(&parser, text.p, text.n) == HTTP1_HEAD)
        h = made;
    is_wanted = ex->next->head(&ex->user, h, body);
    buffer_fini(&text);
    return is_wanted;
}

const struct exchange_filter logged_http = {.head = head};
