/* The request is made up as text and read as a client's would be. */
#include "proxy/async/runner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/http/http1.h"

enum { HEAD_MAX = 16384, FIELDS_MAX = 32, FEED_BYTES = 65536 };

struct running {
    struct exchange ex; /* first */
    struct exchange_order order;
    LIST_ENTRY(running) link;
    struct runner *runner;
    struct run *run; /* owned until over */
    struct tuning *tuning;
    size_t fed; /* of the input */
    bool is_paused, is_fed;
    bool is_own;       /* weir answered itself */
    bool is_too_large; /* the exchange is to be ended in another turn */
};

static const struct exchange_front front;

static struct running *of(struct exchange *ex)
{
    return ex->client;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void free_running(struct loop_garbage *garbage)
{
    struct exchange *ex = (struct exchange *)((char *)garbage - offsetof(struct exchange, garbage));

    free(ex); /* the first member */
}

/* Hands the run back; what remains is freed when no event of the turn can name it. */
static void end(struct running *r, enum run_end how)
{
    struct runner *runner = r->runner;
    struct run *run = r->run;

    r->run = NULL;
    run->end = how;
    LIST_REMOVE(r, link);
    runner->nr--;
    tuning_unref(&r->tuning);
    loop_discard(&runner->worker->loop, &r->ex.garbage, free_running);
    if (!runbox_post_take(runner->home, run))
        run_free(&run);
    if (runner->nr == 0 && runner->on_empty)
        runner->on_empty(runner);
}

static enum run_end judge(const struct running *r)
{
    if (r->is_too_large)
        return RUN_TOO_LARGE;
    if (!r->is_own)
        return RUN_ANSWERED;
    if (!r->run->table)
        return RUN_REFUSED;
    return r->ex.outcome == METRICS_ERROR_OVERLOAD ? RUN_NO_ROOM : RUN_NO_ANSWER;
}

static void over(struct exchange *ex)
{
    struct running *r = of(ex);

    r->run->status = ex->status;
    r->run->is_function_error |= ex->is_function_error;
    end(r, judge(r));
}

/* ---- The response ---------------------------------------------------------------------------- */

static int on_interim(struct exchange *ex, const struct head *head)
{
    (void)ex;
    (void)head;
    return 0;
}

static int on_head(struct exchange *ex, const struct head *head, enum body_kind body)
{
    const struct str name = STR("x-amz-function-error");

    (void)body;
    for (int i = 0; i < head->nr_fields; i++)
        if (head->fields[i].name_len == name.n && str_ieq(head_name(head, &head->fields[i]), name))
            of(ex)->run->is_function_error = true;
    return 0;
}

static int keep_body(struct run *run, struct str span)
{
    char *body = realloc(run->body, run->body_bytes + span.n + 1);

    if (!body)
        return -1;
    if (span.n > 0)
        memcpy(body + run->body_bytes, span.p, span.n);
    run->body = body;
    run->body_bytes += span.n;
    body[run->body_bytes] = '\0';
    return 0;
}

static int on_body(struct exchange *ex, struct str span)
{
    struct running *r = of(ex);

    if (r->is_too_large)
        return 1;
    if (span.n <= r->run->max_bytes - r->run->body_bytes && keep_body(r->run, span) == 0)
        return 0;
    r->is_too_large = true;
    runbox_nudge(&r->runner->box);
    return 1;
}

static int on_flush(struct exchange *ex)
{
    return of(ex)->is_too_large;
}

static void on_end(struct exchange *ex, struct str trailers)
{
    (void)ex;
    (void)trailers;
}

static void on_error(struct exchange *ex, int status, const char *type, const char *message)
{
    struct running *r = of(ex);

    (void)status; /* the exchange has it */
    r->is_own = true;
    r->run->body_bytes = 0;
    snprintf(r->run->type, sizeof(r->run->type), "%s", type ? type : "");
    snprintf(r->run->reason, sizeof(r->run->reason), "%s", message ? message : "");
}

static bool on_retract(struct exchange *ex)
{
    of(ex)->run->body_bytes = 0;
    return true; /* nobody has seen it */
}

static void on_cut(struct exchange *ex)
{
    on_error(ex, 0, "BadGatewayException", "The response was cut off.");
    ex->status = 502;
}

static void on_pause(struct exchange *ex)
{
    of(ex)->is_paused = true;
}

static void on_resume(struct exchange *ex)
{
    struct running *r = of(ex);

    r->is_paused = false;
    if (!r->is_fed)
        runbox_nudge(&r->runner->box);
}

static void on_tunnel(struct exchange *ex)
{
    (void)ex;
    assert(!"an execution asks for no upgrade");
}

static const struct exchange_front front = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
    .error = on_error,
    .retract = on_retract,
    .cut = on_cut,
    .pause = on_pause,
    .resume = on_resume,
    .tunnel = on_tunnel,
    .over = over,
};

/* ---- The request ----------------------------------------------------------------------------- */

/* Over by the time that it returns, perhaps. */
static void feed(struct running *r)
{
    while (!r->is_fed && !r->is_paused && r->ex.state != EXCHANGE_OVER) {
        size_t rest = r->run->input_bytes - r->fed;
        struct str piece = {(const char *)r->run->input + r->fed,
                            rest < FEED_BYTES ? rest : FEED_BYTES};

        r->fed += piece.n;
        r->is_fed = piece.n == rest;
        if (piece.n > 0)
            exchange_body(&r->ex, piece);
        if (r->is_fed && r->ex.state != EXCHANGE_OVER)
            exchange_end(&r->ex, STR(""));
        exchange_flush(&r->ex);
    }
}

