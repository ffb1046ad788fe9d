/* The command line of weir splitcheck: each option with its check, then what they must have in
 * common. */
#include "splitcheck/asked.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { EXIT_UNMEASURED = 2, REQUESTS_MAX = 100000000, CONNECTIONS_MAX = 1000, DATA_MAX = 16777216 };
enum { TIMEOUT_MAX_S = 3600, RATE_MAX = 1000000 };

static const char usage[] =
    "usage: weir splitcheck --expect VERSION=PERCENT,... [options] URL\n"
    "       weir splitcheck --self-test [options URL]\n"
    "\n"
    "Measures how exactly any HTTP proxy splits requests over versions. Exit status: 0 the split\n"
    "fits, 1 it does not, 2 it could not be measured.\n"
    "\n"
    "  --expect 1=95,2=5      the versions and their weights in percent, which total 100\n"
    "  --requests N           how many requests; default 1000, with --keys twice as many as keys\n"
    "  --connections N        how many at a time; default 1\n"
    "  --reconnect            a new connection for each request\n"
    "  --rate R               R requests a second (open loop), however long answers take\n"
    "  --timeout S            seconds for one answer; default 10\n"
    "  --data TEXT            sends TEXT, or the file of @FILE, with POST\n"
    "  --verify               https: checks the server's certificate\n"
    "\n"
    "  --version-header NAME  the answer's field with the version; default x-amz-executed-version\n"
    "  --version-body REGEX   or: the body's first match (its first group, if it has one)\n"
    "\n"
    "  --keys N               the sample is N keys, each counted by its first answer\n"
    "  --key-header NAME      the request's field that has the key: key-1 to key-N\n"
    "  --reload-every N       after each N answers, with no request on its way,\n"
    "  --reload-command C     runs C with sh and waits for its end\n"
    "\n"
    "  --alpha A              how likely a split that is right may be called wrong; default 0.001\n"
    "  --max-prefix-error E   a split that was ever further off than E requests does not fit\n"
    "  --require exact|random a split of another kind does not fit\n"
    "\n"
    "  --json FILE            writes the figures as JSON; - is standard output, which has nothing\n"
    "                         else then\n"
    "  --svg FILE             draws the shares against the requests\n"
    "  --self-test            plants faults in a server of its own and looks whether it finds "
    "them\n"
    "  --help                 prints this\n"
    "\n"
    "docs/splitcheck.md says what each figure means.\n";

static bool complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool complain(const char *format, ...)
{
    va_list list;

    fputs("weir splitcheck: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputs("; weir splitcheck --help lists the options\n", stderr);
    return false;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static bool read_whole(const char *name, const char *text, uint64_t most, uint64_t *out)
{
    char *end = NULL;
    unsigned long long n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n < 1 || n > most)
        return complain("--%s: \"%s\" is no whole number from 1 to %llu", name, text,
                        (unsigned long long)most);
    *out = n;
    return true;
}

/* A number above low and at most high. */
static bool read_number(const char *name, const char *text, double low, double high, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end || !(value > low) || !(value <= high))
        return complain("--%s: \"%s\" is no number above %g and up to %g", name, text, low, high);
    *out = value;
    return true;
}

/* Percent with up to seven places into billionths; NULL if it is none. */
static const char *read_percent(const char *p, uint32_t *out)
{
    uint64_t value = 0;
    int places = 0;

    if (*p < '0' || *p > '9')
        return NULL;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > 100)
            return NULL;
    }
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9' && places < 7; p++, places++)
            value = value * 10 + (uint64_t)(*p - '0');
    for (; places < 7; places++)
        value *= 10;
    if (value > ASKED_WHOLE)
        return NULL;
    *out = (uint32_t)value;
    return p;
}

static bool is_expected(const struct asked *asked, const char *name)
{
    for (uint32_t i = 0; i < asked->nr_expected; i++)
        if (strcmp(asked->expected[i].name, name) == 0)
            return true;
    return false;
}

const char *asked_expect(struct asked *asked, const char *text)
{
    uint64_t total = 0;

    asked->nr_expected = 0;
    if (!utf8_is_valid(str_of(text)))
        return "is no UTF-8";
    for (const char *p = text;; p++) {
        struct asked_weight *row = &asked->expected[asked->nr_expected];
        size_t n = strcspn(p, "=,");

        if (asked->nr_expected == ASKED_VERSIONS_MAX - 1)
            return "has more than 63 versions";
        if (n == 0 || n >= sizeof(row->name) || p[n] != '=')
            return "is no list such as 1=95,2=5: names of up to 63 bytes, each with its percent";
        memcpy(row->name, p, n);
        row->name[n] = '\0';
        if (is_expected(asked, row->name))
            return "names a version twice";
        p = read_percent(p + n + 1, &row->weight);
        if (!p || (*p && *p != ','))
            return "has a weight that is no percent from 0 to 100 with up to seven places";
        total += row->weight;
        asked->nr_expected++;
        if (!*p)
            break;
    }
    return total == ASKED_WHOLE ? NULL : "has weights that do not total 100 percent";
}

