/* The order in which an alias's terms are asked. */
#include "proxy/exchange/assign.h"

#include <sys/random.h>

#include "proxy/exchange/callerkey.h"
#include "proxy/exchange/pick.h"
#include "router/stickymap.h"

/* ---- Cookies that are issued ----------------------------------------------------------------- */

static const struct alias_source *find_issue(const struct alias_sticky *sticky)
{
    for (int i = 0; i < sticky->nr_sources; i++)
        if (sticky->sources[i].issue)
            return &sticky->sources[i];
    return NULL;
}

/* A new caller's id, if the split gives them out. The kernel's randomness: nobody foresees another
 * caller's. False where there is none. */
static bool issue(struct choice *out, const struct alias_sticky *sticky)
{
    static const char digits[] = "0123456789abcdef";
    const struct alias_source *source = find_issue(sticky);
    uint8_t bytes[ASSIGN_ID_LENGTH / 2];

    if (!source || getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    for (int i = 0; i < ASSIGN_ID_LENGTH; i++)
        out->issued.id[i] = digits[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
    out->issued.source = source;
    return true;
}

/* ---- Sticky ---------------------------------------------------------------------------------- */

/* The primary version takes those whom the namespace leaves out. */
static bool is_excluded(const struct alias_sticky *sticky, struct str key)
{
    uint32_t point;

    if (!sticky->has_namespace)
        return false;
    point = stickymap_point(stickymap_hash(sticky->namespace_seed, key));
    return point < sticky->from || point >= sticky->to;
}

static void assign_caller(struct choice *out, const struct alias_sticky *sticky, struct str key)
{
    const struct target *target = out->target;
    uint64_t hash = stickymap_hash(sticky->seed, key);

    out->caller = (struct caller){.is_known = true, .hash = hash};
    out->picked = is_excluded(sticky, key) ? PICKED_EXCLUDED : PICKED_STICKY;
    out->arm = (struct arm *)(uintptr_t)&target->arms[0];
    if (out->picked == PICKED_STICKY)
        out->arm += stickymap_find(target->map, stickymap_point(hash));
}

static enum assigned assign_sticky(struct choice *out, const struct worker *w,
                                   const struct head *head)
{
    const struct alias_sticky *sticky = out->target->terms->sticky;
    struct callerkey key;

    if (callerkey_find(&key, sticky, head, out->from, w->tuning)) {
        assign_caller(out, sticky, key.key);
        callerkey_fini(&key);
        return ASSIGN_DONE;
    }
    if (!issue(out, sticky))
        return ASSIGN_DRAW;
    assign_caller(out, sticky, (struct str){out->issued.id, ASSIGN_ID_LENGTH});
    return ASSIGN_DONE;
}

/* ---- The whole ------------------------------------------------------------------------------- */

enum assigned assign_version(struct choice *out, struct worker *w, const struct head *head)
{
    const struct alias_terms *terms = out->target->terms;

    if (terms->sticky && head)
        return assign_sticky(out, w, head);
    return ASSIGN_DRAW;
}
