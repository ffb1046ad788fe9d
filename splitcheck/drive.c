/* Requests are numbered from 0 and sent in that order; a lane is a connection that carries one at a
 * time. Each number counts once: as an answer that names its version or as an error. */
#include "splitcheck/drive.h"

#include <assert.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "splitcheck/link.h"

/* After so many failures behind each other the server has gone: fewer where it was never there, or
 * lets each wait for its timeout. */
enum { FAILURES_MAX = 100, FAILURES_AT_FIRST = 3, TIMEOUTS_MAX = 3 };
enum { TICK_MS = 50, PROGRESS_PARTS = 10 };

struct lane {
    struct drive *drive;
    struct link *link;
    struct lane *next;                /* of those that are idle */
    uint64_t number, due_ns, sent_ns; /* which request, and since when it counts and waits */
    char *request;
    size_t request_n;
    bool is_busy, is_resent;
};

struct drive {
    const struct drive_terms *terms;
    const struct asked *asked;
    struct sample *sample;
    struct link_rules rules;
    struct lane *lanes, *idle;
    uint64_t sent, done, barrier; /* requests; the next reload comes behind this many */
    uint64_t in_flight, failures, timeouts, told;
    uint64_t start_ns, pause_ns; /* of the open loop's schedule; when the reload began */
    bool has_answer, is_reloading, is_over;
    uv_timer_t tick, due;
    char last[DRIVE_WHY_BYTES]; /* why the last request failed */
};

static char why_text[2 * DRIVE_WHY_BYTES];
static bool has_why;

static void pump(struct drive *drive);

