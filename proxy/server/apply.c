/* A client of the admin listener: one request, one answer, then the connection ends. */
#include "proxy/server/apply.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/file.h"
#include "conf/hostport.h"
#include "control/applied.h"

enum { READ_BYTES = 65536, TEXT_MAX = 256 * 1024 * 1024, HOST_MAX = 256 };

static const char DEFAULT_ADMIN[] = "127.0.0.1:9901";

/* ---- Files ----------------------------------------------------------------------------------- */

/* All that a stream has, terminated; NULL with a line on standard error. */
static char *read_all(FILE *in, const char *name, size_t *length)
{
    size_t room = READ_BYTES, n = 0;
    char *text = malloc(room);

    while (text) {
        size_t got = fread(text + n, 1, room - n - 1, in);
        char *grown;

        n += got;
        if (got == 0 && (feof(in) || ferror(in)))
            break;
        if (n + 1 < room)
            continue;
        room *= 2;
        grown = room <= TEXT_MAX ? realloc(text, room) : NULL;
        if (!grown) {
            free(text);
            text = NULL;
            break;
        }
        text = grown;
    }
    if (!text || ferror(in)) {
        fprintf(stderr, "weir: %s cannot be read: %s\n", name, strerror(errno));
        free(text);
        return NULL;
    }
    text[n] = '\0';
    *length = n;
    return text;
}

static char *read_file(const char *name, size_t *length)
{
    struct problems problems = {0};
    char *text;

    if (strcmp(name, "-") == 0)
        return read_all(stdin, "standard input", length);
    text = file_read(name, length, &problems);
    if (!text)
        fprintf(stderr, "weir: %s\n", problems.nr > 0 ? problems.list[0].message : "out of memory");
    problems_fini(&problems);
    return text;
}

/* ---- The connection -------------------------------------------------------------------------- */

static int connect_to(const char *address)
{
    char host[HOST_MAX], port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct hostport parsed;
    const char *wrong = hostport_parse(str_of(address), &parsed);
    int fd = -1, r;

    if (wrong || !parsed.has_port || parsed.host.n >= sizeof(host)) {
        fprintf(stderr, "weir: \"%s\" is no address such as %s\n", address, DEFAULT_ADMIN);
        return -1;
    }
    snprintf(host, sizeof(host), "%.*s", STR_ARG(parsed.host));
    snprintf(port, sizeof(port), "%u", (unsigned)parsed.port);
    r = getaddrinfo(host, port, &hints, &list);
    for (const struct addrinfo *a = list; r == 0 && a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            int error = errno;
            close(fd);
            errno = error;
            fd = -1;
        }
    }
    if (fd < 0)
        fprintf(stderr, "weir: %s cannot be reached: %s\n", address,
                r != 0 ? gai_strerror(r) : strerror(errno));
    if (list)
        freeaddrinfo(list);
    return fd;
}

/* What has come is the answer all the same: where the body is too large it comes before the end. */
static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

static int send_request(int fd, const char *address, const char *token, struct str body)
{
    char *head = NULL;
    int n = asprintf(&head,
                     "PUT /table HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n%s%s%s\r\n",
                     address, body.n, token ? "Authorization: Bearer " : "", token ? token : "",
                     token ? "\r\n" : "");

    if (n < 0)
        return -1;
    send_all(fd, head, (size_t)n);
    send_all(fd, body.p, body.n);
    free(head);
    return 0;
}

/* Status and body of an answer that ends with the connection and is not chunked: weir's own. */
static int print_answer(char *text, size_t n)
{
    const char *end = n > 0 ? strstr(text, "\r\n\r\n") : NULL;
    int status = 0;

    if (end && strncmp(text, "HTTP/1.1 ", 9) == 0)
        status = (int)strtol(text + 9, NULL, 10);
    if (status == 0) {
        fprintf(stderr, "weir: there was no answer: is it the admin listener, without TLS?\n");
        return 1;
    }
    end += 4;
    return applied_print(status, (struct str){end, n - (size_t)(end - text)});
}

static int exchange(int fd, const char *address, const char *token, struct str body)
{
    size_t n = 0;
    char *answer = NULL;
    FILE *in;
    int status = 1;

    if (send_request(fd, address, token, body) < 0) {
        fprintf(stderr, "weir: out of memory\n");
        close(fd);
        return 1;
    }
    in = fdopen(fd, "r");
    if (in)
        answer = read_all(in, address, &n);
    if (answer)
        status = print_answer(answer, n);
    free(answer);
    if (in)
        fclose(in);
    else
        close(fd);
    return status;
}

int apply_run(const struct apply_options *options)
{
    const char *address = options->admin ? options->admin : DEFAULT_ADMIN;
    size_t n = 0, token_n = 0;
    char *text = read_file(options->table_file, &n), *token = NULL;
    int fd = -1, status = 1;

    if (text && options->token_file) {
        token = read_file(options->token_file, &token_n);
        if (token)
            token[strcspn(token, "\r\n")] = '\0';
    }
    if (text && (token || !options->token_file))
        fd = connect_to(address);
    if (fd >= 0)
        status = exchange(fd, address, token, (struct str){text, n});
    free(token);
    free(text);
    return status;
}
