/* What the hot path reads of the settings, computed once for all requests. */
#include "proxy/worker/tuning.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_tuning(struct tuning *t)
{
    settings_unref(&t->settings);
    free(t->executed_line);
    free(t->via_line);
    free(t->arn_line);
    free(t->trusted);
    free(t);
}

static int make_lines(struct tuning *t)
{
    const struct settings *s = t->settings;
    const struct str none = {"", 0};
    char arn[ARN_ADDED_MAX];

    t->executed_name_len = strlen(s->executed_version_header);
    if (asprintf(&t->executed_line, "%s: ", s->executed_version_header) < 0)
        t->executed_line = NULL;
    if (asprintf(&t->via_line, "Via: 1.1 %s\r\n", s->forwarded.via) < 0)
        t->via_line = NULL;
    t->home = (struct arn_home){str_of(s->aws.region), str_of(s->aws.account_id)};
    *arn_write(arn, &t->home, none, none) = '\0';
    if (asprintf(&t->arn_line, TUNING_ARN_FIELD ": %s", arn) < 0)
        t->arn_line = NULL;
    if (!t->executed_line || !t->via_line || !t->arn_line)
        return -1;
    t->arn_line_len = strlen(t->arn_line);
    t->executed_line_len = strlen(t->executed_line);
    t->via_line_len = strlen(t->via_line);
    return 0;
}

/* The settings' text is right. */
static int make_trust(struct tuning *t)
{
    const char *text = t->settings->forwarded.trust ? t->settings->forwarded.trust : "false";
    size_t nr = 1;

    t->trusts_all = strcmp(text, "true") == 0;
    if (t->trusts_all || strcmp(text, "false") == 0)
        return 0;
    for (const char *p = text; *p; p++)
        nr += *p == ',';
    t->trusted = calloc(nr, sizeof(t->trusted[0]));
    if (!t->trusted)
        return -1;
    for (struct str rest = str_of(text); rest.n > 0;) {
        struct str one = str_until(rest, ',');
        size_t used = one.n < rest.n ? one.n + 1 : one.n;

        t->nr_trusted += network_read(one, &t->trusted[t->nr_trusted]);
        rest = (struct str){rest.p + used, rest.n - used};
    }
    return 0;
}

bool tuning_trusts(const struct tuning *tuning, struct str address)
{
    struct network_address number;

    if (tuning->nr_trusted == 0)
        return tuning->trusts_all;
    return network_read_address(address, &number) &&
           network_list_has(tuning->trusted, tuning->nr_trusted, &number);
}

struct tuning *tuning_make_take(struct settings *s)
{
    struct tuning *t = calloc(1, sizeof(*t));

    if (!t) {
        settings_unref(&s);
        return NULL;
    }
    t->nr_users = 1;
    t->settings = s;
    t->request_limits = (struct head_limits){.line_bytes = s->limits.request_line_bytes,
                                             .header_bytes = s->limits.header_bytes,
                                             .header_count = s->limits.header_count};
    t->response_limits = t->request_limits;
    t->response_limits.line_bytes = TUNING_STATUS_LINE_MAX;
    t->read_bytes =
        s->upstream.read_bytes < TUNING_READ_MAX ? s->upstream.read_bytes : TUNING_READ_MAX;
    if (make_lines(t) < 0 || make_trust(t) < 0) {
        free_tuning(t);
        return NULL;
    }
    t->request_limits.own_field = t->response_limits.own_field =
        (struct str){t->executed_line, t->executed_name_len};
    if (s->forwarded.client_certificate_header && s->forwarded.client_certificate_header[0]) {
        t->certificate_name = s->forwarded.client_certificate_header;
        t->certificate_name_len = strlen(t->certificate_name);
    }
    return t;
}

void tuning_unref(struct tuning **tuning)
{
    struct tuning *t = *tuning;

    *tuning = NULL;
    assert(t->nr_users > 0);
    if (--t->nr_users == 0)
        free_tuning(t);
}
