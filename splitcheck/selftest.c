/* The self-test: the rows say what is planted and which verdict names it. */
#include "splitcheck/selftest.h"

#include <stdlib.h>
#include <string.h>

#include "splitcheck/drive.h"
#include "splitcheck/judge.h"
#include "splitcheck/planted.h"

struct row {
    const char *name;
    struct planted_plan plan;
    const char *expect;
    uint64_t requests, reload_every;
    enum judge_verdict due;
    bool is_fault;
};

/* Draws have a fixed seed and there is one connection, so each run is the same. */
static const struct row rows[] = {
    {"35 % for 30 %",
     {PLANTED_RANDOM, 35, false, false},
     "1=70,2=30",
     10000,
     0,
     JUDGE_BIASED,
     true},
    {"off by one", {PLANTED_EXACT, 5, true, false}, "1=95,2=5", 10000, 0, JUDGE_BIASED, true},
    {"block round robin",
     {PLANTED_BLOCKS, 30, false, false},
     "1=70,2=30",
     2000,
     0,
     JUDGE_PATTERNED,
     true},
    {"forgetting on reload",
     {PLANTED_EXACT, 5, false, true},
     "1=95,2=5",
     2000,
     10,
     JUDGE_BIASED,
     true},
    {"an exact split", {PLANTED_EXACT, 5, false, false}, "1=95,2=5", 2000, 10, JUDGE_EXACT, false},
    {"a random split",
     {PLANTED_RANDOM, 30, false, false},
     "1=70,2=30",
     10000,
     0,
     JUDGE_RANDOM,
     false},
};

static void reload(void *ctx)
{
    planted_reload(ctx);
}

static void on_end(void *ctx)
{
    planted_close(ctx);
}

/* The command line that somebody would have typed. */
static bool ask(struct asked *asked, const struct row *row, char *requests, char *every, char *url)
{
    char *arguments[] = {
        "splitcheck",     "--expect", (char *)row->expect, "--requests", requests, url,
        "--reload-every", every,      "--reload-command",  "reload",     NULL};
    int status;

    return asked_parse(asked, row->reload_every > 0 ? 10 : 6, arguments, &status);
}

static const char *measure(const struct row *row, struct judge *judge)
{
    char requests[24], every[24], url[64];
    uv_loop_t loop;
    struct planted *planted;
    struct asked asked;
    struct sample sample = {0};
    const char *why = "out of memory";

    if (uv_loop_init(&loop) != 0)
        return why;
    planted = planted_open(&loop, &row->plan);
    if (!planted)
        return "the server cannot listen";
    snprintf(requests, sizeof(requests), "%llu", (unsigned long long)row->requests);
    snprintf(every, sizeof(every), "%llu", (unsigned long long)row->reload_every);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)planted_port(planted));
    if (ask(&asked, row, requests, every, url) && sample_init(&sample, &asked)) {
        struct drive_terms terms = {.asked = &asked,
                                    .loop = &loop,
                                    .reload = reload,
                                    .reload_ctx = planted,
                                    .on_end = on_end,
                                    .end_ctx = planted};

        why = drive_run(&terms, &sample);
        if (!why && !judge_sample(judge, &sample, &asked))
            why = "out of memory";
    }
    sample_fini(&sample);
    asked_fini(&asked);
    uv_loop_close(&loop);
    return why;
}

/* Verdict: null where none was reached. */
static json_t *describe(const struct row *row, const char *verdict, bool is_right)
{
    return json_pack("{s:s, s:s, s:s?, s:b}", "planted", row->name, "expected",
                     judge_word(row->due), "verdict", verdict, "found", is_right);
}

bool selftest_run(FILE *out, json_t **document)
{
    struct judge *judge = malloc(sizeof(*judge));
    json_t *list = json_array();
    bool all = judge != NULL;

    for (size_t i = 0; judge && i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const char *why = measure(row, judge);
        bool is_right = !why && judge->verdict == row->due;

        all = all && is_right;
        fprintf(out, "%-22s %s: %s%s%s\n", row->name,
                row->is_fault ? is_right ? "found" : "missed"
                : is_right    ? "fine"
                              : "WRONG",
                why ? why : judge_word(judge->verdict), !why && judge->nr_reasons > 0 ? ": " : "",
                !why && judge->nr_reasons > 0 ? judge->reasons[0] : "");
        fflush(out);
        if (json_array_append_new(
                list, describe(row, why ? NULL : judge_word(judge->verdict), is_right)) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    free(judge);
    *document = list ? json_pack("{s:o, s:b}", "self_test", list, "pass", all) : NULL;
    return all;
}