static bool has_blank(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 127)
            return true;
    return false;
}

/* The host and port of an authority of n bytes. */
static const char *read_authority(struct asked_url *url, const char *p, size_t n)
{
    const char *host = p, *end = p + n, *behind;
    unsigned long port;
    char *stop;

    if (n > 0 && *p == '[') {
        host = p + 1;
        behind = memchr(p, ']', n);
        if (!behind)
            return "has a [ without its ]";
        url->host = strndup(host, (size_t)(behind - host));
        behind++;
    } else {
        behind = memchr(p, ':', n);
        behind = behind ? behind : end;
        url->host = strndup(host, (size_t)(behind - host));
    }
    url->authority = strndup(p, n);
    if (!url->host || !url->authority)
        return "does not fit into memory";
    if (!url->host[0] || memchr(p, '@', n))
        return "has no host, or a name and password before it, which are not supported";
    snprintf(url->port, sizeof(url->port), "%s", url->is_tls ? "443" : "80");
    if (behind == end)
        return NULL;
    port = *behind == ':' ? strtoul(behind + 1, &stop, 10) : 0;
    if (port < 1 || port > 65535 || stop != end || behind[1] < '0' || behind[1] > '9')
        return "has a port that is no number from 1 to 65535";
    snprintf(url->port, sizeof(url->port), "%lu", port);
    return NULL;
}

const char *asked_read_url(struct asked_url *url, const char *text)
{
    const char *wrong;
    size_t n;

    if (has_blank(text))
        return "has a space or a control character";
    if (strncasecmp(text, "https://", 8) == 0)
        url->is_tls = true;
    else if (strncasecmp(text, "http://", 7) != 0)
        return "does not begin with http:// or https://";
    text += url->is_tls ? 8 : 7;
    n = strcspn(text, "/?#");
    wrong = read_authority(url, text, n);
    if (wrong)
        return wrong;
    text += n;
    n = strcspn(text, "#");
    return asprintf(&url->target, "%s%.*s", *text == '/' ? "" : "/", (int)n, text) < 0
               ? "does not fit into memory"
               : NULL;
}

static bool read_data(struct asked *asked, const char *text)
{
    FILE *in;

    if (*text != '@') {
        asked->data = strdup(text);
        asked->data_bytes = strlen(text);
        return asked->data || complain("out of memory");
    }
    in = fopen(text + 1, "rb");
    asked->data = in ? malloc(DATA_MAX) : NULL;
    if (asked->data)
        asked->data_bytes = fread(asked->data, 1, DATA_MAX, in);
    if (!in || !asked->data || ferror(in) || asked->data_bytes == DATA_MAX) {
        complain("--data: %s cannot be read: %s", text + 1,
                 in && asked->data && !ferror(in) ? "it has 16 MiB or more" : strerror(errno));
        asked->data_bytes = 0;
        if (in)
            fclose(in);
        return false;
    }
    fclose(in);
    return true;
}

static bool read_pattern(struct asked *asked, const char *text)
{
    char why[160];
    int r = regcomp(&asked->version_body, text, REG_EXTENDED);

    if (r != 0) {
        regerror(r, &asked->version_body, why, sizeof(why));
        return complain("--version-body: \"%s\" is no extended regular expression: %s", text, why);
    }
    asked->has_version_body = true;
    return true;
}

/* Names of fields are tokens (RFC 9110 section 5.6.2). */
static bool read_field_name(const char *name, const char *text, const char **out)
{
    if (!*text || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "!#$%&'*+-.^_`|~") != strlen(text))
        return complain("--%s: \"%s\" is no name of a header field", name, text);
    *out = text;
    return true;
}

/* ---- Options --------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"expect", required_argument, NULL, 'e'},
    {"requests", required_argument, NULL, 'n'},
    {"connections", required_argument, NULL, 'c'},
    {"reconnect", no_argument, NULL, 'o'},
    {"rate", required_argument, NULL, 'r'},
    {"timeout", required_argument, NULL, 't'},
    {"data", required_argument, NULL, 'd'},
    {"verify", no_argument, NULL, 'y'},
    {"version-header", required_argument, NULL, 'v'},
    {"version-body", required_argument, NULL, 'b'},
    {"keys", required_argument, NULL, 'k'},
    {"key-header", required_argument, NULL, 'K'},
    {"reload-every", required_argument, NULL, 'l'},
    {"reload-command", required_argument, NULL, 'L'},
    {"alpha", required_argument, NULL, 'a'},
    {"max-prefix-error", required_argument, NULL, 'm'},
    {"require", required_argument, NULL, 'q'},
    {"json", required_argument, NULL, 'j'},
    {"svg", required_argument, NULL, 's'},
    {"self-test", no_argument, NULL, 'S'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Those that say how to send. */
