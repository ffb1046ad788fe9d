/* The timing wheel's slow paths: filing a node, turning the wheel, finding the next slot in use.
 *
 * Invariant: between calls every node in a slot is filed at a tick in (tick, tick + WHEEL_SLOTS),
 * so a slot holds nodes of one tick only. During a turn the slots that came up are first emptied
 * into one list of their own, before any callback runs: callbacks may then unlink nodes from that
 * list, and what they file goes to slots that this turn does not look at again. */
#include "base/wheel.h"

#include <string.h>

static void link_last(struct wheel_node *head, struct wheel_node *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Appends all of a list to another and leaves it empty. */
static void splice_last(struct wheel_node *to, struct wheel_node *from)
{
    if (from->next == from)
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    from->prev = from->next = from;
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    wheel->tick_ms = now_ms;
    wheel->tick = 0;
    wheel->nr = 0;
    memset(wheel->used, 0, sizeof(wheel->used));
    for (int i = 0; i < WHEEL_SLOTS; i++)
        wheel->slots[i] = (struct wheel_node){&wheel->slots[i], &wheel->slots[i], 0, 0};
}

/* Puts the node into the slot of its deadline, or into the last one before the wheel comes
 * round. */
void wheel_file(struct wheel *wheel, struct wheel_node *node)
{
    uint32_t due = node->due;
    uint32_t slot;

    wheel_forget(wheel, node);
    node->due = due;
    node->filed = due - wheel->tick < WHEEL_SLOTS ? due : wheel->tick + WHEEL_SLOTS - 1;
    slot = node->filed % WHEEL_SLOTS;
    link_last(&wheel->slots[slot], node);
    wheel->used[slot / 64] |= (uint64_t)1 << slot % 64;
    wheel->nr++;
}

/* Moves what the next nr slots hold to a list, and the wheel's time with them. */
static void take_slots(struct wheel *wheel, uint64_t nr, struct wheel_node *list)
{
    for (uint32_t i = 1; i <= nr && i <= WHEEL_SLOTS; i++) {
        uint32_t slot = (wheel->tick + i) % WHEEL_SLOTS;
        uint64_t bit = (uint64_t)1 << slot % 64;

        if (!(wheel->used[slot / 64] & bit))
            continue;
        wheel->used[slot / 64] &= ~bit;
        splice_last(list, &wheel->slots[slot]);
    }
    wheel->tick += (uint32_t)nr;
    wheel->tick_ms += nr * WHEEL_TICK_MS;
}

void wheel_turn(struct wheel *wheel, uint64_t now_ms, wheel_expired *expired, void *ctx)
{
    struct wheel_node list = {&list, &list, 0, 0};

    take_slots(wheel, (now_ms - wheel->tick_ms) / WHEEL_TICK_MS, &list);
    while (list.next != &list) {
        struct wheel_node *node = list.next;
        uint32_t due = node->due;

        if (due != 0 && (int32_t)(due - wheel->tick) > 0) {
            wheel_file(wheel, node);
            continue;
        }
        wheel_forget(wheel, node);
        if (due != 0)
            expired(node, ctx);
    }
}

/* The distance from the current tick to the next slot in use, 1 to WHEEL_SLOTS; 0 where there is
 * none. */
static uint32_t next_used(const struct wheel *wheel)
{
    uint32_t first = (wheel->tick + 1) % WHEEL_SLOTS;
    uint64_t word = wheel->used[first / 64] >> first % 64 << first % 64;

    for (uint32_t i = 0; i <= WHEEL_WORDS; i++) {
        uint32_t index = (first / 64 + i) % WHEEL_WORDS;

        if (i > 0)
            word = wheel->used[index];
        if (word) {
            uint32_t slot = index * 64 + (uint32_t)__builtin_ctzll(word);

            return (slot - first) % WHEEL_SLOTS + 1;
        }
    }
    return 0;
}

int wheel_next_ms(const struct wheel *wheel, uint64_t now_ms)
{
    uint32_t ticks = wheel->nr > 0 ? next_used(wheel) : 0;
    uint64_t at_ms;

    if (ticks == 0)
        return -1;
    at_ms = wheel->tick_ms + (uint64_t)ticks * WHEEL_TICK_MS;
    return at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
}
