/* The split over a fleet: how far off all members together are, and can be. */
#include "metrics/expose.h"
#include "metrics/family.h"

enum { PLACES = 9 };

static void put_labels(struct scrape *s, const char *name, const struct expose_fleet_split *split)
{
    family_put(s, name);
    family_label(s, "{", "function", split->function);
    family_label(s, ",", "alias", split->alias);
}

/* A gauge may be below 0. */
static void end_signed(struct scrape *s, int64_t value)
{
    if (value < 0) {
        family_put(s, "} -");
        family_end_value(s, (uint64_t)-value, PLACES);
    } else {
        family_put(s, "}");
        family_end_scaled(s, (uint64_t)value, PLACES);
    }
}

void expose_fleet(struct scrape *s)
{
    static const char error[] = "weir_fleet_split_error", bound[] = "weir_fleet_split_bound";

    if (!s->facts->has_store)
        return;
    family_begin(s, error, "gauge",
                 "Invocations that a version is owed over the whole fleet: its target less what it "
                 "was given.");
    for (int i = 0; i < s->facts->nr_fleet_splits; i++) {
        put_labels(s, error, &s->facts->fleet_splits[i]);
        family_label(s, ",", "version", s->facts->fleet_splits[i].version);
        end_signed(s, s->facts->fleet_splits[i].error);
    }
    family_begin(s, bound, "gauge", "How large that can be, either way, for any version.");
    for (int i = 0; i < s->facts->nr_fleet_splits; i++) {
        if (!s->facts->fleet_splits[i].is_first)
            continue;
        put_labels(s, bound, &s->facts->fleet_splits[i]);
        end_signed(s, s->facts->fleet_splits[i].bound);
    }
}
