/* The command line. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/settings.h"
#include "conf/suggest.h"
#include "proxy/server/apply.h"
#include "proxy/server/check.h"
#include "proxy/server/documents.h"
#include "proxy/server/healthcheck.h"
#include "proxy/server/server.h"
#include "proxy/server/signals.h"
#include "splitcheck/splitcheck.h"

enum { LISTEN_MAX = 64, OPTIONS_MAX = 16, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: weir run [--settings FILE] [--table FILE] [--state DIR] [--listen ADDRESS]... "
    "[--admin ADDRESS] [--workers N]\n"
    "       weir check [--settings FILE] [--table FILE | -] [--state DIR] [--reload]\n"
    "       weir apply --table FILE [--admin ADDRESS] [--ca FILE] [--certificate FILE --key FILE]\n"
    "                  [--token-file FILE | --credentials-file FILE [--region REGION]]\n"
    "       weir splitcheck --expect VERSION=PERCENT,... [options] URL\n"
    "       weir healthcheck [--admin ADDRESS] [--live] [--ca FILE] [--certificate FILE --key "
    "FILE]\n"
    "       weir settings\n"
    "       weir --version | --help\n"
    "\n"
    "weir splits function invocations over versions by alias weights.\n"
    "\n"
    "  run       serve; SIGHUP reloads, SIGUSR1 opens the access log again, SIGTERM drains and "
    "ends\n"
    "  check     print everything that is wrong with the documents; status 1 if anything is; - is "
    "a "
    "table on standard input\n"
    "            (--reload: for a weir that runs; addresses and the log's folder are not looked "
    "at)\n"
    "  apply     send a table to a weir that runs, as one change; - is standard input; status 1 "
    "where it is refused\n"
    "  splitcheck  measure how exactly any HTTP proxy splits: see weir splitcheck --help\n"
    "  healthcheck  status 0 where a weir that runs is ready (--live: is there), 1 where not\n"
    "  settings  print the reference of all settings (Markdown)\n"
    "\n"
    "  --settings FILE    the settings document (JSON)\n"
    "  --table FILE       the table document (JSON): functions, versions, aliases, routes\n"
    "  --state DIR        the folder of what must survive a restart; default: none\n"
    "  --listen ADDRESS   HOST:PORT to serve on, instead of the settings' listeners; may be "
    "repeated\n"
    "  --admin ADDRESS    HOST:PORT of metrics, reload and the control API; apply: "
    "https://HOST:PORT "
    "where it speaks TLS\n"
    "  --workers N        threads; default: one per CPU that the process may use\n"
    "\n"
    "  apply shows the admin listener who you are by one of these:\n"
    "  --token-file FILE        the file with its token\n"
    "  --certificate FILE --key FILE  your certificate, over TLS\n"
    "  --credentials-file FILE  access keys, a document as of aws.credentials_file; it signs with "
    "the first that may do it;\n"
    "                           without any: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
    "AWS_SESSION_TOKEN where they are set\n"
    "  --region REGION          of the signature; default: AWS_REGION, AWS_DEFAULT_REGION, "
    "us-east-1\n"
    "  --ca FILE                authorities of the listener's certificate; default: the "
    "system's\n";

static int complain(const char *what, const char *which)
{
    fprintf(stderr, "weir: %s%s; weir --help has all commands and options\n", what,
            which ? which : "");
    return EXIT_USAGE;
}

/* Of what getopt_long has stumbled over: c is what it returned. */
static int complain_of(int c, const char *word, const struct option *options)
{
    const char *names[OPTIONS_MAX], *nearest;
    size_t nr = 0;
    char what[160];

    if (c == ':')
        return complain("a value is missing behind ", word);
    for (; options[nr].name && nr < OPTIONS_MAX; nr++)
        names[nr] = options[nr].name;
    snprintf(what, sizeof(what), "%.*s", (int)strcspn(word, "="), word);
    nearest = strncmp(what, "--", 2) == 0 ? suggest_nearest(what + 2, names, nr) : NULL;
    if (!nearest)
        return complain("unknown option: ", word);
    fprintf(stderr, "weir: unknown option: %s; did you mean --%s?\n", word, nearest);
    return EXIT_USAGE;
}

static int complain_of_command(const char *word)
{
    static const char *const names[] = {"run",      "check",       "apply", "splitcheck",
                                        "settings", "healthcheck", "help"};
    const char *nearest = suggest_nearest(word, names, sizeof(names) / sizeof(names[0]));

    if (!word[0])
        return complain("a command is missing, such as weir run --table FILE", NULL);
    if (!nearest)
        return complain("unknown command: ", word);
    fprintf(stderr, "weir: unknown command: %s; did you mean %s?\n", word, nearest);
    return EXIT_USAGE;
}

