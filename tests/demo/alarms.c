/* The heap holds pointers from index 1, so that parent and children are i / 2, 2i and 2i + 1 and 0
 * can mean "not in it". The clock is read only where an alarm is set or may be due: a demo that was
 * asked for no delay never reads it. */
#include "alarms.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static struct alarms_entry **heap;
static uint32_t nr, capacity;

static void put(uint32_t place, struct alarms_entry *entry)
{
    heap[place] = entry;
    entry->place = place;
}

static void sift_up(uint32_t place)
{
    struct alarms_entry *entry = heap[place];

    while (place > 1 && heap[place / 2]->due_ms > entry->due_ms) {
        put(place, heap[place / 2]);
        place /= 2;
    }
    put(place, entry);
}

static void sift_down(uint32_t place)
{
    struct alarms_entry *entry = heap[place];

    for (;;) {
        uint32_t child = place * 2;

        if (child > nr)
            break;
        if (child < nr && heap[child + 1]->due_ms < heap[child]->due_ms)
            child++;
        if (heap[child]->due_ms >= entry->due_ms)
            break;
        put(place, heap[child]);
        place = child;
    }
    put(place, entry);
}

static void make_room(void)
{
    if (nr + 1 < capacity)
        return;
    capacity = capacity ? capacity * 2 : 256;
    heap = realloc(heap, capacity * sizeof(struct alarms_entry *));
    if (!heap) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
}

void alarms_clear(struct alarms_entry *entry)
{
    uint32_t place = entry->place;
    struct alarms_entry *last;

    if (place == 0)
        return;
    entry->place = 0;
    last = heap[nr--];
    if (last == entry)
        return;
    put(place, last);
    sift_up(place);
    sift_down(last->place);
}

void alarms_set(struct alarms_entry *entry, uint64_t ms)
{
    alarms_clear(entry);
    make_room();
    entry->due_ms = clock_ms() + ms;
    nr++;
    put(nr, entry);
    sift_up(nr);
}

int alarms_run(void)
{
    uint64_t now;

    if (nr == 0)
        return -1;
    now = clock_ms();
    while (nr > 0 && heap[1]->due_ms <= now) {
        struct alarms_entry *entry = heap[1];

        alarms_clear(entry);
        entry->ring(entry->context);
    }
    return nr == 0 ? -1 : (int)(heap[1]->due_ms - now);
}
