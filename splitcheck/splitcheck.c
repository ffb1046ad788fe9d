/* The command: reads what is asked, measures, judges, writes. */
#include "splitcheck/splitcheck.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "splitcheck/drive.h"
#include "splitcheck/figure.h"
#include "splitcheck/findings.h"
#include "splitcheck/selftest.h"

enum { FITS, MISFITS, UNMEASURED };

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "weir splitcheck: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return UNMEASURED;
}

/* A full disk or a reader that has gone is an error. */
static int end_of_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return complain("standard output cannot be written", strerror(errno));
}

/* The document of the self-test alone. */
static int write_self_test(const struct asked *asked, const json_t *document)
{
    bool is_stdout = strcmp(asked->json, "-") == 0;
    FILE *out = document ? is_stdout ? stdout : fopen(asked->json, "w") : NULL;
    int r = out ? json_dumpf(document, out, JSON_INDENT(2)) : -1;

    if (r == 0 && fputc('\n', out) < 0)
        r = -1;
    if (out && !is_stdout && fclose(out) != 0)
        r = -1;
    return r == 0 ? 0 : complain(is_stdout ? "standard output" : asked->json, strerror(errno));
}

static int test_itself(const struct asked *asked)
{
    bool is_alone = !asked->text_url;
    json_t *document = NULL;
    int status;

    if (selftest_run(is_alone && !asked->json ? stdout : stderr, &document))
        status = FITS;
    else
        status = is_alone ? MISFITS : UNMEASURED;
    if (is_alone && asked->json && write_self_test(asked, document) != 0)
        status = UNMEASURED;
    json_decref(document);
    return status;
}

static int write_json(const struct asked *asked, const struct sample *sample,
                      const struct judge *judge, const char *why_not)
{
    bool is_stdout = strcmp(asked->json, "-") == 0;
    FILE *out = is_stdout ? stdout : fopen(asked->json, "w");
    int r = out ? findings_json(out, sample, judge, why_not) : -1;

    if (out && !is_stdout && fclose(out) != 0)
        r = -1;
    return r == 0 ? 0 : complain(is_stdout ? "standard output" : asked->json, strerror(errno));
}

static int write_svg(const struct asked *asked, const struct sample *sample,
                     const struct judge *judge)
{
    FILE *out = fopen(asked->svg, "w");
    int r = out ? figure_draw(out, sample, judge, asked) : -1;

    if (out && fclose(out) != 0)
        r = -1;
    return r == 0 ? 0 : complain(asked->svg, strerror(errno));
}

/* All that a measured sample is written to. */
static int report(const struct asked *asked, const struct sample *sample)
{
    struct judge *judge = malloc(sizeof(*judge));
    int status = UNMEASURED;

    if (!judge || !judge_sample(judge, sample, asked)) {
        free(judge);
        return complain("out of memory", NULL);
    }
    if (!asked->json || strcmp(asked->json, "-") != 0)
        findings_print(stdout, sample, judge);
    if ((!asked->json || write_json(asked, sample, judge, NULL) == 0) &&
        (!asked->svg || write_svg(asked, sample, judge) == 0))
        status = judge->fits ? FITS : MISFITS;
    free(judge);
    return status;
}

static int measure(const struct asked *asked)
{
    uv_loop_t loop;
    struct drive_terms terms = {.asked = asked, .loop = &loop, .progress = stderr};
    struct sample sample;
    const char *why;
    int status;

    if (!sample_init(&sample, asked) || uv_loop_init(&loop) != 0) {
        sample_fini(&sample);
        return complain("out of memory", NULL);
    }
    why = drive_run(&terms, &sample);
    uv_loop_close(&loop);
    if (why) {
        status = complain(why, NULL);
        if (asked->json)
            write_json(asked, &sample, NULL, why);
    } else {
        status = report(asked, &sample);
    }
    sample_fini(&sample);
    return status;
}

int splitcheck_main(int argc, char **argv)
{
    struct asked asked;
    int status;

    signal(SIGPIPE, SIG_IGN); /* of sockets; a command that is run gets the default again */
    if (asked_parse(&asked, argc, argv, &status)) {
        status = asked.tests_itself ? test_itself(&asked) : FITS;
        if (asked.text_url && status == FITS)
            status = measure(&asked);
    }
    asked_fini(&asked);
    return end_of_output(status);
}
