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
    if (make_lines(t) < 0) {
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
