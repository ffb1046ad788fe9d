/* Rise and fall. */
#include "proxy/upstream/health_state.h"

bool health_state_take(struct health_state *s, bool is_good, uint16_t rise, uint16_t fall)
{
    uint16_t limit = s->is_down ? rise : fall;

    if (is_good != s->is_down) { /* it agrees with the state */
        s->nr_against = 0;
        s->has_result = true;
        return false;
    }
    s->nr_against++;
    if (s->has_result && s->nr_against < limit)
        return false;
    s->has_result = true;
    s->is_down = !is_good;
    s->nr_against = 0;
    return true;
}

void health_state_renew(struct health_state *s)
{
    s->nr_against = 0;
}
