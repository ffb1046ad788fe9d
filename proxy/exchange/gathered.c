/* Keeping requests and responses whole. */
#include "proxy/exchange/gathered.h"

#include <errno.h>
#include <stdlib.h>

struct gathered *gathered_make(const struct head *head, uint64_t limit, bool is_checked)
{
    struct gathered *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->limit = limit;
    g->is_checked = is_checked;
    buffer_add(&g->head, (struct str){head->base, head->bytes});
    if (head->body == BODY_LENGTH && head->content_length <= limit)
        buffer_reserve(&g->payload, head->content_length);
    if (g->head.is_out || g->payload.is_out)
        gathered_free(&g);
    return g;
}

void gathered_free(struct gathered **gathered)
{
    struct gathered *g = *gathered;

    *gathered = NULL;
    if (!g)
        return;
    buffer_fini(&g->head);
    buffer_fini(&g->payload);
    free(g);
}

int gathered_add(struct gathered *g, struct str bytes)
{
    if (g->is_too_large)
        return 0;
    if (bytes.n > g->limit - g->payload.n) {
        g->is_too_large = true;
        return 0;
    }
    if (g->is_checked)
        jsoncheck_feed(&g->check, bytes);
    buffer_add(&g->payload, bytes);
    return g->payload.is_out ? -ENOMEM : 0;
}

int gathered_complain(const struct gathered *g, bool is_event, struct choice *refusal)
{
    struct jsoncheck check = g->check; /* its end is only tried */
    char reason[JSONCHECK_REASON_MAX];

    if (g->is_too_large)
        return pick_refuse_size(refusal, is_event, g->limit + 1, g->limit);
    if (!g->is_checked || g->payload.n == 0 || jsoncheck_end(&check))
        return 0;
    jsoncheck_reason(&check, reason);
    return pick_refuse(refusal, 400, "InvalidRequestContentException",
                       METRICS_REJECTION_BAD_CONTENT,
                       "Could not parse request body into json: Could not parse payload into json: "
                       "%s",
                       reason);
}

struct head *gathered_head(struct gathered *g, struct worker *w)
{
    struct head *head = &w->made_head;
    struct http1 parser;

    http1_init_request(&parser, head, &w->tuning->request_limits);
    if (http1_head_feed(&parser, g->head.p, g->head.n) != HTTP1_HEAD)
        return NULL;
    head->content_length = g->payload.n;
    head->body = g->payload.n > 0 ? BODY_LENGTH : BODY_NONE;
    head->is_expect_continue = false; /* weir has continued by itself */
    return head;
}

void gathered_turn(struct gathered *g, uint64_t limit)
{
    buffer_fini(&g->head);
    buffer_fini(&g->payload);
    g->check = (struct jsoncheck){0};
    g->limit = limit;
    g->is_checked = true;
    g->is_too_large = false;
}
