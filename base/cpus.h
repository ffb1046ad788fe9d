/* How many CPUs this process may use at once: the least of those that are online, its affinity, and
 * the quota of its cgroup and of those above it. */
#ifndef WEIR_BASE_CPUS_H
#define WEIR_BASE_CPUS_H

/* 1 or more. Reads files of /proc and /sys/fs/cgroup: control thread, at the start. */
int cpus_usable(void);

/* The quota alone, rounded up to whole CPUs; 0: none. root: "" for the machine's files, or a folder
 * that stands for the root of the file system. cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us,
 * cpu.cfs_period_us). */
int cpus_quota(const char *root);

/* The least of the three; quota 0: none. */
int cpus_least(int online, int affinity, int quota);

#endif
