/* A worker, settings and an endpoint, as far as writers of heads need them; then message, text,
 * message again. */
#include "tests/fuzz/crossing.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proxy/client/respond_head.h"
#include "proxy/exchange/request.h"
#include "tests/fuzz/fuzz.h"

#define EXECUTED "x-amz-executed-version"

const struct head_limits crossing_limits = {.line_bytes = 600,
                                            .header_bytes = 3000,
                                            .header_count = 24,
                                            .own_field = {EXECUTED, sizeof(EXECUTED) - 1}};

/* For what weir wrote: its own fields are added to those. */
static const struct head_limits wide_limits = {
    .line_bytes = HEAD_LINE_MAX, .header_bytes = 1 << 20, .header_count = 200};

enum { HOST_OF_ORIGIN, HOST_OF_VERSION, HOST_OF_CLIENT, HOSTS };

struct world {
    struct worker worker;
    struct settings settings;
    struct tuning tuning;
    struct origin origin;
    struct version version;
    struct endpoint endpoint;
    int host;
};

static void make_world(struct world *world, uint64_t seed)
{
    static char authority[] = "origin.example:8000", host[] = "version.example";
    static char executed_line[] = EXECUTED ": ", via_line[] = "Via: 1.1 weir\r\n";
    static char certificate_name[] = "X-Client-Subject", via[] = "weir";

    memset(world, 0, sizeof(*world));
    prng_seed(&world->worker.rng, seed);
    world->worker.loop.now_ms = 1000; /* later than the Date that there is not yet */
    world->host = (int)(seed % HOSTS);
    world->tuning.trusts_all = seed & 16;
    world->settings.forwarded.via = via;
    world->tuning.settings = &world->settings;
    world->tuning.executed_line = executed_line;
    world->tuning.executed_line_len = sizeof(executed_line) - 1;
    world->tuning.executed_name_len = sizeof(executed_line) - 3;
    world->tuning.via_line = via_line;
    world->tuning.via_line_len = sizeof(via_line) - 1;
    if (seed & 32) {
        world->tuning.certificate_name = certificate_name;
        world->tuning.certificate_name_len = sizeof(certificate_name) - 1;
    }
    world->origin.authority = authority;
    world->origin.authority_len = sizeof(authority) - 1;
    world->version.host = world->host == HOST_OF_VERSION ? host : NULL;
    world->version.preserve_host = world->host == HOST_OF_CLIENT;
    world->endpoint.origin = &world->origin;
    world->endpoint.version = &world->version;
    world->endpoint.base_path = seed & 64 ? STR("/") : seed & 128 ? STR("/base") : STR("/base/");
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* The slow way, by the letter of RFC 9110 section 7.6.1: every option again for every field. */
static bool connection_lists(const struct head *head, struct str token)
{
    for (int i = 0; i < head->nr_fields; i++) {
        if (head->fields[i].id != FIELD_CONNECTION)
            continue;
        struct str list = head_value(head, &head->fields[i]);
        struct str option;
        while (fields_next_token(&list, &option))
            if (str_ieq(option, token))
                return true;
    }
    return false;
}

/* The next field from *i on that weir neither adds nor takes away on its own account. Names with an
 * underscore may be taken for such, they are left out. */
static const struct head_field *next_end_to_end(const struct head *head, const struct world *world,
                                                int *i)
{
    while (*i < head->nr_fields) {
        const struct head_field *f = &head->fields[(*i)++];
        struct str name = head_name(head, f);
        bool is_own = str_ieq(name, STR(EXECUTED)) ||
                      (world->tuning.certificate_name && str_ieq(name, STR("X-Client-Subject")));
        if ((f->id == FIELD_OTHER || f->id == FIELD_USER_AGENT) && !is_own &&
            !memchr(name.p, '_', name.n) && !connection_lists(head, name))
            return f;
    }
    return NULL;
}

static void check_same_fields(const struct head *a, const struct head *b, const struct world *world)
{
    int i = 0, j = 0;

    for (;;) {
        const struct head_field *f = next_end_to_end(a, world, &i);
        const struct head_field *g = next_end_to_end(b, world, &j);
        if (!f || !g) {
            FUZZ_CHECK(!f && !g);
            return;
        }
        FUZZ_CHECK(str_eq(head_name(a, f), head_name(b, g)));
        FUZZ_CHECK(str_eq(head_value(a, f), head_value(b, g)));
    }
}

/* Names that must not stand in what weir sends, and that must stand once. */
static int count_fields(const struct head *head, enum field_id id)
{
    int nr = 0;

    for (int i = 0; i < head->nr_fields; i++)
        nr += head->fields[i].id == id;
    return nr;
}

/* Fields named X-Forwarded-*. */
static int count_forwarded(const struct head *head)
{
    int nr = 0;

    for (int i = 0; i < head->nr_fields; i++)
        nr += fields_is_forwarded(head_name(head, &head->fields[i]));
    return nr;
}

static void check_no_hop_by_hop(const struct head *head, bool is_upgrade)
{
    FUZZ_CHECK(count_fields(head, FIELD_TE) == 0 && count_fields(head, FIELD_KEEP_ALIVE) == 0);
    FUZZ_CHECK(count_fields(head, FIELD_PROXY_CONNECTION) == 0);
    FUZZ_CHECK(count_fields(head, FIELD_PROXY_AUTHORIZATION) == 0);
    FUZZ_CHECK(count_fields(head, FIELD_HTTP2_SETTINGS) == 0);
    FUZZ_CHECK(is_upgrade || count_fields(head, FIELD_UPGRADE) == 0);
    FUZZ_CHECK(count_fields(head, FIELD_REQUEST_ID) == 1);
    FUZZ_CHECK(!head->has_connection_options);
}

/* ---- Writing a message and reading it again -------------------------------------------------- */

/* What is to be read, in one allocation as long as it is. */
static void append_body(struct transcript_text *text, struct str body, struct str trailers,
                        bool is_chunked)
{
    char size[32];

    if (!is_chunked) {
        transcript_put(text, body.p, body.n);
        return;
    }
    if (body.n > 0) {
        char *end = text_lit(text_hex(size, body.n), "\r\n");
        transcript_put(text, size, (size_t)(end - size));
        transcript_put(text, body.p, body.n);
        transcript_put(text, "\r\n", 2);
    }
    transcript_put(text, "0\r\n", 3);
    transcript_put(text, trailers.p, trailers.n);
    transcript_put(text, "\r\n", 2);
}

/* What came out on the other side. */
struct landing {
    const struct transcript_message *sent;
    const struct head *head; /* of what was sent */
    const struct world *world;
    struct str path, query;
    bool has_query, is_upgrade, is_close, is_repeat;
    int nr;
    uint64_t seed;
};

static void check_bodies(const struct landing *landing, const struct transcript_message *message)
{
    FUZZ_CHECK(landing->nr == 0); /* one message in, one out */
    FUZZ_CHECK(str_eq(message->body, landing->sent->body));
    FUZZ_CHECK(str_eq(message->trailers, landing->sent->trailers) ||
               message->body_kind != BODY_CHUNKED);
}

static struct str host_value(const struct head *head)
{
    return head->host >= 0 ? head_value(head, &head->fields[head->host]) : STR("");
}

static void check_host(const struct landing *landing, const struct head *head)
{
    const struct head *sent = landing->head;
    struct str host = host_value(sent);

    if (sent->authority_len > 0)
        host = head_at(sent, sent->authority_at, sent->authority_len);
    if (landing->world->host == HOST_OF_VERSION)
        host = str_of(landing->world->version.host);
    else if (landing->world->host == HOST_OF_ORIGIN || host.n == 0)
        host = str_of(landing->world->origin.authority);
    FUZZ_CHECK(count_fields(head, FIELD_HOST) == 1 && str_eq(host_value(head), host));
}

static void check_target(const struct landing *landing, const struct head *head)
{
    struct str base = landing->world->endpoint.base_path, path = head_path(head);

    if (base.p[base.n - 1] == '/')
        base.n--;
    FUZZ_CHECK(path.n == base.n + landing->path.n && memcmp(path.p, base.p, base.n) == 0);
    FUZZ_CHECK(memcmp(path.p + base.n, landing->path.p, landing->path.n) == 0);
    FUZZ_CHECK(head->has_query == landing->has_query);
    FUZZ_CHECK(str_eq(head_query(head), landing->query));
}

static void on_request(void *context, const struct transcript_message *message)
{
    struct landing *landing = context;
    const struct head *head = message->head, *sent = landing->head;

    FUZZ_CHECK(head && head->minor == 1 && str_eq(head_method(head), head_method(sent)));
    check_target(landing, head);
    check_host(landing, head);
    check_same_fields(sent, head, landing->world);
    check_no_hop_by_hop(head, landing->is_upgrade);
    FUZZ_CHECK(head->body == sent->body && head->content_length == sent->content_length);
    FUZZ_CHECK(head->is_upgrade == landing->is_upgrade && !head->is_close);
    /* Nothing is made up. */
    FUZZ_CHECK(count_fields(head, FIELD_TRACEPARENT) <= count_fields(sent, FIELD_TRACEPARENT));
    FUZZ_CHECK(count_fields(head, FIELD_X_FORWARDED_FOR) == 1);
    if (!landing->world->tuning.trusts_all) {
        FUZZ_CHECK(count_fields(head, FIELD_X_FORWARDED_PROTO) == 1);
        FUZZ_CHECK(count_fields(head, FIELD_X_FORWARDED_HOST) <= 1);
        FUZZ_CHECK(count_fields(head, FIELD_FORWARDED) + count_fields(head, FIELD_X_REAL_IP) == 0);
        FUZZ_CHECK(count_forwarded(head) <= 3);
    }
    check_bodies(landing, message);
    landing->nr++;
    if (!landing->is_repeat)
        crossing_request(message, landing->seed | UINT64_C(1) << 63);
}

void crossing_request(const struct transcript_message *message, uint64_t seed)
{
    static struct world worlds[2];
    bool is_repeat = seed >> 63;
    struct world *world = &worlds[is_repeat];
    const struct head *head = message->head;
    struct request_caller from = {STR("192.0.2.1"), STR("CN=client"), seed & 256, seed & 16};
    struct request_options options = {.path = head_path(head),
                                      .query = head_query(head),
                                      .has_query = head->has_query,
                                      .body_room = WORKER_BLOCK};
    struct request out;

    if (options.path.n == 0)
        options.path = STR("/");
    if (options.path.p[0] != '/' || head->is_connect ||
        (head->has_max_forwards && head->max_forwards == 0))
        return; /* refused or answered before */
    options.is_upgrade = head->is_upgrade && head->minor == 1 && head->body == BODY_NONE;
    make_world(world, seed);
    FUZZ_CHECK(request_make(&out, &world->worker, &world->tuning, head, &world->endpoint, &from,
                            &options) == 0);
    FUZZ_CHECK(out.head_at + out.head_len + options.body_room <= out.room);
    if (seed & 512)
        FUZZ_CHECK(request_retarget(&out, &world->worker, &world->endpoint) == 0);
    FUZZ_CHECK(str_eq(out.method, head_method(head)) && str_eq(out.target, head_target(head)));
    struct transcript_text text = {0};
    transcript_put(&text, out.block + out.head_at, out.head_len);
    append_body(&text, message->body, message->trailers, head->body == BODY_CHUNKED);
    struct landing landing = {
        message, head,      world, options.path, options.query, head->has_query, options.is_upgrade,
        false,   is_repeat, 0,     seed};
    struct transcript t = {.limits = &wide_limits, .on_message = on_request, .context = &landing};
    transcript_read(&t, text.p, text.n, NULL, 0);
    FUZZ_CHECK(t.error == HEAD_ERROR_NONE && t.consumed == text.n && landing.nr == 1);
    transcript_fini(&t);
    request_fini(&out, &world->worker);
    freelist_fini(&world->worker.blocks);
    free(text.p);
}

/* ---- Responses ------------------------------------------------------------------------------- */

/* As respond.c frames them. */
static void choose_framing(struct respond_head *how, const struct transcript_message *message)
{
    const struct head *head = message->head;
    bool is_told = head->body == BODY_LENGTH && head->status != 204 && head->status >= 200;

    how->has_length =
        message->body_kind == BODY_LENGTH || (message->body_kind == BODY_NONE && is_told);
    how->length = head->content_length;
    how->is_chunked = how->minor == 1 && (message->body_kind == BODY_CHUNKED ||
                                          message->body_kind == BODY_UNTIL_CLOSE);
    how->is_close |= !how->is_chunked &&
                     (message->body_kind == BODY_CHUNKED || message->body_kind == BODY_UNTIL_CLOSE);
}

static void on_response(void *context, const struct transcript_message *message)
{
    struct landing *landing = context;
    const struct head *head = message->head, *sent = landing->head;

    FUZZ_CHECK(head && head->minor == 1 && head->status == sent->status);
    FUZZ_CHECK(str_eq(head_at(head, head->reason_at, head->reason_len),
                      head_at(sent, sent->reason_at, sent->reason_len)));
    check_same_fields(sent, head, landing->world);
    if (head->status >= 200) {
        check_no_hop_by_hop(head, false);
        FUZZ_CHECK(count_fields(head, FIELD_DATE) >= 1 && head->is_close == landing->is_close);
    }
    check_bodies(landing, message);
    landing->nr++;
    if (!landing->is_repeat)
        crossing_response(message, landing->seed | UINT64_C(1) << 63);
}

void crossing_response(const struct transcript_message *message, uint64_t seed)
{
    static struct world worlds[2];
    static const char id[ID_LENGTH + 1] = "00000000-0000-4000-8000-000000000000";
    bool is_repeat = seed >> 63;
    struct world *world = &worlds[is_repeat];
    const struct head *head = message->head;
    struct respond_head how = {.executed_version = seed & 256 ? STR("$LATEST") : STR("17"),
                               .request_id = id,
                               .hsts_line =
                                   seed & 2048 ? "Strict-Transport-Security: max-age=1\r\n" : "",
                               .minor = seed & 512 ? 0 : 1,
                               .is_close = seed & 1024,
                               .is_upgrade = head->status == 101,
                               .is_interim = head->status < 200 && head->status != 101};

    make_world(world, seed);
    choose_framing(&how, message);
    size_t room = respond_head_room(&world->tuning, head, 0);
    char *written = malloc(room);
    FUZZ_CHECK(written);
    char *end = respond_head_write(written, &world->worker, &world->tuning, head, &how);
    FUZZ_CHECK((size_t)(end - written) <= room);
    struct transcript_text text = {0};
    transcript_put(&text, written, (size_t)(end - written));
    append_body(&text, message->body, message->trailers, how.is_chunked);
    struct landing landing = {.sent = message,
                              .head = head,
                              .world = world,
                              .is_close = how.is_close,
                              .is_repeat = is_repeat,
                              .seed = seed};
    struct transcript t = {.is_response = true,
                           .is_to_head = message->body_kind == BODY_NONE,
                           .limits = &wide_limits,
                           .on_message = on_response,
                           .context = &landing};
    transcript_read(&t, text.p, text.n, NULL, 0);
    FUZZ_CHECK(t.error == HEAD_ERROR_NONE && t.consumed == text.n && landing.nr == 1);
    transcript_fini(&t);
    free(written);
    free(text.p);
}
