/* One move of the deployment, in a change that is another's. */
#include "control/shift_takeback.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static struct deployment *find_running(struct shifts *shifts, const struct takeback *takeback)
{
    struct deployment *d;

    TAILQ_FOREACH(d, &shifts->ledger.deployments, link)
    {
        if (d->state.status == DEPLOYMENT_IN_PROGRESS &&
            str_eq(str_of(d->spec.function), takeback->function) &&
            str_eq(str_of(d->spec.alias), takeback->alias))
            return d;
    }
    return NULL;
}

static void free_move(void *state)
{
    struct shift_move *move = state;

    shift_move_fini(move);
    free(move);
}

static void begins(void *context, const struct takeback *takeback, struct change *change)
{
    struct shifts *shifts = context;
    struct deployment *d = find_running(shifts, takeback);
    struct shift_move *move = d ? malloc(sizeof(*move)) : NULL;
    char message[DEPLOYMENT_MESSAGE_MAX];

    if (!d)
        return;
    if (move) {
        snprintf(message, sizeof(message), "The alias was taken back by its %s.", takeback->text);
        shift_taken_back(move, shifts, d, message);
        change->state = move;
        change->state_free = free_move;
    }
    if (!move || ledger_keep_deployment(change, d, &move->next) < 0)
        log_error("out of memory: deployment %s does not know that its alias was taken back",
                  d->id);
}

static void over(void *context, const struct takeback *takeback, struct change *change,
                 bool is_done)
{
    const struct change_result result = {.status = CHANGE_DONE};

    (void)context;
    (void)takeback;
    if (is_done && change->state)
        shift_take(change->state, &result);
}

struct takeback_listener shift_takeback_listener(struct shifts *shifts)
{
    return (struct takeback_listener){.context = shifts, .begins = begins, .over = over};
}
