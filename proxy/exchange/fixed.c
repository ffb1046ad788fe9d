/* Who may fix a version, and which one that is. */
#include "proxy/exchange/fixed.h"

#include <assert.h>

#include "base/text.h"
#include "proxy/exchange/callerkey.h"
#include "proxy/exchange/extras.h"
#include "proxy/exchange/override.h"
#include "proxy/exchange/pintoken.h"
#include "proxy/http/cookie.h"
#include "router/ward.h"

enum { BILLION = 1000000000, SECOND_US = 1000000 };

/* ---- Fields ---------------------------------------------------------------------------------- */

/* Many programs see '_' and '-' in field names as the same (rules.h). */
static bool is_like(struct str name, struct str wanted)
{
    if (name.n != wanted.n)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] == '_' ? '-' : str_lower(name.p[i])) !=
            (wanted.p[i] == '_' ? '-' : str_lower(wanted.p[i])))
            return false;
    return true;
}

static const struct head_field *find_field(const struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head_name(head, &head->fields[i]), name))
            return &head->fields[i];
    return NULL;
}

void fixed_strip(const struct alias_terms *terms, struct head *head)
{
    struct str pin = terms->pin ? terms->pin->header : STR("");
    struct str override = terms->override ? terms->override->header : STR("");

    for (int i = 0; i < head->nr_fields; i++) {
        struct head_field *f = &head->fields[i];
        struct str name = head_name(head, f);

        if ((pin.n > 0 && is_like(name, pin)) || (override.n > 0 && is_like(name, override)))
            head_drop(head, f);
    }
    if (terms->pin && terms->pin->cookie.n > 0)
        cookie_cut(head, terms->pin->cookie);
}

/* ---- Versions -------------------------------------------------------------------------------- */

/* The alias' own arm of the version, or, where it has none, the version's. NULL where the function
 * has no such version. */
static struct arm *find_arm(struct choice *out, struct str version)
{
    struct target *target = out->target, *own;

    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, version))
            return &target->arms[i];
    own = table_find(out->lease->table, target->function->name, version, NULL);
    return own && own->alias.n == 0 ? &own->arms[0] : NULL;
}

/* By its weights, without a ticket. */
static struct arm *draw_arm(struct worker *w, struct target *alias)
{
    uint32_t place = prng_below(&w->rng, BILLION);
    int i = 0;

    while (i + 1 < alias->nr_arms && place >= alias->arms[i].weight)
        place -= alias->arms[i++].weight;
    return &alias->arms[i];
}

/* A call that its client sends again counts once, whatever fixes its version. */
static void remember(struct choice *out, struct worker *w)
{
    uint32_t keep_ms = w->tuning->settings->invoke.retry_pin_ms;
    uint64_t key, version, now_ms = w->loop.now_ms;

    if (out->attempt_id.n == 0 || keep_ms == 0)
        return;
    key =
        pins_key(&w->shared->pins, out->attempt_id, out->request.function, out->request.qualifier);
    out->is_pinned = pins_find(&w->shared->pins, key, now_ms, &version);
    if (!out->is_pinned && pins_version(out->arm->version->name, &version))
        pins_keep(&w->shared->pins, key, now_ms, now_ms + keep_ms, version);
}

static enum fixed run(struct choice *out, struct worker *w, struct arm *arm, uint8_t picked)
{
    out->arm = arm;
    out->picked = picked;
    remember(out, w);
    return FIXED_DONE;
}

static bool is_to_gather(struct choice *out, bool is_other_kind, bool is_gathered)
{
    out->has_other_kind = is_other_kind;
    return is_other_kind && !is_gathered;
}

/* A version that is named. */
static enum fixed run_version(struct choice *out, struct worker *w, struct arm *arm, uint8_t picked,
                              bool is_gathered)
{
    if (is_to_gather(out, arm->version->kind != VERSION_HTTP, is_gathered))
        return FIXED_GATHER;
    return run(out, w, arm, picked);
}

/* ---- Overrides ------------------------------------------------------------------------------- */

static bool may_override(const struct alias_override *terms, const struct override *given,
                         const struct choice *out, const struct worker *w, const struct head *head)
{
    struct network_address address;

    if (terms->has_secret && !override_is_secret(given->secret, terms->secret_sha256))
        return false;
    return terms->nr_networks == 0 ||
           (callerkey_address(head, out->from, w->tuning, &address) &&
            network_list_has(terms->networks, terms->nr_networks, &address));
}

static enum fixed take_override(struct choice *out, struct worker *w, const struct head *head,
                                bool is_gathered)
{
    const struct alias_override *terms = out->target->terms->override;
    const struct head_field *f = find_field(head, terms->header);
    struct target *named;

    if (!f)
        return FIXED_NOT;
    struct override given = override_read(head_value(head, f));
    if (given.qualifier.n == 0 || !may_override(terms, &given, out, w, head))
        return FIXED_NOT;
    named = table_find(out->lease->table, out->target->function->name, given.qualifier, NULL);
    if (!named) {
        out->unknown = given.qualifier;
        return FIXED_UNKNOWN;
    }
    if (named->alias.n == 0)
        return run_version(out, w, find_arm(out, given.qualifier), PICKED_OVERRIDE, is_gathered);
    /* Gathered before the draw: it would be no fair one if some of its ends led to another. */
    if (is_to_gather(out, named->is_gathered, is_gathered))
        return FIXED_GATHER;
    return run(out, w, draw_arm(w, named), PICKED_OVERRIDE);
}

