/* Families of what runs without a client that waits: events, deployments and their alarms. */
#include "metrics/family.h"

static const struct {
    const char *name, *help;
    size_t offset;
} event_families[] = {
    {"weir_events_accepted_total", "Events that were accepted.",
     offsetof(struct expose_event_counts, accepted)},
    {"weir_events_delivered_total", "Events that ran without an error.",
     offsetof(struct expose_event_counts, delivered)},
    {"weir_events_retried_total", "Attempts to run events that another one follows.",
     offsetof(struct expose_event_counts, retried)},
    {"weir_events_dead_letters_total", "Dead letters that were delivered.",
     offsetof(struct expose_event_counts, dead_letters)},
};

static const char *const drop_labels[EXPOSE_DROP_COUNT] = {
#define X(name, label, help) label,
    EXPOSE_EVENT_DROPS(X)
#undef X
};

static void put_drops(struct scrape *s)
{
    family_begin(s, "weir_events_dropped_total", "counter",
                 "Events that were given up and that no dead letter tells of, by reason.");
    for (int i = 0; i < s->facts->nr_event_counts; i++) {
        const struct expose_event_counts *counts = &s->facts->event_counts[i];

        for (int k = 0; k < EXPOSE_DROP_COUNT; k++) {
            family_put(s, "weir_events_dropped_total");
            family_label(s, "{", "function", counts->function);
            family_label(s, ",", "reason", str_of(drop_labels[k]));
            family_put(s, "}");
            family_end_line(s, counts->dropped[k]);
        }
    }
}

static void put_event_families(struct scrape *s)
{
    family_one(s, "weir_events_queued", "gauge",
               "Events that were accepted and are not over, dead letters included.",
               s->facts->events_queued);
    family_begin(s, "weir_events_oldest_age_seconds", "gauge",
                 "Since when the oldest of them waits; 0: there is none.");
    family_put(s, "weir_events_oldest_age_seconds");
    family_end_scaled(s, s->facts->events_oldest_age_ms, 3);
    for (size_t k = 0; k < sizeof(event_families) / sizeof(event_families[0]); k++) {
        family_begin(s, event_families[k].name, "counter", event_families[k].help);
        for (int i = 0; i < s->facts->nr_event_counts; i++) {
            const char *counts = (const char *)&s->facts->event_counts[i];

            family_put(s, event_families[k].name);
            family_label(s, "{", "function", s->facts->event_counts[i].function);
            family_put(s, "}");
            family_end_line(s,
                            *(const uint64_t *)(const void *)(counts + event_families[k].offset));
        }
    }
    put_drops(s);
}

static void put_deployments(struct scrape *s)
{
    static const char name[] = "weir_deployments_total";

    family_begin(s, name, "counter", "Deployments that ended, by the status in which they did.");
    for (int i = 0; i < s->facts->nr_deployment_counts; i++) {
        const struct expose_deployment_counts *counts = &s->facts->deployment_counts[i];
        const struct {
            struct str status;
            uint64_t n;
        } lines[] = {{STR("Succeeded"), counts->succeeded},
                     {STR("Failed"), counts->failed},
                     {STR("Stopped"), counts->stopped}};

        for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
            family_put(s, name);
            family_label(s, "{", "function", counts->function);
            family_label(s, ",", "alias", counts->alias);
            family_label(s, ",", "status", lines[k].status);
            family_put(s, "}");
            family_end_line(s, lines[k].n);
        }
    }
}

static void put_alarms(struct scrape *s)
{
    family_begin(s, "weir_alarm_state", "gauge", "1: the alarm fires.");
    for (int i = 0; i < s->facts->nr_alarms; i++) {
        family_put(s, "weir_alarm_state");
        family_label(s, "{", "alarm", s->facts->alarms[i].name);
        family_put(s, "}");
        family_end_line(s, s->facts->alarms[i].is_firing);
    }
}

void expose_events(struct scrape *s)
{
    put_event_families(s);
    put_deployments(s);
    put_alarms(s);
}
