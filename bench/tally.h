/* What the load generator counts: answers per version, latency, and the CPU time of the processes
 * under test. */
#ifndef WEIR_BENCH_TALLY_H
#define WEIR_BENCH_TALLY_H

#include <stdint.h>
#include <stdio.h>

#define TALLY_VERSIONS 10  /* 0: an answer that named none */
#define TALLY_SUB      128 /* histogram buckets per power of two: less than 1 % off */
#define TALLY_BUCKETS  (48 * TALLY_SUB)
#define TALLY_SLICES   128 /* the window in slices, each with its slowest request */

struct tally_version {
    uint64_t answers;
    uint64_t first_answer_ns,
        last_sent_ns; /* first answer had; last request sent that this version answered */
};

struct tally {
    uint64_t begin_ns, slice_ns;
    uint64_t answers, bytes;
    uint64_t failed;      /* wrong, cut short, refused: everything a user would call an error */
    uint64_t resent;      /* a kept connection closed under a request that had no answer yet */
    uint64_t connections; /* opened */
    uint64_t handshakes, resumed;
    struct tally_version versions[TALLY_VERSIONS];
    uint64_t slowest_ns, slice_slowest_ns[TALLY_SLICES];
    uint64_t latency[TALLY_BUCKETS];
    char error[128]; /* the first */
};

void tally_begin(struct tally *tally, uint64_t now_ns, uint64_t slice_ns);

/* due: when the request should have gone out; sent: when it did. */
void tally_answer(struct tally *tally, int version, uint64_t due_ns, uint64_t sent_ns,
                  uint64_t now_ns);

void tally_failure(struct tally *tally, const char *why);

/* The latency that the given share of the answers did not exceed, in microseconds. */
double tally_quantile(const struct tally *tally, double share);

/* The fields of a JSON object, without its braces. */
void tally_print(const struct tally *tally, FILE *out);

/* CPU time in nanoseconds of a comma-separated list of processes; those that have ended count as 0.
 */
uint64_t tally_cpu_ns(const char *pids);

#endif
