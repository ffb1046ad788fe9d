/* Deadlines: a binary heap of alarms that live inside what they wake. */
#ifndef WEIR_DEMO_ALARMS_H
#define WEIR_DEMO_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

struct alarms_entry {
    uint64_t due_ms;
    uint32_t place; /* in the heap, from 1; 0: not set */
    void (*ring)(void *context);
    void *context;
};

static inline bool alarms_is_set(const struct alarms_entry *entry)
{
    return entry->place != 0;
}

/* Sets or moves an alarm to ms from now. ring and context are the entry's own. */
void alarms_set(struct alarms_entry *entry, uint64_t ms);
void alarms_clear(struct alarms_entry *entry);

/* Rings what is due; returns milliseconds until the next, or -1 where none is set. */
int alarms_run(void);

#endif
