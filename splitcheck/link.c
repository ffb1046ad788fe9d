/* A connection. The socket is a wire, an object of its own: libuv closes it in its own time, while
 * the link has a new one already. */
#include "splitcheck/link.h"

#include <assert.h>
#include <errno.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 65536, WHY_BYTES = 160 };

struct wire {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct link *link; /* NULL: given up, closing */
    struct secure *secure;
    bool is_ready;  /* for requests */
    bool is_reused; /* it has carried an answer before */
};

struct writing {
    uv_write_t write;
    char bytes[];
};

struct link {
    uv_loop_t *loop;
    const struct link_rules *rules;
    const struct link_hooks *hooks;
    void *owner;
    struct wire *wire;  /* NULL: none */
    struct str request; /* that waits for its answer; empty: none */
    llhttp_t parser;
    struct link_answer answer;
    char field[ASKED_NAME_BYTES + 64]; /* the name of the header field that is being read */
    size_t field_n, value_n;
    bool is_field_done, is_version_field, is_complete, keeps, has_bytes;
    char *body;
    size_t body_n;
};

/* ---- The answer ------------------------------------------------------------------------------ */

/* Takes blanks off both ends. */
static void trim(char *text)
{
    size_t n = strlen(text), from = strspn(text, " \t");

    while (n > from && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    memmove(text, text + from, n - from);
    text[n - from] = '\0';
}

static int on_message_begin(llhttp_t *parser)
{
    struct link *link = parser->data;

    link->answer = (struct link_answer){0};
    link->field_n = link->value_n = link->body_n = 0;
    link->is_field_done = link->is_version_field = false;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *p, size_t n)
{
    struct link *link = parser->data;

    if (link->is_field_done)
        link->field_n = 0;
    link->is_field_done = false;
    if (n > sizeof(link->field) - link->field_n)
        n = sizeof(link->field) - link->field_n;
    memcpy(link->field + link->field_n, p, n);
    link->field_n += n;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *p, size_t n)
{
    struct link *link = parser->data;

    if (!link->is_field_done) {
        link->is_field_done = true;
        /* Of several fields the first counts. */
        link->is_version_field =
            !link->answer.has_version && link->rules->version_header &&
            str_ieq((struct str){link->field, link->field_n}, str_of(link->rules->version_header));
        link->value_n = 0;
    }
    if (!link->is_version_field)
        return 0;
    if (n > ASKED_NAME_BYTES - 1 - link->value_n)
        n = ASKED_NAME_BYTES - 1 - link->value_n;
    memcpy(link->answer.version + link->value_n, p, n);
    link->value_n += n;
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct link *link = parser->data;

    if (link->is_version_field) {
        link->answer.version[link->value_n] = '\0';
        trim(link->answer.version);
        link->answer.has_version = link->answer.version[0] != '\0';
        link->is_version_field = false;
    }
    return 0;
}

static int on_body(llhttp_t *parser, const char *p, size_t n)
{
    struct link *link = parser->data;

    if (!link->rules->version_body)
        return 0;
    if (!link->body)
        link->body = malloc(LINK_BODY_MAX + 1);
    if (!link->body)
        return -1;
    if (n > LINK_BODY_MAX - link->body_n)
        n = LINK_BODY_MAX - link->body_n;
    memcpy(link->body + link->body_n, p, n);
    link->body_n += n;
    return 0;
}

static void match_body(struct link *link)
{
    regmatch_t found[2] = {{.rm_so = -1}, {.rm_so = -1}};
    const regmatch_t *part;
    size_t n;

    if (!link->body)
        return;
    link->body[link->body_n] = '\0';
    if (regexec(link->rules->version_body, link->body, 2, found, 0) != 0)
        return;
    part = link->rules->version_body->re_nsub > 0 ? &found[1] : &found[0];
    if (part->rm_so < 0 || part->rm_eo == part->rm_so)
        return;
    n = (size_t)(part->rm_eo - part->rm_so);
    if (n > ASKED_NAME_BYTES - 1)
        n = ASKED_NAME_BYTES - 1;
    memcpy(link->answer.version, link->body + part->rm_so, n);
    link->answer.version[n] = '\0';
    link->answer.has_version = true;
}

static int on_message_complete(llhttp_t *parser)
{
    struct link *link = parser->data;

    link->answer.status = llhttp_get_status_code(parser);
    if (link->answer.status < 200 && link->answer.status != 101)
        return 0; /* an interim one (RFC 9110 section 15.2): the answer follows */
    if (link->rules->version_body)
        match_body(link);
    link->is_complete = true;
    link->keeps = llhttp_should_keep_alive(parser) && !parser->upgrade;
    return HPE_PAUSED;
}

static const llhttp_settings_t *parser_settings(void)
{
    static llhttp_settings_t settings;

    if (!settings.on_message_complete) {
        llhttp_settings_init(&settings);
        settings.on_message_begin = on_message_begin;
        settings.on_header_field = on_header_field;
        settings.on_header_value = on_header_value;
        settings.on_header_value_complete = on_header_value_complete;
        settings.on_body = on_body;
        settings.on_message_complete = on_message_complete;
    }
    return &settings;
}

/* ---- The wire -------------------------------------------------------------------------------- */

static void on_wire_closed(uv_handle_t *handle)
{
    struct wire *wire = handle->data;

    secure_free(wire->secure);
    free(wire);
}

static void wire_give_up(struct wire **address)
{
    struct wire *wire = *address;

    *address = NULL;
    if (!wire)
        return;
    wire->link = NULL;
    uv_close((uv_handle_t *)&wire->tcp, on_wire_closed);
}

/* Ends the wire, then tells the owner; nothing of the link is touched behind that. */
static void fail(struct link *link, const char *why)
{
    bool untouched = link->wire && link->wire->is_reused && !link->has_bytes;
    char text[WHY_BYTES];

    snprintf(text, sizeof(text), "%s", why);
    wire_give_up(&link->wire);
    link->request = (struct str){0};
    link->hooks->on_failed(link->owner, text, untouched);
}

static void finish(struct link *link, bool has_stray)
{
    struct link_answer answer = link->answer;

    if (link->keeps && !link->rules->once && !has_stray && link->wire)
        link->wire->is_reused = true;
    else
        wire_give_up(&link->wire);
    link->request = (struct str){0};
    link->hooks->on_answer(link->owner, &answer);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* the reading side learns of it, too */
    free(write->data);
}

static bool send_bytes(struct wire *wire, const char *p, size_t n)
{
    struct writing *writing = malloc(sizeof(*writing) + n);
    uv_buf_t buf;

    if (!writing)
        return false;
    memcpy(writing->bytes, p, n);
    writing->write.data = writing;
    buf = uv_buf_init(writing->bytes, (unsigned)n);
    if (uv_write(&writing->write, (uv_stream_t *)&wire->tcp, &buf, 1, on_written) < 0) {
        free(writing);
        return false;
    }
    return true;
}

/* What TLS has made for the network. */
static bool flush(struct wire *wire)
{
    static char bytes[READ_BYTES];
    size_t n;

    while ((n = secure_drain(wire->secure, bytes, sizeof(bytes))) > 0)
        if (!send_bytes(wire, bytes, n))
            return false;
    return true;
}

static bool send_request(struct link *link)
{
    struct wire *wire = link->wire;

    if (!wire->secure)
        return send_bytes(wire, link->request.p, link->request.n);
    return secure_write(wire->secure, link->request.p, link->request.n) && flush(wire);
}

/* Plain bytes of the server. False where that was the end of the wire. */
static bool take_plain(struct link *link, const char *p, size_t n, bool *has_stray)
{
    enum llhttp_errno r;

    if (link->request.n == 0 || link->is_complete) {
        *has_stray = true;
        return true;
    }
    link->has_bytes = true;
    r = llhttp_execute(&link->parser, p, n);
    if (link->is_complete) {
        *has_stray = r != HPE_PAUSED || llhttp_get_error_pos(&link->parser) != p + n;
        return true;
    }
    if (r == HPE_OK)
        return true;
    return false;
}

/* Goes on with the TLS of the wire: handshake, then all plain bytes that there are. NULL, or why it
 * failed. */
static const char *take_secure(struct link *link, const char *p, size_t n, bool *has_stray)
{
    static char plain[READ_BYTES];
    struct wire *wire = link->wire;
    long got;

    if (!secure_feed(wire->secure, p, n))
        return "out of memory";
    if (!wire->is_ready) {
        int r = secure_handshake(wire->secure);

        if (!flush(wire))
            return "the connection cannot be written to";
        if (r < 0)
            return secure_why(wire->secure);
        if (r == 0)
            return NULL;
        wire->is_ready = true;
        if (!send_request(link))
            return "the connection cannot be written to";
    }
    while ((got = secure_read(wire->secure, plain, sizeof(plain))) > 0)
        if (!take_plain(link, plain, (size_t)got, has_stray))
            return "the answer is not HTTP";
    if (got == 0)
        return NULL;
    /* The end of TLS is the end of a body without a length. */
    if (link->request.n > 0 && !link->is_complete)
        llhttp_finish(&link->parser);
    link->keeps = false;
    return link->is_complete ? NULL : "the connection ended before the answer did";
}

/* The server has ended the wire, or it broke. */
static void take_end(struct link *link, const char *why)
{
    if (link->request.n == 0) {
        wire_give_up(&link->wire);
        return;
    }
    if (link->has_bytes && strcmp(why, uv_strerror(UV_EOF)) == 0)
        llhttp_finish(&link->parser); /* completes a body without a length */
    if (link->is_complete) {
        link->keeps = false;
        finish(link, false);
        return;
    }
    fail(link, link->has_bytes ? "the connection ended before the answer did" : why);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[READ_BYTES]; /* each read is done with before the next */

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct wire *wire = stream->data;
    struct link *link = wire->link;
    const char *wrong = NULL;
    bool has_stray = false;

    if (!link || n == 0)
        return;
    if (n < 0) {
        take_end(link, uv_strerror((int)n));
        return;
    }
    if (wire->secure)
        wrong = take_secure(link, buf->base, (size_t)n, &has_stray);
    else if (!take_plain(link, buf->base, (size_t)n, &has_stray))
        wrong = "the answer is not HTTP";
    if (link->is_complete && link->request.n > 0)
        finish(link, has_stray);
    else if (wrong && link->request.n > 0)
        fail(link, wrong);
    else if (wrong || has_stray)
        wire_give_up(&link->wire);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct wire *wire = connect->data;
    struct link *link = wire->link;

    if (!link)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&wire->tcp, on_room, on_read);
    if (status < 0) {
        fail(link, uv_strerror(status));
        return;
    }
    if (wire->secure) {
        if (secure_handshake(wire->secure) < 0 || !flush(wire))
            fail(link, "the handshake cannot begin");
        return;
    }
    wire->is_ready = true;
    if (!send_request(link))
        fail(link, "the connection cannot be written to");
}

