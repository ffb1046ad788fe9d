/* routingConfiguration: versions of one state machine with weights in whole percents, and back.
 * Control thread. */
#ifndef WEIR_CONTROL_SFN_ROUTING_H
#define WEIR_CONTROL_SFN_ROUTING_H

#include "control/sfn_call.h"

enum { SFN_ROUTING_MAX = 2 };

struct sfn_routing {
    int nr; /* 0: the call has none */
    struct sfn_arn arns[SFN_ROUTING_MAX];
    int weights[SFN_ROUTING_MAX];
};

/* Reads the member; what the model forbids is added to call->check. */
void sfn_routing_read(struct sfn_call *call, struct sfn_routing *out);

/* The rules between the items, after the model's: false where one is broken, which has failed. All
 * versions are there. machine "": the first item says which. */
bool sfn_routing_check(struct sfn_call *call, struct sfn_routing *routing, const char *machine)
    __attribute__((warn_unused_result));

/* As an alias's document has it: {"1": 80, "2": 20}. */
json_t *sfn_routing_weights(const struct sfn_routing *routing);

/* An alias's in force as the API shows it: percents that are no whole ones are rounded so that they
 * total 100. */
json_t *sfn_routing_show(const struct sfn_call *call, const struct target *target);

#endif
