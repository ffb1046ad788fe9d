/* Each invocation is settled once: ex->wards is NULL before and after.
 *
 * What failed: a status of 500 and more, no connection, a time limit, a function error. Not 4xx,
 * not a client that has left. */
#include "proxy/exchange/warden.h"

#include "proxy/exchange/failure.h"
#include "proxy/worker/recall.h"
#include "router/ward.h"

/* -1: it is not the target's, as a pin or an override may have it. */
static int arm_of(const struct exchange *ex, const struct arm *arm)
{
    const struct arm *arms = ex->target->arms;

    return arm >= arms && arm < arms + ex->target->nr_arms ? (int)(arm - arms) : -1;
}

static void count_deferred(struct exchange *ex, struct arm *arm)
{
    struct metrics_cell *cell =
        metrics_cell(ex->worker->metrics, table_series(ex->lease->table, ex->target, arm));

    if (cell)
        metrics_add(&cell->deferred, 1);
}

/* What was drawn for this invocation alone, by the weights, is evidence. */
static bool is_evidence(const struct exchange *ex, const struct choice *choice, bool is_drawn)
{
    if (ex->order)
        return ex->order->attempt <= 1;
    return is_drawn && choice->picked >= PICKED_EXACT && choice->picked <= PICKED_STICKY;
}

void warden_begin_for(struct exchange *ex, struct choice *choice, bool is_drawn)
{
    const struct wards *wards = ex->target->wards;
    struct ward *ward = ward_of(wards, arm_of(ex, ex->arm));
    enum ward_answer answer;

    /* A tester has asked for that very version. */
    if (choice->picked == PICKED_OVERRIDE || arm_of(ex, ex->arm) < 0)
        return;
    answer = ward ? ward_take(wards, ward) : WARD_MAY;
    ex->wards = wards;
    ex->ward = ward;
    ex->is_evidence = is_evidence(ex, choice, is_drawn);
    if (answer == WARD_MAY)
        return;
    count_deferred(ex, ex->arm);
    ex->arm = choice->arm = &ex->target->arms[0];
    ex->ward = NULL;
    ex->is_evidence = false;
    choice->picked = ex->picked = PICKED_DEFERRED;
    if (answer == WARD_RECALL)
        recall_post(&ex->worker->shared->recalls, ward);
}

bool warden_may_move(struct exchange *ex, const struct arm *other)
{
    struct ward *ward;

    if (!ex->wards)
        return true;
    ward = ward_of(ex->wards, arm_of(ex, other));
    if (ward && ward_take(ex->wards, ward) != WARD_MAY)
        return false;
    if (ex->ward)
        ward_give(ex->ward);
    ex->ward = ward;
    ex->is_evidence = false;
    return true;
}

void warden_spend(struct exchange *ex)
{
    const struct wards *wards = ex->wards;
    struct ward *taken_back = NULL;

    ex->wards = NULL;
    if (ex->ward && ward_spend(wards, ex->ward))
        taken_back = ex->ward;
    if (ex->is_evidence) {
        struct ward *by_guard = ward_error(wards, arm_of(ex, ex->arm));
        if (by_guard)
            taken_back = by_guard;
    }
    if (!taken_back)
        return;
    recall_post(&ex->worker->shared->recalls, taken_back);
    if (ex->front->withhold)
        ex->front->withhold(ex);
}

void warden_settle(struct exchange *ex)
{
    ex->wards = NULL;
    if (ex->ward)
        ward_give(ex->ward);
}

static bool is_function_error(const struct exchange *ex, const struct head *head)
{
    if (!ex->is_invoke)
        return false;
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head_name(head, &head->fields[i]), STR("x-amz-function-error")))
            return true;
    return false;
}

static bool has_client_left(const struct exchange *ex)
{
    return ex->outcome == METRICS_ERROR_CLIENT_ABORT;
}

void warden_look_at(struct exchange *ex, const struct head *head)
{
    if (head->status == 101)
        warden_settle(ex); /* from here on it is a tunnel */
    else if ((head->status >= 500 || is_function_error(ex, head)) && !has_client_left(ex))
        warden_spend(ex);
}

void warden_blame(struct exchange *ex, enum metrics_error why)
{
    bool is_ours = why == METRICS_ERROR_CLIENT_ABORT || why == METRICS_ERROR_BAD_REQUEST_BODY ||
                   why == METRICS_ERROR_DRAIN_TIMEOUT;

    /* A limit of connections that says 429 is none either. */
    if (is_ours || has_client_left(ex) ||
        failure_of(why, ex->run && ex->run->version->kind == VERSION_RIE).status < 500)
        warden_settle(ex);
    else
        warden_spend(ex);
}
