/* weir splitcheck: what its command line asks for. */
#ifndef WEIR_SPLITCHECK_ASKED_H
#define WEIR_SPLITCHECK_ASKED_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* So many versions one run tells apart, those that nobody expected included; longer names are
 * cut. */
enum { ASKED_VERSIONS_MAX = 64, ASKED_NAME_BYTES = 64 };
/* Weights are billionths: percent with seven places. */
enum { ASKED_WHOLE = 1000000000 };

enum asked_require { ASKED_ANY, ASKED_EXACT, ASKED_RANDOM };

struct asked_weight {
    char name[ASKED_NAME_BYTES];
    uint32_t weight;
};

struct asked_url {
    char *host; /* without brackets; asked's */
    char port[8];
    char *authority, *target; /* for Host and the request line; asked's */
    bool is_tls;
};

struct asked {
    struct asked_weight expected[ASKED_VERSIONS_MAX];
    uint32_t nr_expected;
    uint64_t requests, keys, reload_every; /* 0: without keys, without reloads */
    uint32_t connections, timeout_ms;
    double rate;  /* requests a second; 0: each as soon as the one before has its answer */
    double alpha; /* of the whole verdict */
    double max_prefix_error; /* negative: any */
    enum asked_require require;
    bool reconnects, verifies, tests_itself;
    const char *text_url, *version_header, *key_header, *reload_command, *json, *svg; /* or NULL */
    char *data; /* the body; NULL: none. asked's */
    size_t data_bytes;
    struct asked_url url;
    regex_t version_body;
    bool has_version_body;
};

/* Reads the arguments behind the command's name (argv[0] is that). False if the run ends here with
 * *status: 0 after --help, 2 after an error, which is on standard error. asked_fini either way. */
bool asked_parse(struct asked *asked, int argc, char **argv, int *status);
void asked_fini(struct asked *asked);

/* Reads "1=95,2=5" into expected: percent with up to seven places that total 100. NULL, or what is
 * wrong, in words. */
const char *asked_expect(struct asked *asked, const char *text);

/* Reads http://HOST[:PORT][/PATH][?QUERY] or https://. NULL, or what is wrong. */
const char *asked_read_url(struct asked_url *url, const char *text);

#endif
