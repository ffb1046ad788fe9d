/* Results of checks to up and down. Pure: no clock, no socket.
 *
 *     first result         decides at once: up if it is good, down if it is bad
 *     UP   -- fall bad ones in a row  --> DOWN
 *     DOWN -- rise good ones in a row --> UP
 *
 * Before its first result an endpoint counts as up: a weir that has just started, or a version that
 * has just been published, must not refuse what would have worked. All zero is an endpoint without
 * a result. */
#ifndef WEIR_PROXY_UPSTREAM_HEALTH_STATE_H
#define WEIR_PROXY_UPSTREAM_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct health_state {
    bool has_result, is_down;
    uint16_t nr_against; /* results in a row that speak against the state */
};

/* Takes one more result; rise and fall are 1 or more. True when that changed is_down. */
bool health_state_take(struct health_state *s, bool is_good, uint16_t rise, uint16_t fall);

/* Another check is asked from now on: what spoke against the state does not count for it; the state
 * stays. */
void health_state_renew(struct health_state *s);

#endif