/* What was asked for has been printed: a full disk or a reader that has gone is an error. */
static int end_of_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "weir: standard output cannot be written: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

static int parse(int argc, char **argv, bool is_check, struct documents_options *out)
{
    static const struct option options[] = {
        {"settings", required_argument, NULL, 's'},
        {"table", required_argument, NULL, 't'},
        {"state", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"admin", required_argument, NULL, 'a'},
        {"workers", required_argument, NULL, 'w'},
        {"reload", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (c) {
        case 's':
            out->settings_file = optarg;
            break;
        case 't':
            out->table_file = optarg;
            break;
        case 'd':
            out->state = optarg;
            break;
        case 'l':
            if (out->nr_listen == LISTEN_MAX)
                return complain("too many --listen", NULL);
            out->listen[out->nr_listen++] = optarg;
            break;
        case 'a':
            out->admin = optarg;
            break;
        case 'w':
            out->workers = optarg;
            break;
        case 'r':
            out->is_reload = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(end_of_output(0));
        default:
            return complain_of(c, argv[optind - 1], options);
        }
    }
    if (is_check && optind < argc && strcmp(argv[optind], "-") == 0) {
        out->table_file = "-";
        optind++;
    }
    return optind < argc ? complain("not understood: ", argv[optind]) : 0;
}

static int apply(int argc, char **argv)
{
    struct apply_options out = {.table_file = NULL};
    const char **const values[] = {&out.table_file,       &out.admin,  &out.token_file,
                                   &out.credentials_file, &out.region, &out.ca_file,
                                   &out.certificate,      &out.key};
    static const struct option options[] = {
        {"table", required_argument, NULL, 0},
        {"admin", required_argument, NULL, 1},
        {"token-file", required_argument, NULL, 2},
        {"credentials-file", required_argument, NULL, 3},
        {"region", required_argument, NULL, 4},
        {"ca", required_argument, NULL, 5},
        {"certificate", required_argument, NULL, 6},
        {"key", required_argument, NULL, 7},
        {NULL, 0, NULL, 0},
    };
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (c >= (int)(sizeof(values) / sizeof(values[0])))
            return complain_of(c, argv[optind - 1], options);
        *values[c] = optarg;
    }
    if (optind < argc)
        return complain("not understood: ", argv[optind]);
    if (out.key && !out.certificate)
        return complain("--key is given without --certificate", NULL);
    if (out.token_file && out.credentials_file)
        return complain("one of --token-file and --credentials-file is enough", NULL);
    return out.table_file ? end_of_output(apply_run(&out)) : complain("--table is missing", NULL);
}

static int healthcheck(int argc, char **argv)
{
    struct healthcheck_options out = {.admin = NULL};
    static const struct option options[] = {
        {"admin", required_argument, NULL, 0},
        {"ca", required_argument, NULL, 1},
        {"certificate", required_argument, NULL, 2},
        {"key", required_argument, NULL, 3},
        {"live", no_argument, NULL, 4},
        {NULL, 0, NULL, 0},
    };
    const char **const values[] = {&out.admin, &out.ca_file, &out.certificate, &out.key};
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (c == 4)
            out.is_live = true;
        else if (c < 4)
            *values[c] = optarg;
        else
            return complain_of(c, argv[optind - 1], options);
    }
    if (optind < argc)
        return complain("not understood: ", argv[optind]);
    if (out.key && !out.certificate)
        return complain("--key is given without --certificate", NULL);
    return healthcheck_run(&out);
}

/* Where a standard descriptor is closed, the next socket would take its number, and what is meant
 * for people would go to it. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    char *listen[LISTEN_MAX];
    struct documents_options options = {.listen = listen};
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "run") == 0)
        signals_block();
    open_standard_descriptors();
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
        printf("weir %s\n", WEIR_VERSION);
        return end_of_output(0);
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 ||
        strcmp(command, "help") == 0) {
        fputs(usage, stdout);
        return end_of_output(0);
    }
    if (strcmp(command, "settings") == 0) {
        settings_reference(stdout);
        return end_of_output(0);
    }
    if (strcmp(command, "splitcheck") == 0)
        return splitcheck_main(argc - 1, argv + 1);
    if (strcmp(command, "apply") == 0)
        return apply(argc - 1, argv + 1);
    if (strcmp(command, "healthcheck") == 0)
        return healthcheck(argc - 1, argv + 1);
    if (strcmp(command, "run") != 0 && strcmp(command, "check") != 0)
        return complain_of_command(command);
    int r = parse(argc - 1, argv + 1, strcmp(command, "check") == 0, &options);
    if (r != 0)
        return r;
    if (strcmp(command, "run") == 0)
        return server_run(&options);
    return end_of_output(check_run(&options));
}