static bool take_sending(struct asked *asked, int c)
{
    uint64_t whole = 0;
    double seconds = 0;

    switch (c) {
    case 'n':
        return read_whole("requests", optarg, REQUESTS_MAX, &asked->requests);
    case 'c':
        if (!read_whole("connections", optarg, CONNECTIONS_MAX, &whole))
            return false;
        asked->connections = (uint32_t)whole;
        return true;
    case 'r':
        return read_number("rate", optarg, 0, RATE_MAX, &asked->rate);
    case 't':
        if (!read_number("timeout", optarg, 0, TIMEOUT_MAX_S, &seconds))
            return false;
        asked->timeout_ms = (uint32_t)ceil(seconds * 1000);
        return true;
    case 'd':
        free(asked->data);
        return read_data(asked, optarg);
    case 'k':
        return read_whole("keys", optarg, REQUESTS_MAX, &asked->keys);
    case 'K':
        return read_field_name("key-header", optarg, &asked->key_header);
    case 'l':
        return read_whole("reload-every", optarg, REQUESTS_MAX, &asked->reload_every);
    default:
        asked->reload_command = optarg;
        return true;
    }
}

/* Those that say how to read and to judge. */
static bool take_judging(struct asked *asked, int c)
{
    const char *wrong;

    switch (c) {
    case 'e':
        wrong = asked_expect(asked, optarg);
        return !wrong || complain("--expect: \"%s\" %s", optarg, wrong);
    case 'v':
        return read_field_name("version-header", optarg, &asked->version_header);
    case 'b':
        if (asked->has_version_body)
            return complain("--version-body is there twice");
        return read_pattern(asked, optarg);
    case 'a':
        return read_number("alpha", optarg, 0, 0.5, &asked->alpha);
    case 'm':
        return read_number("max-prefix-error", optarg, 0, REQUESTS_MAX, &asked->max_prefix_error);
    default:
        asked->require = strcmp(optarg, "exact") == 0    ? ASKED_EXACT
                         : strcmp(optarg, "random") == 0 ? ASKED_RANDOM
                                                         : ASKED_ANY;
        return asked->require != ASKED_ANY ||
               complain("--require: \"%s\" is neither exact nor random", optarg);
    }
}

static bool take(struct asked *asked, int c, char **argv)
{
    switch (c) {
    case 'o':
        asked->reconnects = true;
        return true;
    case 'y':
        asked->verifies = true;
        return true;
    case 'S':
        asked->tests_itself = true;
        return true;
    case 'j':
        asked->json = optarg;
        return true;
    case 's':
        asked->svg = optarg;
        return true;
    case '?':
        return complain("%s is no option of it, or lacks its value", argv[optind - 1]);
    default:
        return strchr("ncrtdkKlL", c) ? take_sending(asked, c) : take_judging(asked, c);
    }
}

/* What the options must have in common. */
static bool agree(struct asked *asked)
{
    if (!asked->text_url && !asked->tests_itself)
        return complain("the URL is missing");
    if (asked->text_url && asked->nr_expected == 0)
        return complain("--expect is missing: which versions are due, such as 1=95,2=5?");
    if ((asked->keys == 0) != (asked->key_header == NULL))
        return complain("--keys and --key-header go together");
    if ((asked->reload_every == 0) != (asked->reload_command == NULL))
        return complain("--reload-every and --reload-command go together");
    if (asked->has_version_body && asked->version_header)
        return complain("--version-header and --version-body exclude each other");
    if (asked->requests == 0)
        asked->requests = asked->keys > 0 ? 2 * asked->keys : 1000;
    if (asked->requests < asked->keys)
        return complain("--requests is %llu, fewer than the %llu keys",
                        (unsigned long long)asked->requests, (unsigned long long)asked->keys);
    if (!asked->version_header)
        asked->version_header = "x-amz-executed-version";
    return true;
}

bool asked_parse(struct asked *asked, int argc, char **argv, int *status)
{
    const char *wrong;
    int c;

    *asked = (struct asked){
        .connections = 1, .timeout_ms = 10000, .alpha = 0.001, .max_prefix_error = -1};
    *status = EXIT_UNMEASURED;
    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            *status = 0;
            return false;
        }
        if (!take(asked, c, argv))
            return false;
    }
    if (optind < argc)
        asked->text_url = argv[optind++];
    if (optind < argc)
        return complain("not understood: %s: one URL is enough", argv[optind]);
    if (!agree(asked))
        return false;
    wrong = asked->text_url ? asked_read_url(&asked->url, asked->text_url) : NULL;
    return !wrong || complain("the URL \"%s\" %s", asked->text_url, wrong);
}

void asked_fini(struct asked *asked)
{
    free(asked->data);
    free(asked->url.host);
    free(asked->url.authority);
    free(asked->url.target);
    if (asked->has_version_body)
        regfree(&asked->version_body);
}
