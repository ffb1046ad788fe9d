/* Counting for the load generator; see tally.h. */
#include "bench/tally.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void tally_begin(struct tally *tally, uint64_t now_ns, uint64_t slice_ns)
{
    memset(tally, 0, sizeof(*tally));
    tally->begin_ns = now_ns;
    tally->slice_ns = slice_ns;
}

/* Buckets are linear below TALLY_SUB, then TALLY_SUB to each power of two. */
static int bucket_of(uint64_t ns)
{
    if (ns < TALLY_SUB)
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - 7;
    int bucket = (shift + 1) * TALLY_SUB + (int)((ns >> shift) - TALLY_SUB);
    return bucket < TALLY_BUCKETS ? bucket : TALLY_BUCKETS - 1;
}

static double middle_of(int bucket)
{
    if (bucket < TALLY_SUB)
        return bucket;
    int shift = bucket / TALLY_SUB - 1;
    return (TALLY_SUB + bucket % TALLY_SUB + 0.5) * (double)(1ull << shift);
}

void tally_answer(struct tally *tally, int version, uint64_t due_ns, uint64_t sent_ns,
                  uint64_t now_ns)
{
    struct tally_version *counts = &tally->versions[version];
    uint64_t latency = now_ns - due_ns;
    uint64_t slice = due_ns > tally->begin_ns ? (due_ns - tally->begin_ns) / tally->slice_ns : 0;

    if (!counts->answers++)
        counts->first_answer_ns = now_ns;
    if (sent_ns > counts->last_sent_ns)
        counts->last_sent_ns = sent_ns;
    tally->answers++;
    tally->latency[bucket_of(latency)]++;
    if (latency > tally->slowest_ns)
        tally->slowest_ns = latency;
    if (slice < TALLY_SLICES && latency > tally->slice_slowest_ns[slice])
        tally->slice_slowest_ns[slice] = latency;
}

void tally_failure(struct tally *tally, const char *why)
{
    if (!tally->failed++)
        snprintf(tally->error, sizeof(tally->error), "%s", why);
}

double tally_quantile(const struct tally *tally, double share)
{
    uint64_t rank = (uint64_t)(share * (double)tally->answers), seen = 0;

    for (int i = 0; i < TALLY_BUCKETS; i++) {
        seen += tally->latency[i];
        if (seen > rank)
            return middle_of(i) / 1000;
    }
    return (double)tally->slowest_ns / 1000;
}

void tally_print(const struct tally *tally, FILE *out)
{
    fprintf(out, "\"answers\": %lu, \"failed\": %lu, \"resent\": %lu, \"connections\": %lu, ",
            tally->answers, tally->failed, tally->resent, tally->connections);
    fprintf(out, "\"bytes\": %lu, \"handshakes\": %lu, \"resumed\": %lu, ", tally->bytes,
            tally->handshakes, tally->resumed);
    fprintf(out, "\"error\": \"%s\", \"versions\": {", tally->error);
    const char *comma = "";
    for (int i = 0; i < TALLY_VERSIONS; i++) {
        const struct tally_version *counts = &tally->versions[i];

        if (!counts->answers)
            continue;
        fprintf(out,
                "%s\"%d\": {\"answers\": %lu, \"first_answer_ns\": %lu, \"last_sent_ns\": %lu}",
                comma, i, counts->answers, counts->first_answer_ns, counts->last_sent_ns);
        comma = ", ";
    }
    fprintf(out, "}, \"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"slowest_us\": %.1f",
            tally_quantile(tally, 0.5), tally_quantile(tally, 0.99), tally_quantile(tally, 0.999),
            (double)tally->slowest_ns / 1000);
    fprintf(out, ", \"slice_ms\": %.1f, \"slice_slowest_us\": [", (double)tally->slice_ns / 1e6);
    for (int i = 0; i < TALLY_SLICES; i++)
        fprintf(out, "%s%.0f", i ? ", " : "", (double)tally->slice_slowest_ns[i] / 1000);
    fprintf(out, "]");
}

uint64_t tally_cpu_ns(const char *pids)
{
    uint64_t sum = 0;

    while (pids && *pids) {
        char *end;
        long pid = strtol(pids, &end, 10);
        clockid_t clock;
        struct timespec used;

        if (pid > 0 && !clock_getcpuclockid((pid_t)pid, &clock) && !clock_gettime(clock, &used))
            sum += (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
        pids = *end == ',' ? end + 1 : NULL;
    }
    return sum;
}