/* ---- Pins ------------------------------------------------------------------------------------ */

static const struct pinkeys *keys_of(const struct worker *w)
{
    const struct pinkeys *said = w->tuning->settings->secrets.pin_keys;

    return said ? said : w->shared->pin_keys;
}

static uint64_t now_s(struct worker *w)
{
    return loop_unix_us(&w->loop) / SECOND_US;
}

static bool find_pin(const struct alias_pin *terms, const struct head *head, struct str *value)
{
    const struct head_field *f;

    if (terms->cookie.n > 0)
        return cookie_find(head, terms->cookie, value);
    f = find_field(head, terms->header);
    if (f)
        *value = head_value(head, f);
    return f != NULL;
}

static enum fixed take_pin(struct choice *out, struct worker *w, const struct head *head,
                           bool is_gathered)
{
    const struct alias_pin *terms = out->target->terms->pin;
    const struct pinkeys *keys = keys_of(w);
    struct pintoken token = {.function = out->target->function->name, .alias = out->target->alias};
    struct arm *arm;
    struct str value;

    if (!keys || !find_pin(terms, head, &value) ||
        !pintoken_read(&token, value, keys, now_s(w), terms->for_s))
        return FIXED_NOT;
    if (out->target->wards && ward_is_taken_back(out->target->wards, token.version))
        return FIXED_NOT;
    arm = find_arm(out, token.version);
    return arm ? run_version(out, w, arm, PICKED_PIN, is_gathered) : FIXED_NOT;
}

enum fixed fixed_pick(struct choice *out, struct worker *w, const struct head *head,
                      bool is_gathered)
{
    const struct alias_terms *terms = out->target->terms;
    enum fixed r = FIXED_NOT;

    if (terms->override)
        r = take_override(out, w, head, is_gathered);
    if (r == FIXED_NOT && terms->pin)
        r = take_pin(out, w, head, is_gathered);
    return r;
}

/* ---- Responses ------------------------------------------------------------------------------- */

static char *write_cookie(char *p, const struct exchange *ex, const struct alias_pin *terms,
                          struct str token)
{
    p = text_str(p, terms->cookie);
    p = text_char(p, '=');
    p = text_str(p, token);
    p = text_lit(p, "; Path=/; Max-Age=");
    p = decimal_put(p, terms->for_s);
    p = text_lit(p, "; HttpOnly; SameSite=Lax");
    return ex->from.is_tls ? text_lit(p, "; Secure") : p;
}

/* A pin for the version that was drawn, whichever will run. Without memory there is none. */
static void issue(struct exchange *ex, const struct choice *choice)
{
    const struct target *alias = choice->asked;
    const struct alias_pin *terms = alias->terms->pin;
    const struct pinkeys *keys = keys_of(ex->worker);
    const struct pintoken about = {alias->function->name, alias->alias, choice->arm->version->name,
                                   now_s(ex->worker)};
    char token[PINTOKEN_MAX], cookie[256 + PINTOKEN_MAX + 128];
    struct str value = keys ? pintoken_write(token, &about, keys) : STR("");

    if (value.n == 0)
        return;
    if (terms->header.n > 0) {
        extras_add(ex->extras, terms->header, value);
        return;
    }
    assert(terms->cookie.n <= 256);
    value = (struct str){cookie, (size_t)(write_cookie(cookie, ex, terms, value) - cookie)};
    extras_add(ex->extras, STR("Set-Cookie"), value);
}

bool fixed_answer(struct exchange *ex, const struct choice *choice)
{
    const struct alias_terms *terms = choice->asked->terms;

    if (!terms->pin && !terms->override)
        return true;
    if (!extras_of(ex))
        return false;
    if (terms->override)
        extras_take(ex->extras, terms->override->header);
    if (!terms->pin)
        return true;
    if (terms->pin->header.n > 0)
        extras_take(ex->extras, terms->pin->header);
    else
        extras_take_cookie(ex->extras, terms->pin->cookie);
    if (assign_counts(choice->picked)) /* it was drawn, now or for an earlier attempt */
        issue(ex, choice);
    return true;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static void add(struct metrics_cell *cell, uint8_t picked)
{
    if (cell)
        metrics_add(picked == PICKED_PIN ? &cell->pinned : &cell->overrides, 1);
}

/* The alias has no arm of the version, and so no series of it: its number is looked up, under a
 * lock. Such invocations are few. */
static void count_elsewhere(struct exchange *ex, uint8_t picked)
{
    struct metrics *metrics = ex->worker->shared->metrics;
    uint32_t series = metrics_series_get(metrics, ex->target->function->name, ex->target->alias,
                                         ex->arm->version->name);

    add(metrics_cell(ex->worker->metrics, series), picked);
    metrics_series_release(metrics, series);
}

void fixed_count(struct exchange *ex, uint8_t picked)
{
    const struct target *target = ex->target;

    if (ex->arm >= target->arms && ex->arm < target->arms + target->nr_arms)
        add(metrics_cell(ex->worker->metrics, table_series(ex->lease->table, target, ex->arm)),
            picked);
    else
        count_elsewhere(ex, picked);
}