/* The first reason counts. */
static void stop(struct drive *drive, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void stop(struct drive *drive, const char *format, ...)
{
    va_list list;

    drive->is_over = true;
    if (has_why)
        return;
    has_why = true;
    va_start(list, format);
    vsnprintf(why_text, sizeof(why_text), format, list);
    va_end(list);
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Closes all that keeps the loop alive. Links go in drive_run, as this may run inside of one. */
static void end_loop(struct drive *drive)
{
    if (uv_is_closing((uv_handle_t *)&drive->tick))
        return;
    uv_close((uv_handle_t *)&drive->tick, NULL);
    uv_close((uv_handle_t *)&drive->due, NULL);
    for (uint32_t i = 0; i < drive->asked->connections; i++) {
        drive->sample->errors += drive->lanes[i].is_busy;
        link_drop(drive->lanes[i].link);
    }
    if (drive->terms->on_end)
        drive->terms->on_end(drive->terms->end_ctx);
}

static void tell(struct drive *drive)
{
    uint64_t part = drive->done * PROGRESS_PARTS / drive->asked->requests;

    if (!drive->terms->progress || part == drive->told)
        return;
    drive->told = part;
    fprintf(drive->terms->progress, "weir splitcheck: %llu of %llu requests, %llu errors\n",
            (unsigned long long)drive->done, (unsigned long long)drive->asked->requests,
            (unsigned long long)drive->sample->errors);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static char *compose(const struct asked *asked, uint64_t number, size_t *length)
{
    char key[160] = "", more[96] = "", *text = NULL;
    int n;

    if (asked->keys > 0)
        snprintf(key, sizeof(key), "%.100s: key-%llu\r\n", asked->key_header,
                 (unsigned long long)(number % asked->keys + 1));
    if (asked->data)
        snprintf(more, sizeof(more), "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                 asked->data_bytes);
    n = asprintf(&text,
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: weir-splitcheck\r\nAccept: */*\r\n"
                 "%s%s%s\r\n",
                 asked->data ? "POST" : "GET", asked->url.target, asked->url.authority, key, more,
                 asked->reconnects ? "Connection: close\r\n" : "");
    if (n < 0)
        return NULL;
    if (asked->data) {
        char *grown = realloc(text, (size_t)n + asked->data_bytes);

        if (!grown) {
            free(text);
            return NULL;
        }
        text = grown;
        memcpy(text + n, asked->data, asked->data_bytes);
        n += (int)asked->data_bytes;
    }
    *length = (size_t)n;
    return text;
}

/* The request of the lane is done with, one way or the other. */
static void release(struct lane *lane)
{
    struct drive *drive = lane->drive;

    free(lane->request);
    lane->request = NULL;
    lane->is_busy = false;
    lane->next = drive->idle;
    drive->idle = lane;
    drive->in_flight--;
    drive->done++;
    tell(drive);
}

static void count_error(struct lane *lane, const char *why)
{
    struct drive *drive = lane->drive;

    drive->sample->errors++;
    snprintf(drive->last, sizeof(drive->last), "%s", why);
    release(lane);
}

static void count_failure(struct lane *lane, const char *why)
{
    struct drive *drive = lane->drive;
    uint64_t most = drive->has_answer ? FAILURES_MAX : FAILURES_AT_FIRST;

    count_error(lane, why);
    if (++drive->failures >= most || drive->timeouts >= TIMEOUTS_MAX)
        stop(drive, "%s does not answer: %s", drive->asked->text_url, why);
}

static void on_answer(void *owner, const struct link_answer *answer)
{
    struct lane *lane = owner;
    struct drive *drive = lane->drive;
    double ms = (double)(uv_hrtime() - lane->due_ns) / 1e6;
    char why[DRIVE_WHY_BYTES];

    drive->has_answer = true;
    drive->failures = drive->timeouts = 0;
    if (answer->has_version) {
        sample_add(drive->sample, sample_arm(drive->sample, answer->version), ms, lane->number);
        release(lane);
    } else {
        snprintf(why, sizeof(why), "an answer with status %d names no version in its %s%.100s",
                 answer->status, drive->asked->has_version_body ? "body" : "field ",
                 drive->asked->has_version_body ? "" : drive->asked->version_header);
        count_error(lane, why);
    }
    pump(drive);
}

static void on_failed(void *owner, const char *why, bool untouched)
{
    struct lane *lane = owner;

    if (untouched && !lane->is_resent) {
        const char *wrong;

        lane->is_resent = true;
        lane->sent_ns = uv_hrtime();
        lane->drive->sample->resent++;
        wrong = link_ask(lane->link, (struct str){lane->request, lane->request_n});
        if (!wrong)
            return;
        why = wrong;
    }
    count_failure(lane, why);
    pump(lane->drive);
}

static const struct link_hooks hooks = {on_answer, on_failed};

/* ---- Reloads --------------------------------------------------------------------------------- */

static void reload_done(struct drive *drive)
{
    drive->is_reloading = false;
    drive->barrier += drive->asked->reload_every;
    drive->start_ns += uv_hrtime() - drive->pause_ns;
    pump(drive);
}

static void on_child_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_child_end(uv_process_t *child, int64_t status, int signal)
{
    struct drive *drive = child->data;

    uv_close((uv_handle_t *)child, on_child_closed);
    if (status != 0 || signal != 0) {
        stop(drive, "the reload command ended with %s %d: %s", signal ? "signal" : "status",
             signal ? signal : (int)status, drive->asked->reload_command);
        end_loop(drive);
        return;
    }
    reload_done(drive);
}

/* What the command prints goes to standard error: standard output is the result's. */
static void reload(struct drive *drive)
{
    char *arguments[] = {"sh", "-c", (char *)drive->asked->reload_command, NULL};
    uv_stdio_container_t streams[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {.exit_cb = on_child_end,
                                    .file = "sh",
                                    .args = arguments,
                                    .stdio_count = 3,
                                    .stdio = streams};
    uv_process_t *child;
    int r;

    drive->is_reloading = true;
    drive->pause_ns = uv_hrtime();
    if (drive->terms->reload) {
        drive->terms->reload(drive->terms->reload_ctx);
        reload_done(drive);
        return;
    }
    child = calloc(1, sizeof(*child));
    if (!child) {
        stop(drive, "out of memory");
        return;
    }
    child->data = drive;
    r = uv_spawn(drive->terms->loop, child, &options);
    if (r < 0) {
        uv_close((uv_handle_t *)child, on_child_closed);
        stop(drive, "sh cannot be started for the reload command: %s", uv_strerror(r));
    }
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void begin(struct drive *drive, uint64_t due_ns)
{
    struct lane *lane = drive->idle;
    const char *wrong = "out of memory";

    drive->idle = lane->next;
    lane->is_busy = true;
    lane->is_resent = false;
    lane->number = drive->sent++;
    lane->due_ns = due_ns;
    lane->sent_ns = uv_hrtime();
    drive->sample->requests++;
    drive->in_flight++;
    lane->request = compose(drive->asked, lane->number, &lane->request_n);
    if (lane->request)
        wrong = link_ask(lane->link, (struct str){lane->request, lane->request_n});
    if (wrong)
        count_failure(lane, wrong);
}

static void on_due(uv_timer_t *timer)
{
    pump(timer->data);
}

/* When the next request is due in the open loop; it counts from then. */
static uint64_t next_due_ns(const struct drive *drive)
{
    return drive->start_ns + (uint64_t)((double)drive->sent / drive->asked->rate * 1e9);
}

/* Begins all requests that may begin now; ends what is over. */
static void pump(struct drive *drive)
{
    const struct asked *asked = drive->asked;

    while (!drive->is_over && !drive->is_reloading && drive->idle &&
           drive->sent < asked->requests) {
        uint64_t now = uv_hrtime();

        if (drive->sent == drive->barrier) {
            if (drive->in_flight == 0)
                reload(drive);
            break;
        }
        if (asked->rate > 0) {
            uint64_t due = next_due_ns(drive);

            if (due > now) {
                uv_timer_start(&drive->due, on_due, (due - now + 999999) / 1000000, 0);
                break;
            }
            now = due;
        }
        begin(drive, now);
    }
    if (drive->is_over || drive->done == asked->requests)
        end_loop(drive);
}

static void on_tick(uv_timer_t *timer)
{
    struct drive *drive = timer->data;
    uint64_t now = uv_hrtime(), limit = (uint64_t)drive->asked->timeout_ms * 1000000;

    for (uint32_t i = 0; i < drive->asked->connections && !drive->is_over; i++) {
        struct lane *lane = &drive->lanes[i];
        char why[64];

        if (!lane->is_busy || now < lane->sent_ns + limit)
            continue;
        link_drop(lane->link);
        drive->timeouts++;
        snprintf(why, sizeof(why), "no answer within %g s", drive->asked->timeout_ms / 1000.0);
        count_failure(lane, why);
    }
    pump(drive);
}

/* ---- The server's address -------------------------------------------------------------------- */

/* Of several addresses the first that takes a connection. */
static bool takes_connection(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool takes = fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0;

    if (fd >= 0)
        close(fd);
    return takes;
}

static bool find_server(struct drive *drive)
{
    const struct asked_url *url = &drive->asked->url;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *list = NULL, *a;
    int r = getaddrinfo(url->host, url->port, &wanted, &list);

    if (r != 0) {
        stop(drive, "%s: %s", url->host, gai_strerror(r));
        return false;
    }
    a = list;
    if (list->ai_next)
        while (a->ai_next && !takes_connection(a))
            a = a->ai_next;
    assert(a->ai_addrlen <= sizeof(drive->rules.address));
    memcpy(&drive->rules.address, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(list);
    return true;
}

static bool prepare(struct drive *drive)
{
    const struct asked *asked = drive->asked;

    if (!find_server(drive))
        return false;
    drive->rules.version_header = asked->has_version_body ? NULL : asked->version_header;
    drive->rules.version_body = asked->has_version_body ? &asked->version_body : NULL;
    drive->rules.once = asked->reconnects;
    drive->lanes = calloc(asked->connections, sizeof(drive->lanes[0]));
    if (drive->lanes && asked->url.is_tls)
        drive->rules.secure = secure_rules_make(asked->url.host, asked->verifies);
    if (!drive->lanes || (asked->url.is_tls && !drive->rules.secure)) {
        stop(drive, "out of memory");
        return false;
    }
    for (uint32_t i = asked->connections; i-- > 0;) {
        struct lane *lane = &drive->lanes[i];

        lane->drive = drive;
        lane->link = link_make(drive->terms->loop, &drive->rules, &hooks, lane);
        if (!lane->link) {
            stop(drive, "out of memory");
            return false;
        }
        lane->next = drive->idle;
        drive->idle = lane;
    }
    return true;
}

static void run_loop(struct drive *drive)
{
    uv_loop_t *loop = drive->terms->loop;

    uv_timer_init(loop, &drive->tick);
    uv_timer_init(loop, &drive->due);
    drive->tick.data = drive->due.data = drive;
    uv_timer_start(&drive->tick, on_tick, TICK_MS, TICK_MS);
    drive->start_ns = uv_hrtime();
    drive->barrier = drive->asked->reload_every > 0 ? drive->asked->reload_every : UINT64_MAX;
    pump(drive);
    uv_run(loop, UV_RUN_DEFAULT);
}

const char *drive_run(const struct drive_terms *terms, struct sample *sample)
{
    struct drive drive = {.terms = terms, .asked = terms->asked, .sample = sample};

    has_why = false;
    if (prepare(&drive))
        run_loop(&drive);
    else if (terms->on_end)
        terms->on_end(terms->end_ctx);
    for (uint32_t i = 0; drive.lanes && i < drive.asked->connections; i++) {
        free(drive.lanes[i].request);
        link_free(drive.lanes[i].link);
    }
    uv_run(terms->loop, UV_RUN_DEFAULT);
    sample_seal(sample);
    free(drive.lanes);
    secure_rules_free((struct secure_rules *)drive.rules.secure);
    if (!has_why && sample->nr_answers == 0)
        stop(&drive, "no answer of %s could be counted: %s", drive.asked->text_url, drive.last);
    else if (!has_why && sample->errors * 2 > sample->requests)
        stop(&drive, "more than half of the requests are errors; the last: %s", drive.last);
    return has_why ? why_text : NULL;
}