static const char *connect_wire(struct link *link)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    int r;

    if (!wire)
        return "out of memory";
    if (link->rules->secure) {
        wire->secure = secure_make(link->rules->secure);
        if (!wire->secure) {
            free(wire);
            return "out of memory";
        }
    }
    uv_tcp_init(link->loop, &wire->tcp);
    wire->tcp.data = wire->connect.data = wire;
    uv_tcp_nodelay(&wire->tcp, 1);
    r = uv_tcp_connect(&wire->connect, &wire->tcp, (const struct sockaddr *)&link->rules->address,
                       on_connected);
    if (r < 0) {
        wire_give_up(&wire);
        return uv_strerror(r);
    }
    wire->link = link;
    link->wire = wire;
    return NULL;
}

/* Whether the server has ended the idle wire already, though the loop has not told yet. */
static bool has_ended(struct wire *wire)
{
    uv_os_fd_t fd;
    char byte;
    ssize_t n;

    if (uv_fileno((uv_handle_t *)&wire->tcp, &fd) < 0)
        return true;
    n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        return wire->secure == NULL; /* tickets of a session may come at any time */
    return n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* ---- For the owner --------------------------------------------------------------------------- */

struct link *link_make(uv_loop_t *loop, const struct link_rules *rules,
                       const struct link_hooks *hooks, void *owner)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link)
        return NULL;
    link->loop = loop;
    link->rules = rules;
    link->hooks = hooks;
    link->owner = owner;
    return link;
}

const char *link_ask(struct link *link, struct str request)
{
    const char *wrong = NULL;

    assert(link->request.n == 0 && request.n > 0);
    if (link->wire && has_ended(link->wire))
        wire_give_up(&link->wire);
    llhttp_init(&link->parser, HTTP_RESPONSE, parser_settings());
    link->parser.data = link;
    link->is_complete = link->keeps = link->has_bytes = false;
    link->request = request;
    if (!link->wire)
        wrong = connect_wire(link);
    else if (!send_request(link))
        wrong = "the connection cannot be written to";
    if (wrong) {
        link->request = (struct str){0};
        wire_give_up(&link->wire);
    }
    return wrong;
}

void link_drop(struct link *link)
{
    wire_give_up(&link->wire);
    link->request = (struct str){0};
}

void link_free(struct link *link)
{
    if (!link)
        return;
    link_drop(link);
    free(link->body);
    free(link);
}
