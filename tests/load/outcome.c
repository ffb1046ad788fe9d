/* Durations go to buckets of a sixteenth of a power of two: percentiles to six per cent, in a few
 * KiB. */
#include "outcome.h"

#include <inttypes.h>

enum { NAMES_MAX = 256, NAME_BYTES = 32, STATUS_MAX = 600, BUCKETS = 64 * 16 };

struct name {
    char text[NAME_BYTES];
    size_t n;
    uint64_t count;
};

static uint64_t nr_answers, nr_mismatches, nr_connects, nr_body_bytes, max_us, nr_other_names;
static uint64_t failures[OUTCOME_FAILURE_COUNT];
static uint64_t statuses[STATUS_MAX];
static uint64_t buckets[BUCKETS];
static struct name names[NAMES_MAX];
static int nr_names;

static const char *const labels[] = {
#define X(name, label) [OUTCOME_FAILURE_##name] = label,
    OUTCOME_FAILURES(X)
#undef X
};

static void count_name(struct str version)
{
    for (int i = 0; i < nr_names; i++) {
        if (str_eq(version, (struct str){names[i].text, names[i].n})) {
            names[i].count++;
            return;
        }
    }
    if (nr_names == NAMES_MAX || version.n >= NAME_BYTES) {
        nr_other_names++;
        return;
    }
    if (version.n > 0)
        memcpy(names[nr_names].text, version.p, version.n);
    names[nr_names].n = version.n;
    names[nr_names++].count = 1;
}

static unsigned bucket_of(uint64_t us)
{
    unsigned exponent;

    if (us < 16)
        return (unsigned)us;
    exponent = 63 - (unsigned)__builtin_clzll(us);
    return exponent * 16 + (unsigned)(us >> (exponent - 4) & 15);
}

static uint64_t bucket_floor(unsigned bucket)
{
    unsigned exponent = bucket / 16;

    return exponent < 4 ? bucket : (uint64_t)(16 + bucket % 16) << (exponent - 4);
}

void outcome_answer(int status, struct str version, struct str demo_version, uint64_t body_bytes,
                    uint64_t us)
{
    nr_answers++;
    nr_body_bytes += body_bytes;
    if (status < STATUS_MAX)
        statuses[status]++;
    count_name(version);
    if (demo_version.n > 0 && !str_eq(version, demo_version))
        nr_mismatches++;
    buckets[bucket_of(us)]++;
    if (us > max_us)
        max_us = us;
}

void outcome_fail(enum outcome_failure failure)
{
    failures[failure]++;
}

void outcome_connected(void)
{
    nr_connects++;
}

static uint64_t percentile(double share)
{
    uint64_t below = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        below += buckets[i];
        if ((double)below >= share * (double)nr_answers)
            return bucket_floor(i);
    }
    return max_us;
}

static void print_failures(FILE *out)
{
    uint64_t total = 0;

    for (int i = 0; i < OUTCOME_FAILURE_COUNT; i++)
        total += failures[i];
    fprintf(out, "\"failed\":%" PRIu64 ",\"failures\":{", total);
    for (int i = 0; i < OUTCOME_FAILURE_COUNT; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", labels[i], failures[i]);
    fputs("},", out);
}

static void print_statuses(FILE *out)
{
    const char *separator = "";

    fputs("\"statuses\":{", out);
    for (int i = 0; i < STATUS_MAX; i++) {
        if (statuses[i] > 0) {
            fprintf(out, "%s\"%d\":%" PRIu64, separator, i, statuses[i]);
            separator = ",";
        }
    }
    fputs("},", out);
}

void outcome_print(FILE *out)
{
    fprintf(out, "{\"answers\":%" PRIu64 ",", nr_answers);
    print_failures(out);
    print_statuses(out);
    fputs("\"versions\":{", out);
    for (int i = 0; i < nr_names; i++)
        fprintf(out, "%s\"%.*s\":%" PRIu64, i > 0 ? "," : "", (int)names[i].n, names[i].text,
                names[i].count);
    fprintf(out, "},\"other_versions\":%" PRIu64 ",\"mismatches\":%" PRIu64, nr_other_names,
            nr_mismatches);
    fprintf(out, ",\"connects\":%" PRIu64 ",\"body_bytes\":%" PRIu64, nr_connects, nr_body_bytes);
    fprintf(out, ",\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ",\"max_us\":%" PRIu64 "}\n",
            percentile(0.5), percentile(0.99), max_us);
    fflush(out);
}
