/* A client of the admin listener: one request, one answer, then the connection ends. */
#include "proxy/server/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/credentials.h"
#include "conf/file.h"
#include "control/applied.h"
#include "control/signer.h"
#include "proxy/server/dial.h"

enum { READ_BYTES = 65536, TEXT_MAX = 256 * 1024 * 1024 };

static const char DEFAULT_ADMIN[] = "127.0.0.1:9901", DEFAULT_REGION[] = "us-east-1";

/* What proves who asks: fields of the request's head, each with its line end. */
struct proof {
    char *fields; /* NULL: nothing */
};

/* ---- Reading --------------------------------------------------------------------------------- */

typedef long read_fn(void *from, char *buf, size_t room);

static long read_stdin(void *from, char *buf, size_t room)
{
    size_t n = fread(buf, 1, room, from);

    if (n == 0 && ferror((FILE *)from))
        fprintf(stderr, "weir: standard input cannot be read: %s\n", strerror(errno));
    return n == 0 && ferror((FILE *)from) ? -1 : (long)n;
}

static long read_dial(void *from, char *buf, size_t room)
{
    return dial_read(from, buf, room);
}

/* All that comes, terminated; NULL where it cannot be read, which read tells, or is too much. */
static char *read_all(read_fn *read, void *from, size_t *length)
{
    size_t room = READ_BYTES, n = 0;
    char *text = malloc(room), *grown;
    long got;

    while (text) {
        got = read(from, text + n, room - n - 1);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n + 1 < room)
            continue;
        room *= 2;
        grown = room <= TEXT_MAX ? realloc(text, room) : NULL;
        if (!grown)
            free(text);
        text = grown;
    }
    if (!text) {
        fprintf(stderr, "weir: out of memory, or more than %d bytes came\n", TEXT_MAX);
        return NULL;
    }
    if (got < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    *length = n;
    return text;
}

static void print_problems(const struct problems *problems)
{
    for (size_t i = 0; i < problems->nr; i++) {
        char *line = problems_line(&problems->list[i]);
        fprintf(stderr, "weir: %s\n", line ? line : problems->list[i].message);
        free(line);
    }
    if (problems->nr == 0)
        fprintf(stderr, "weir: out of memory\n");
}

static char *read_file(const char *name, size_t *length)
{
    struct problems problems = {0};
    char *text;

    if (strcmp(name, "-") == 0)
        return read_all(read_stdin, stdin, length);
    text = file_read(name, length, &problems);
    if (!text)
        print_problems(&problems);
    problems_fini(&problems);
    return text;
}

/* ---- Proofs ---------------------------------------------------------------------------------- */

static int prove_by_token(const char *file, struct proof *out)
{
    struct problems problems = {0};
    size_t n = 0;
    char *text = read_file(file, &n);
    char *token = text ? credentials_token(text, n, file, &problems) : NULL;

    if (text && !token)
        print_problems(&problems);
    if (token && asprintf(&out->fields, "Authorization: Bearer %s\r\n", token) < 0)
        out->fields = NULL;
    problems_fini(&problems);
    credentials_free_secret(&token);
    credentials_free_secret(&text);
    return out->fields ? 0 : -1;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a && a[0] ? a : b && b[0] ? b : c;
}

