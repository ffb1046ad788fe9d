/* One request. An alarm ends what takes too long, be it a name's resolution or a handshake. */
#include "proxy/server/healthcheck.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/server/dial.h"

enum { LIMIT_S = 5, ANSWER_MAX = 4096 };

static void on_alarm(int signal)
{
    static const char text[] = "weir: no answer came within 5 seconds\n";

    (void)signal;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

/* The head of the answer, or as much of it as fits. */
static int read_answer(struct dial *dial, char answer[ANSWER_MAX])
{
    size_t n = 0;
    long got = 0;

    while (n < ANSWER_MAX - 1) {
        got = dial_read(dial, answer + n, ANSWER_MAX - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    answer[n] = '\0';
    return got < 0 ? -1 : 0;
}

static int ask(struct dial *dial, const char *path)
{
    char request[DIAL_HOST_MAX + 128], answer[ANSWER_MAX];
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);

    if (dial_open(dial) < 0)
        return EXIT_FAILURE;
    dial_send(dial, request, (size_t)n);
    if (read_answer(dial, answer) < 0)
        return EXIT_FAILURE;
    if (strncmp(answer, "HTTP/1.1 200 ", 13) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "weir: %s%s answers %.*s\n", dial->address, path,
            answer[0] ? (int)strcspn(answer, "\r\n") : 7, answer[0] ? answer : "nothing");
    return EXIT_FAILURE;
}

int healthcheck_run(const struct healthcheck_options *options)
{
    struct dial dial = {
        .ca_file = options->ca_file, .certificate = options->certificate, .key = options->key};
    int status = EXIT_FAILURE;

    (void)signal(SIGALRM, on_alarm);
    alarm(LIMIT_S);
    if (dial_parse(&dial, options->admin ? options->admin : "127.0.0.1:9901") == 0)
        status = ask(&dial, options->is_live ? "/healthz" : "/readyz");
    dial_close(&dial);
    return status;
}
