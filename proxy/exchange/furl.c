/* The terms of a URL, step by step. */
#include "proxy/exchange/furl.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "control/sigv4.h"
#include "proxy/exchange/extras.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/standin.h"
#include "proxy/exchange/terms.h"
#include "proxy/exchange/urlevent.h"
#include "proxy/http/eventreader.h"
#include "proxy/http/fieldlist.h"

static struct furl *make(struct exchange *ex, const struct head *head)
{
    struct furl *furl = calloc(1, sizeof(*furl));

    if (!furl)
        return NULL;
    furl->is_head = head->is_head;
    ex->furl = furl;
    return furl;
}

void furl_free(struct furl **furl)
{
    struct furl *f = *furl;

    *furl = NULL;
    if (!f)
        return;
    sigv4_free(&f->sigv4);
    if (f->reader)
        eventreader_fini(f->reader);
    free(f->reader);
    free(f);
}

static int refuse_for_memory(struct choice *choice)
{
    return pick_refuse(choice, 503, "ServiceException", METRICS_REJECTION_NO_MEMORY,
                       "weir is out of memory.");
}

/* ---- Who asks -------------------------------------------------------------------------------- */

static int refuse_signature(struct choice *choice, const struct sigv4_refusal *refusal)
{
    return pick_refuse(choice, 403, refusal->type, METRICS_REJECTION_UNAUTHORIZED, "%s",
                       refusal->message);
}

int furl_begin(struct exchange *ex, const struct head *head, struct choice *choice)
{
    const struct settings *s = ex->tuning->settings;
    struct sigv4_field fields[HEAD_FIELDS_MAX];
    struct sigv4_refusal refusal;
    struct furl *furl = make(ex, head);
    const struct sigv4_request request = {
        .method = head_method(head),
        .path = head_path(head),
        .query = head_query(head),
        .fields = fields,
        .nr_fields = fieldlist_take(head, fields),
        .region = s->aws.region,
        .service = "lambda",
        .now_s = (uint64_t)(loop_unix_us(&ex->worker->loop) / 1000000),
    };

    if (!furl)
        return refuse_for_memory(choice);
    if (!choice->terms || !choice->terms->is_iam)
        return 0;
    if (!sigv4_is_signed(&request))
        return pick_forbid(choice);
    furl->sigv4 = sigv4_begin(&request, s->secrets.credentials, &refusal);
    return furl->sigv4 ? 0 : refuse_signature(choice, &refusal);
}

void furl_body(struct exchange *ex, struct str span)
{
    if (ex->furl->sigv4)
        sigv4_body(ex->furl->sigv4, span);
}

int furl_end(struct exchange *ex, struct choice *choice)
{
    struct furl *furl = ex->furl;
    struct sigv4_refusal refusal;

    if (!furl->sigv4)
        return 0;
    furl->key = sigv4_end(&furl->sigv4, &refusal);
    return furl->key ? 0 : refuse_signature(choice, &refusal);
}

static_assert(STANDIN_FIELDS_MAX >= (int)PAYLOAD_CORS_MAX,
              "an answer to a preflight may be too long");

/* ---- Other origins --------------------------------------------------------------------------- */

void furl_answer_preflight(struct exchange *ex, const struct head *head,
                           const struct choice *choice)
{
    struct payload_cors asked = terms_asked(head);
    struct buffer fields = {0};
    struct standin answer = {.status = 200, .content_type = "", .is_http = true};

    payload_cors_preflight(&fields, choice->terms->cors, &asked);
    answer.fields = buffer_text(&fields);
    if (fields.is_out) /* a browser then does not ask */
        answer.fields = STR("");
    standin_give(ex, &answer);
    buffer_fini(&fields);
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* What a function is told of a request stands in its event. Beside that goes what connects traces,
 * and what the log wants. */
static void drop_fields(struct head *head)
{
    for (int i = 0; i < head->nr_fields; i++) {
        struct head_field *f = &head->fields[i];

        if (f->id != FIELD_TRACEPARENT && f->id != FIELD_TRACESTATE && f->id != FIELD_USER_AGENT &&
            !str_ieq(head_name(head, f), STR("x-amzn-trace-id")))
            head_drop(head, f);
    }
}

/* The request becomes an Invoke whose payload is the event. */
static int make_event(struct exchange *ex, struct head *head, struct choice *choice)
{
    struct gathered *g = ex->gathered;
    struct furl *furl = ex->furl;
    struct request_options *request = &choice->request;
    uint64_t limit = ex->tuning->settings->limits.invoke_body_bytes;
    struct buffer event = {0};

    id_make(&ex->worker->rng, furl->request_id);
    request->request_id = (struct str){furl->request_id, ID_LENGTH};
    urlevent_write(&event, ex, head, choice, buffer_text(&g->payload));
    if (event.is_out || event.n > limit) {
        bool is_out = event.is_out;
        uint64_t bytes = event.n;

        buffer_fini(&event);
        return is_out ? refuse_for_memory(choice) : pick_refuse_size(choice, false, bytes, limit);
    }
    buffer_fini(&g->payload);
    g->payload = event;
    drop_fields(head);
    head->content_length = event.n;
    head->body = BODY_LENGTH;
    request->path = request->query = request->prefix = STR("");
    request->has_query = false;
    request->is_invoke = request->is_post = true;
    request->function = ex->target->function->name;
    request->qualifier = ex->target->alias;
    ex->user.is_head = false; /* what is sent is a POST */
    furl->is_event = true;
    furl->is_gateway = choice->terms->nr_variables > 0 || choice->terms->stage.n > 0;
    furl->is_streamed = choice->terms->is_streamed;
    if (furl->is_streamed && ex->run->version->kind == VERSION_LAMBDA)
        choice->operation = INVOKE_STREAM;
    return 0;
}

int furl_run(struct exchange *ex, struct head *head, struct choice *choice)
{
    const struct url_terms *terms = choice->terms;
    bool is_event = terms->is_event && ex->run->version->kind != VERSION_HTTP;

    if (!is_event && !terms->cors)
        return 0;
    if (is_event && !ex->furl && !make(ex, head))
        return refuse_for_memory(choice);
    if (terms->cors) {
        struct payload_cors asked = terms_asked(head);
        struct extras *extras = extras_of(ex);
        if (!extras)
            return refuse_for_memory(choice);
        payload_cors_response(&extras->lines, terms->cors, &asked);
        extras->has_cors = true;
    }
    return is_event ? make_event(ex, head, choice) : 0;
}