static int sign(const struct apply_options *options, struct signer_key *key,
                const struct dial *dial, struct str body, struct proof *out)
{
    const struct signer_request request = {.method = "PUT",
                                           .path = "/table",
                                           .host = dial->address,
                                           .body = body,
                                           .now_s = clock_unix_us() / 1000000};

    key->region = first_of(options->region, getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"));
    key->region = first_of(key->region, NULL, DEFAULT_REGION);
    out->fields = signer_fields(key, &request);
    if (!out->fields)
        fprintf(stderr, "weir: the request cannot be signed: out of memory, or the secret or the "
                        "region is longer than any may be\n");
    return out->fields ? 0 : -1;
}

/* The first that may change all functions. */
static const struct credentials_key *choose_key(const struct credentials *credentials)
{
    for (int i = 0; i < credentials->nr_keys; i++)
        if (credentials_allow(&credentials->keys[i], CREDENTIALS_WRITE, STR("")))
            return &credentials->keys[i];
    return NULL;
}

static int prove_by_file(const struct apply_options *options, const struct dial *dial,
                         struct str body, struct proof *out)
{
    const char *file = options->credentials_file;
    struct problems problems = {0};
    size_t n = 0;
    char *text = read_file(file, &n);
    struct credentials *credentials = text ? credentials_parse(text, n, file, &problems) : NULL;
    const struct credentials_key *key = credentials ? choose_key(credentials) : NULL;
    int r = -1;

    if (text && !credentials)
        print_problems(&problems);
    else if (credentials && !key)
        fprintf(stderr, "weir: %s has no key that may \"write\" all functions (\"*\")\n", file);
    if (key) {
        struct signer_key signer = {.access_key_id = key->access_key_id,
                                    .secret_access_key = key->secret_access_key,
                                    .session_token = key->session_token};
        r = sign(options, &signer, dial, body, out);
    }
    problems_fini(&problems);
    credentials_free(&credentials);
    credentials_free_secret(&text);
    return r;
}

/* As every AWS client does. Bytes that would end a field are no part of a key. */
static int prove_by_environment(const struct apply_options *options, const struct dial *dial,
                                struct str body, struct proof *out)
{
    struct signer_key key = {.access_key_id = getenv("AWS_ACCESS_KEY_ID"),
                             .secret_access_key = getenv("AWS_SECRET_ACCESS_KEY"),
                             .session_token = getenv("AWS_SESSION_TOKEN")};

    if (!key.access_key_id || !key.secret_access_key)
        return 0;
    if (key.session_token && !key.session_token[0])
        key.session_token = NULL;
    if (strpbrk(key.access_key_id, " \r\n") ||
        (key.session_token && strpbrk(key.session_token, " \r\n"))) {
        fprintf(stderr, "weir: AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN has blanks or line ends\n");
        return -1;
    }
    return sign(options, &key, dial, body, out);
}

static int prove(const struct apply_options *options, const struct dial *dial, struct str body,
                 struct proof *out)
{
    if (options->token_file)
        return prove_by_token(options->token_file, out);
    if (options->credentials_file)
        return prove_by_file(options, dial, body, out);
    if (options->certificate)
        return 0;
    return prove_by_environment(options, dial, body, out);
}

/* ---- The exchange ---------------------------------------------------------------------------- */

static int send_request(struct dial *dial, const struct proof *proof, struct str body)
{
    char *head = NULL;
    int n = asprintf(&head,
                     "PUT /table HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n%s\r\n",
                     dial->address, body.n, proof->fields ? proof->fields : "");

    if (n < 0) {
        fprintf(stderr, "weir: out of memory\n");
        return -1;
    }
    dial_send(dial, head, (size_t)n);
    dial_send(dial, body.p, body.n);
    credentials_free_secret(&head);
    return 0;
}

/* Status and body of an answer that ends with the connection and is not chunked: weir's own. */
static int print_answer(const struct dial *dial, const struct proof *proof, char *text, size_t n)
{
    const char *end = n > 0 ? strstr(text, "\r\n\r\n") : NULL;
    int status = 0, result;

    if (end && strncmp(text, "HTTP/1.1 ", 9) == 0)
        status = (int)strtol(text + 9, NULL, 10);
    if (status == 0) {
        fprintf(stderr, "weir: %s did not answer as an admin listener does%s\n", dial->address,
                dial->is_tls ? "" : ": if it speaks TLS, say https:// in front of the address");
        return 1;
    }
    end += 4;
    result = applied_print(status, (struct str){end, n - (size_t)(end - text)});
    if (status == 403 && !proof->fields && !dial->certificate)
        fprintf(stderr, "weir: if it asks who you are: give --token-file, --credentials-file, or "
                        "--certificate and --key, or set AWS_ACCESS_KEY_ID and "
                        "AWS_SECRET_ACCESS_KEY\n");
    return result;
}

static int exchange(struct dial *dial, const struct proof *proof, struct str body)
{
    size_t n = 0;
    char *answer;
    int status;

    if (dial_open(dial) < 0 || send_request(dial, proof, body) < 0)
        return 1;
    answer = read_all(read_dial, dial, &n);
    status = answer ? print_answer(dial, proof, answer, n) : 1;
    free(answer);
    return status;
}

int apply_run(const struct apply_options *options)
{
    struct dial dial = {
        .ca_file = options->ca_file, .certificate = options->certificate, .key = options->key};
    struct proof proof = {.fields = NULL};
    struct str body = STR("");
    char *text = NULL;
    int status = 1;

    if (dial_parse(&dial, options->admin ? options->admin : DEFAULT_ADMIN) == 0)
        text = read_file(options->table_file, &body.n);
    body.p = text;
    if (text && prove(options, &dial, body, &proof) == 0)
        status = exchange(&dial, &proof, body);
    dial_close(&dial);
    credentials_free_secret(&proof.fields);
    free(text);
    return status;
}
