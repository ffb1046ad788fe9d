/* What the system says about this process, for the process_* metrics. */
#ifndef WEIR_METRICS_PROCESS_H
#define WEIR_METRICS_PROCESS_H

#include <stdint.h>

/* -1 where it could not be found out, as in a sandbox without /proc. */
struct process_facts {
    int64_t cpu_us; /* user and system, all threads */
    int64_t virtual_bytes, resident_bytes;
    int64_t open_fds, max_fds;
    int64_t threads;
};

/* Opens a few files below /proc/self; not for workers. */
void process_read(struct process_facts *facts);

#endif