static size_t write_head(char *p, const struct run *run)
{
    bool is_function = !run->table;
    int n = snprintf(p, HEAD_MAX,
                     "POST %s%s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
                     "%sContent-Length: %zu\r\n\r\n",
                     is_function ? "/2015-03-31/functions/" : "/", is_function ? run->function : "",
                     is_function ? "/invocations" : "", run->content_type, run->fields,
                     run->input_bytes);

    return n > 0 && n < HEAD_MAX ? (size_t)n : 0;
}

static void start(struct running *r)
{
    static const struct head_limits limits = {
        .line_bytes = HEAD_MAX, .header_bytes = HEAD_MAX, .header_count = FIELDS_MAX};
    struct worker *w = r->runner->worker;
    const struct request_caller from = {.is_tls = false};
    struct http1 parser;
    char text[HEAD_MAX];
    size_t n = write_head(text, r->run);

    http1_init_request(&parser, &w->request_head, &limits);
    if (n == 0 || http1_head_feed(&parser, text, n) != HTTP1_HEAD) {
        on_error(&r->ex, 500, "InternalFailure", "The request cannot be written.");
        end(r, RUN_REFUSED);
    } else if (exchange_start(&r->ex, &w->request_head, &from) == 0) {
        feed(r);
    }
    http1_fini(&parser);
}

static struct running *make(struct runner *runner, struct run *run)
{
    struct worker *w = runner->worker;
    struct running *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->run = run;
    r->runner = runner;
    r->tuning = tuning_ref(w->tuning);
    r->order = (struct exchange_order){
        .request_id = {run->id, ID_LENGTH},
        .function = str_of(run->function),
        .qualifier = str_of(run->qualifier),
        .version = str_of(run->version),
        .table = run->table,
        .limit_ms = run->limit_ms,
        .is_execution = true,
        .attempt = 1,
    };
    r->ex.worker = w;
    r->ex.front = &front;
    r->ex.client = r;
    r->ex.order = &r->order;
    r->ex.tuning = r->tuning;
    LIST_INSERT_HEAD(&runner->list, r, link);
    runner->nr++;
    return r;
}

static void take(struct runbox *box, struct run *run)
{
    struct runner *runner = (struct runner *)box;
    bool is_stopped = atomic_load(&run->is_stopped);
    struct running *r = is_stopped ? NULL : make(runner, run);

    if (r) {
        start(r);
        return;
    }
    run->end = is_stopped ? RUN_CUT : RUN_NO_ROOM;
    if (!runbox_post_take(runner->home, run))
        run_free(&run);
}

/* What was stopped, what has said too much, and what waits for the endpoint to take more. */
static void turn(struct runbox *box)
{
    struct runner *runner = (struct runner *)box;
    struct running *r, *next;

    for (r = LIST_FIRST(&runner->list); r; r = next) {
        next = LIST_NEXT(r, link);
        if (r->is_too_large || atomic_load(&r->run->is_stopped)) {
            r->run->status = r->ex.status;
            exchange_abort(&r->ex, METRICS_ERROR_CLIENT_ABORT);
            end(r, r->is_too_large ? RUN_TOO_LARGE : RUN_CUT);
        } else if (!r->is_fed) {
            feed(r);
        }
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

int runner_open(struct runner *runner, struct worker *worker, struct runners *home)
{
    runner->box.take = take;
    runner->box.turn = turn;
    runner->worker = worker;
    runner->home = &home->box;
    LIST_INIT(&runner->list);
    return runbox_open(&runner->box, &worker->loop);
}

void runner_abort(struct runner *runner)
{
    while (!LIST_EMPTY(&runner->list)) {
        struct running *r = LIST_FIRST(&runner->list);

        exchange_abort(&r->ex, METRICS_ERROR_DRAIN_TIMEOUT);
        end(r, RUN_CUT);
    }
}

void runner_close(struct runner *runner)
{
    runbox_close(&runner->box, runner->home);
}

static void take_back(struct runbox *box, struct run *run)
{
    (void)box;
    run->over(run);
}

int runner_home_open(struct runners *runners, struct loop *loop)
{
    runners->box.take = take_back;
    return runbox_open(&runners->box, loop) < 0 ? -1 : 0;
}

int runner_home_add(struct runners *runners, struct runner *runner)
{
    struct runner **list = reallocarray(runners->list, (size_t)runners->nr + 1, sizeof(list[0]));

    if (!list)
        return -1;
    runners->list = list;
    list[runners->nr++] = runner;
    return 0;
}

void runner_home_run(struct runners *runners, struct run *run)
{
    struct runner *runner = runners->nr > 0 ? runners->list[runners->next] : NULL;

    if (runner) {
        runners->next = (runners->next + 1) % runners->nr;
        run->home = runner;
        if (runbox_post_take(&runner->box, run))
            return;
    }
    run->end = RUN_CUT; /* weir ends, or has not begun */
    run->home = NULL;
    if (!runbox_post_take(&runners->box, run))
        run_free(&run);
}

void runner_home_stop(struct runners *runners, struct run *run)
{
    struct runner *runner = run->home;

    (void)runners;
    atomic_store(&run->is_stopped, true);
    if (runner)
        runbox_nudge(&runner->box);
}

void runner_home_settle(struct runners *runners)
{
    if (runners->box.loop)
        runbox_empty(&runners->box);
}

void runner_home_close(struct runners *runners)
{
    runbox_close(&runners->box, NULL);
}

void runner_home_fini(struct runners *runners)
{
    free(runners->list);
    runners->list = NULL;
    runners->nr = 0;
}
