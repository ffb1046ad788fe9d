/* How a split (router/split.h) stands. Any thread that is within the split's qsbr domain. */
#ifndef WEIR_ROUTER_SPLIT_ACCOUNT_H
#define WEIR_ROUTER_SPLIT_ACCOUNT_H

#include "router/split.h"

/* The error each arm would carry into a successor now: target minus picks, in billionths. For tests
 * and the admin page; while others pick it is that of some moment during the call. out has room for
 * nr_arms. */
void split_account_errors(const struct split *split, int64_t *out);

/* How the split of a member of a fleet stands, at one moment during the call. low and high are the
 * bounds within which the errors stay while nothing is changed. */
struct split_account {
    int nr_arms;
    uint64_t place;
    uint32_t weights[SPLIT_ARMS_MAX];
    int64_t errors[SPLIT_ARMS_MAX], low[SPLIT_ARMS_MAX], high[SPLIT_ARMS_MAX];
    uint64_t counts[SPLIT_ARMS_MAX]; /* picks, from the alias's beginning on */
};

/* false: nothing was ever drawn. Threads: as split_account_errors. */
bool split_account(const struct split *split, struct split_account *out);

#endif
