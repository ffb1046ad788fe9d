/* One deployment: what was asked for, how far it is, and the row that the store keeps of it. How it
 * gets on is control/shift.h's. Control thread. */
#ifndef WEIR_CONTROL_DEPLOYMENT_H
#define WEIR_CONTROL_DEPLOYMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "control/appspec.h"
#include "control/plan.h"

/* d- and nine letters or digits */
enum { DEPLOYMENT_ID = 11, DEPLOYMENT_CODE_MAX = 40, DEPLOYMENT_MESSAGE_MAX = 700 };

#define DEPLOYMENT_STATUSES(X)                                                                     \
    X(CREATED, "Created")                                                                          \
    X(QUEUED, "Queued")                                                                            \
    X(IN_PROGRESS, "InProgress")                                                                   \
    X(SUCCEEDED, "Succeeded")                                                                      \
    X(FAILED, "Failed")                                                                            \
    X(STOPPED, "Stopped")

enum deployment_status {
#define X(name, text) DEPLOYMENT_##name,
    DEPLOYMENT_STATUSES(X)
#undef X
        DEPLOYMENT_STATUS_COUNT
};
extern const char *const deployment_status_names[DEPLOYMENT_STATUS_COUNT];
/* -1: none of them. */
int deployment_status_of(const char *name);

/* The life cycle, in its order. */
enum deployment_event {
    DEPLOYMENT_START,
    DEPLOYMENT_BEFORE,
    DEPLOYMENT_ALLOW,
    DEPLOYMENT_AFTER,
    DEPLOYMENT_END,
    DEPLOYMENT_EVENTS
};
extern const char *const deployment_event_names[DEPLOYMENT_EVENTS];

enum deployment_mark {
    DEPLOYMENT_MARK_PENDING,
    DEPLOYMENT_MARK_IN_PROGRESS,
    DEPLOYMENT_MARK_SUCCEEDED,
    DEPLOYMENT_MARK_FAILED,
    DEPLOYMENT_MARK_SKIPPED,
    DEPLOYMENT_MARK_COUNT
};
extern const char *const deployment_mark_names[DEPLOYMENT_MARK_COUNT];

/* What changes while it runs; plain data, so that the next state is a copy. Times in seconds since
 * 1970, 0: not yet. */
struct deployment_state {
    enum deployment_status status;
    struct {
        enum deployment_mark mark;
        double began_s, ended_s;
    } events[DEPLOYMENT_EVENTS];
    int step;        /* of the plan, in force; -1: none */
    uint32_t weight; /* that the target version has by it, in billionths */
    double started_s, completed_s, updated_s;
    char hook_ids[APPSPEC_HOOKS][ID_LENGTH + 1]; /* "" before the hook is called */
    char code[DEPLOYMENT_CODE_MAX];              /* of errorInformation; "": none */
    char message[DEPLOYMENT_MESSAGE_MAX];
    char rollback_id[DEPLOYMENT_ID + 1]; /* the deployment that takes this one back; "" */
};

struct api_errand;

struct deployment {
    TAILQ_ENTRY(deployment) link;
    char id[DEPLOYMENT_ID + 1];
    uint64_t serial; /* in the order of their making */
    json_t *info;    /* what was asked for; does not change (but deployment_retarget) */
    struct appspec spec;
    struct deployment_state state;
    /* Of a rollback: the alias has these, weight to the second, before it is written back. */
    bool is_rollback;
    bool is_published; /* by control/publish.h: its CurrentVersion is found when it begins */
    char from_first[APPSPEC_VERSION_MAX + 1], from_second[APPSPEC_VERSION_MAX + 1];
    uint32_t from_weight;

    /* Not stored: control/shift.c's. */
    struct {
        uint64_t step_ms, hook_ms, again_ms; /* clock_ms: since when, since when, not before */
        bool is_moving;                      /* a change of it is queued */
        struct api_errand *errand;           /* a hook that was called and has not answered */
        enum appspec_hook hook;              /* which one was called last */
        bool is_called;
        int report; /* of the errand: 1 it has succeeded, -1 it has failed, 0 nothing yet */
        char reason[DEPLOYMENT_MESSAGE_MAX];
        struct shift_baseline *baselines; /* what the alarms count from (control/alarm.h) */
    } now;
};

TAILQ_HEAD(deployments, deployment);

static inline bool deployment_is_over(const struct deployment *deployment)
{
    return deployment->state.status >= DEPLOYMENT_SUCCEEDED;
}

/* Takes the info, which has what the row of a deployment has under "info":
 *   deploymentId, serial, revision, applicationId, deploymentGroupId, steps, ...
 * NULL when out of memory, or with another kind of info. */
struct deployment *deployment_make_take(json_t *info);
/* From the row. NULL likewise. */
struct deployment *deployment_read(const char *document);
/* It becomes as the other says, which another member of a fleet has made of it. */
void deployment_follow(struct deployment *deployment, struct deployment *other);
/* The row with this state; to be freed, NULL when out of memory. */
char *deployment_write(const struct deployment *deployment, const struct deployment_state *state);
/* Clears the pointer, which may be NULL. */
void deployment_free(struct deployment **deployment);

/* Its AppSpec has another CurrentVersion from now on. 0, or -1 when out of memory. */
int deployment_retarget(struct deployment *deployment, struct str current)
    __attribute__((warn_unused_result));

/* Text members of the info; "" where there is none. */
const char *deployment_text(const struct deployment *deployment, const char *member);

/* Its plan, with minutes of so many ms. */
void deployment_plan(const struct deployment *deployment, uint64_t minute_ms, struct plan *plan);

#endif
