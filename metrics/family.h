/* What the files that print the exposition share (expose*.c): the page that grows, sums of the
 * counters, and pieces of a line. A sample is family_put(name), its labels, family_end_line.
 * Private to the exposition; the thread that writes the page. */
#ifndef WEIR_METRICS_FAMILY_H
#define WEIR_METRICS_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "metrics/page.h"

/* A cell is nothing but numbers, so cells are added up as arrays. */
enum { CELL_NUMBERS = sizeof(struct metrics_cell) / sizeof(struct metrics_number) };

/* Where a member is in such an array. */
#define NUMBER_OF(member) (offsetof(struct metrics_cell, member) / sizeof(struct metrics_number))

struct sums {
    uint32_t series;
    size_t labels_at; /* in the scrape's labels */
    size_t labels_n;
    uint64_t numbers[CELL_NUMBERS];
};

struct scrape {
    struct page page;
    struct metrics *metrics;
    const struct expose_facts *facts;
    int nr_workers;
    uint32_t nr_sums;
    struct sums *sums;  /* of every series that has traffic */
    struct page labels; /* of these, one behind the other */
    uint32_t nr_series; /* all numbers of series that are shown are below it */
    bool *is_shown;     /* by series: its line of the family at hand was printed */
};

/* # HELP and # TYPE. */
void family_begin(struct scrape *s, const char *name, const char *type, const char *help);

void family_put(struct scrape *s, const char *z);
/* before is "{" or ",". */
void family_label(struct scrape *s, const char *before, const char *name, struct str value);
void family_end_line(struct scrape *s, uint64_t value);
/* value / 10^places. */
void family_end_scaled(struct scrape *s, uint64_t value, int places);
/* The same without the space before it. */
void family_end_value(struct scrape *s, uint64_t value, int places);

/* name{function="",alias="",version="" without the brace that closes: of any series, and of one
 * that has traffic, whose labels are known. */
void family_series(struct scrape *s, const char *name, uint32_t series);
void family_counted(struct scrape *s, const char *name, const struct sums *sums);

/* A family of one sample without labels. */
void family_one(struct scrape *s, const char *name, const char *type, const char *help,
                uint64_t value);

/* The families, by file. */
void expose_series(struct scrape *s);    /* expose_series.c */
void expose_endpoints(struct scrape *s); /* expose_endpoints.c */
void expose_events(struct scrape *s);    /* expose_events.c */
void expose_fleet(struct scrape *s);     /* expose_fleet.c */

#endif
