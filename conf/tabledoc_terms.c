/* Each key by itself; what they say together becomes one text, by which aliases are compared. */
#include "conf/tabledoc_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/mapdoc.h"
#include "conf/rows.h"
#include "conf/settings_check.h"
#include "conf/stickydoc.h"

enum {
    NAME_MAX_BYTES = 256,
    FOR_MAX_S = 400 * 86400,
    HEX_DIGITS = 64,
    FAILURES_MAX = 1000000000,
    FUNCTION_MAX = 255,
    ALPHA_DIGITS = 17
};

/* One reading; the strings are owned. */
struct terms_draft {
    struct stickydoc sticky;
    struct alias_pin pin;
    struct alias_override override;
    struct network networks[ALIAS_TERMS_NETWORKS_MAX];
    struct alias_audit audit;
    struct alias_experiment experiment;
    struct alias_budget budget;
    struct alias_guard guard;
    char *pin_header, *pin_cookie, *override_header, *secret, *audit_header, *outcome_header;
    const json_t *sticky_said, *networks_said, *alpha_said, *guard_alpha_said;
};

static void take_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    (void)doc;
    (void)at;
    *(const json_t **)(void *)((char *)base + row->offset) = value;
}

static const char *check_hex(const char *text)
{
    for (const char *p = text; *p; p++)
        if (text_digit(*p) < 0)
            return "has something else than hexadecimal digits";
    return NULL;
}

/* Of a field that weir adds or takes away. */
static const char *check_field(const char *text)
{
    if (str_ieq(str_of(text), STR("x-amz-executed-version")))
        return "names the version that ran";
    return settings_check_header(text);
}

/* clang-format off */

#define DRAFT(member)    .offset = offsetof(struct terms_draft, member)
#define NR(list)         (int)(sizeof(list) / sizeof((list)[0]))
#define FIELD_NAME(example)                                                                        \
    .min = 1, .max = NAME_MAX_BYTES, .check = check_field,                                         \
    .expected = "the name of a header such as " example

static const struct row split_list[] = {
    {.path = "sticky", .type = ROWS_SPECIAL, DRAFT(sticky_said)},
};
static const struct rows split_rows = {split_list, NR(split_list), take_special};

static const struct row pin_list[] = {
    {.path = "for_s", .type = ROWS_U32, DRAFT(pin.for_s), .min = 1, .max = FOR_MAX_S, .default_text = "3600"},
    {.path = "header", .type = ROWS_STRING, DRAFT(pin_header), FIELD_NAME("x-weir-pin")},
    {.path = "cookie", .type = ROWS_STRING, DRAFT(pin_cookie), .min = 1, .max = NAME_MAX_BYTES,
     .check = settings_check_token, .expected = "the name of a cookie such as weir-pin"},
};
static const struct rows pin_rows = {pin_list, NR(pin_list), NULL};

static const struct row override_list[] = {
    {.path = "header", .type = ROWS_STRING, DRAFT(override_header), FIELD_NAME("x-weir-override"),
     .default_text = "x-weir-override"},
    {.path = "secret_sha256", .type = ROWS_STRING, DRAFT(secret), .min = HEX_DIGITS, .max = HEX_DIGITS, .is_secret = true,
     .check = check_hex, .expected = "the SHA-256 of the secret in 64 hexadecimal digits"},
    {.path = "networks", .type = ROWS_SPECIAL, DRAFT(networks_said)},
};
static const struct rows override_rows = {override_list, NR(override_list), take_special};

static const struct row audit_list[] = {
    {.path = "header", .type = ROWS_STRING, DRAFT(audit_header), .min = 1, .max = NAME_MAX_BYTES,
     .check = settings_check_token, .expected = "the name of a header such as x-version"},
};
static const struct rows audit_rows = {audit_list, NR(audit_list), NULL};

static const struct row experiment_list[] = {
    {.path = "alpha", .type = ROWS_SPECIAL, DRAFT(alpha_said)},
    {.path = "outcome_header", .type = ROWS_STRING, DRAFT(outcome_header), FIELD_NAME("x-weir-outcome"),
     .default_text = "x-weir-outcome"},
};
static const struct rows experiment_rows = {experiment_list, NR(experiment_list), take_special};

static const struct row budget_list[] = {
    {.path = "failures", .type = ROWS_U32, DRAFT(budget.failures), .min = 1, .max = FAILURES_MAX, .default_text = "0"},
};
static const struct rows budget_rows = {budget_list, NR(budget_list), NULL};

static const struct row guard_list[] = {
    {.path = "alpha", .type = ROWS_SPECIAL, DRAFT(guard_alpha_said)},
};
static const struct rows guard_rows = {guard_list, NR(guard_list), take_special};

static const struct rows *const all_rows[] = {
    &split_rows, &pin_rows, &override_rows, &audit_rows, &experiment_rows, &budget_rows, &guard_rows,
};

/* clang-format on */

/* ---- Sticky ---------------------------------------------------------------------------------- */

static void read_split(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                       const json_t *value, const json_t *versions, struct str salt)
{
    struct place sticky_at = JSONDOC_KEY(at, "sticky");

    rows_read(&split_rows, doc, at, value, draft);
    if (draft->sticky_said)
        stickydoc_read(&draft->sticky, doc, &sticky_at, draft->sticky_said, versions, salt);
    else
        jsondoc_problem(
            doc, at, "missing",
            "must be \"exact\", \"random\" or an object {\"sticky\": {\"key\": [...]}}");
}

/* ---- Pins and overrides ---------------------------------------------------------------------- */

static void read_pin(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                     const json_t *value)
{
    if (!jsondoc_is_object(doc, at, value,
                           "an object such as {\"for_s\": 3600, \"header\": \"x-weir-pin\"}"))
        return;
    rows_read(&pin_rows, doc, at, value, draft);
    if (!json_object_get(value, "header") == !json_object_get(value, "cookie"))
        jsondoc_problem(doc, at, json_object_get(value, "header") ? "conflict" : "missing",
                        "must say how pins travel, either \"header\": \"x-weir-pin\" or "
                        "\"cookie\": \"weir-pin\"");
    draft->pin.header = str_of(draft->pin_header);
    draft->pin.cookie = str_of(draft->pin_cookie);
}

static void read_networks(struct terms_draft *draft, struct jsondoc *doc, const struct place *at)
{
    size_t nr = json_array_size(draft->networks_said);

    if (!jsondoc_is_array(doc, at, draft->networks_said,
                          "an array of networks such as [\"10.0.0.0/8\"]"))
        return;
    if (nr == 0)
        jsondoc_problem(doc, at, "empty", "needs a network such as \"10.0.0.0/8\", or none at all");
    if (nr > ALIAS_TERMS_NETWORKS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu networks; %d are the most", nr,
                        ALIAS_TERMS_NETWORKS_MAX);
    for (size_t i = 0; i < nr && i < ALIAS_TERMS_NETWORKS_MAX; i++) {
        struct place item = JSONDOC_ITEM(at, i);
        const json_t *value = json_array_get(draft->networks_said, i);
        struct network *network = &draft->networks[draft->override.nr_networks];

        if (!jsondoc_is_string(doc, &item, value, "a network such as \"10.0.0.0/8\""))
            continue;
        if (network_read(str_of(json_string_value(value)), network))
            draft->override.nr_networks++;
        else
            jsondoc_problem(doc, &item, "bad_value",
                            "\"%.*s\" is no network; it must be one such as 10.0.0.0/8, "
                            "2001:db8::/32 or 192.0.2.1, with no bits set behind the prefix",
                            JSONDOC_QUOTE(json_string_value(value)));
    }
}

static void read_override(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                          const json_t *value)
{
    struct place networks_at = JSONDOC_KEY(at, "networks");
    struct alias_override *override = &draft->override;

    if (!jsondoc_is_object(doc, at, value, "an object such as {\"networks\": [\"10.0.0.0/8\"]}"))
        return;
    rows_read(&override_rows, doc, at, value, draft);
    if (draft->networks_said)
        read_networks(draft, doc, &networks_at);
    if (!json_object_get(value, "secret_sha256") && !json_object_get(value, "networks"))
        jsondoc_problem(doc, at, "missing",
                        "must say who may override: by \"secret_sha256\", the SHA-256 of a secret, "
                        "by \"networks\", or by both; else every caller could");
    override->header = str_of(draft->override_header);
    override->networks = draft->networks;
    override->has_secret = draft->secret != NULL;
    for (int i = 0; draft->secret && i < HEX_DIGITS / 2; i++)
        override->secret_sha256[i] =
            (uint8_t)(text_digit(draft->secret[2 * i]) * 16 + text_digit(draft->secret[2 * i + 1]));
}

/* ---- Measures -------------------------------------------------------------------------------- */

static void read_audit(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                       const json_t *value)
{
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"header\": \"x-version\"}"))
        return;
    rows_read(&audit_rows, doc, at, value, draft);
    if (!json_object_get(value, "header"))
        jsondoc_problem(doc, at, "missing",
                        "\"header\" is missing: the field by which endpoints say their version, "
                        "such as \"x-version\"");
    draft->audit.header = str_of(draft->audit_header);
}

static double read_alpha(struct jsondoc *doc, const struct place *at, const json_t *said,
                         const char *example)
{
    struct place alpha_at = JSONDOC_KEY(at, "alpha");
    double alpha = json_number_value(said);

    if (!json_is_number(said))
        jsondoc_problem(doc, &alpha_at, "wrong_type", "must be a number such as %s, not %s",
                        example, jsondoc_kind(said));
    else if (!(alpha >= 1e-9 && alpha <= 0.5))
        jsondoc_problem(doc, &alpha_at, "out_of_range",
                        "must be 0.000000001 to 0.5, such as %s, not %.12g", example, alpha);
    return alpha;
}

static void read_experiment(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                            const json_t *value)
{

    if (!jsondoc_is_object(doc, at, value, "an object such as {\"alpha\": 0.05}"))
        return;
    rows_read(&experiment_rows, doc, at, value, draft);
    draft->experiment.alpha =
        draft->alpha_said ? read_alpha(doc, at, draft->alpha_said, "0.05") : 0.05;
    draft->experiment.outcome_header = str_of(draft->outcome_header);
}

/* ---- Budgets and guards ---------------------------------------------------------------------- */

static void read_budget(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                        const json_t *value)
{
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"failures\": 20}"))
        return;
    rows_read(&budget_rows, doc, at, value, draft);
    if (!json_object_get(value, "failures"))
        jsondoc_problem(
            doc, at, "missing",
            "\"failures\" is missing: how many invocations of each version but the first "
            "may fail, such as 20");
}

static void read_guard(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                       const json_t *value)
{
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"alpha\": 0.01}"))
        return;
    rows_read(&guard_rows, doc, at, value, draft);
    if (draft->guard_alpha_said)
        draft->guard.alpha = read_alpha(doc, at, draft->guard_alpha_said, "0.01");
    else
        jsondoc_problem(
            doc, at, "missing",
            "\"alpha\" is missing: with which probability a healthy version may be taken "
            "back, such as 0.01");
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The object of a key, of plain rows; taken over as a member. Defaults are written too: they are as
 * much in force as what was said. */
static json_t *add_rows(json_t *object, const char *key, const struct rows *rows,
                        const struct terms_draft *draft)
{
    json_t *member = json_object();

    if (!member || rows_write(rows, draft, true, member) < 0) {
        json_decref(member);
        return NULL;
    }
    return json_object_set_new(object, key, member) < 0 ? NULL : member;
}

static int write_override(const struct terms_draft *draft, json_t *object)
{
    json_t *override = add_rows(object, "override", &override_rows, draft);
    json_t *networks = json_array();

    for (int i = 0; networks && i < draft->override.nr_networks; i++) {
        char text[NETWORK_TEXT_MAX];

        network_write(&draft->networks[i], text);
        if (json_array_append_new(networks, json_string(text)) < 0) {
            json_decref(networks);
            networks = NULL;
        }
    }
    if (!override || !networks || draft->override.nr_networks == 0) {
        bool is_out = !override || !networks;

        json_decref(networks);
        return is_out ? -1 : 0;
    }
    return json_object_set_new(override, "networks", networks);
}

static int write_experiment(const struct terms_draft *draft, json_t *object)
{
    json_t *experiment = add_rows(object, "experiment", &experiment_rows, draft);

    if (!experiment)
        return -1;
    return json_object_set_new(experiment, "alpha", json_real(draft->experiment.alpha));
}

static int write_all(const struct terms_draft *draft, const struct alias_terms *parts,
                     json_t *object)
{
    if (parts->sticky) {
        json_t *split = json_object();

        if (json_object_set_new(object, "split", split) < 0 ||
            json_object_set_new(split, "sticky", stickydoc_write(&draft->sticky)) < 0)
            return -1;
    }
    if (parts->pin && !add_rows(object, "pin", &pin_rows, draft))
        return -1;
    if (parts->override && write_override(draft, object) < 0)
        return -1;
    if (parts->audit && !add_rows(object, "audit", &audit_rows, draft))
        return -1;
    if (parts->experiment && write_experiment(draft, object) < 0)
        return -1;
    if (parts->budget && !add_rows(object, "budget", &budget_rows, draft))
        return -1;
    return parts->guard ? json_object_set_new(object, "guard",
                                              json_pack("{s:f}", "alpha", draft->guard.alpha))
                        : 0;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* All that is said, as one text; to be freed. NULL when out of memory. */
static char *canonical(const struct terms_draft *draft, const struct alias_terms *parts)
{
    json_t *object = json_object();
    char *text = NULL;

    if (object && write_all(draft, parts, object) == 0)
        text = jsondoc_dump_sorted(object);
    json_decref(object);
    return text;
}

static void make(struct jsondoc *doc, const struct terms_draft *draft,
                 const struct tabledoc_terms *said, struct alias_terms **terms)
{
    struct alias_terms parts = {.sticky = said->split ? &draft->sticky.sticky : NULL,
                                .pin = said->pin ? &draft->pin : NULL,
                                .override = said->override ? &draft->override : NULL,
                                .audit = said->audit ? &draft->audit : NULL,
                                .experiment = said->experiment ? &draft->experiment : NULL,
                                .budget = said->budget ? &draft->budget : NULL,
                                .guard = said->guard ? &draft->guard : NULL};
    char *text = canonical(draft, &parts);

    parts.document = str_of(text);
    if (text)
        *terms = alias_terms_make(&parts);
    if (!*terms)
        jsondoc_no_memory(doc);
    free(text);
}

/* ---- Names that would mean two things -------------------------------------------------------- */

static bool is_same_field(const char *a, const char *b)
{
    return a && b && str_ieq(str_of(a), str_of(b));
}

/* A pin that comes back must not be read as an override, nor as an outcome. Defaults count where
 * their key is said. */
static void check_fields(const struct terms_draft *draft, struct jsondoc *doc,
                         const struct place *at, const struct tabledoc_terms *said)
{
    const char *pin = draft->pin_header;
    const char *override = said->override ? draft->override_header : NULL;
    const char *outcome = said->experiment ? draft->outcome_header : NULL;
    struct place override_at = JSONDOC_KEY(at, "override");
    struct place experiment_at = JSONDOC_KEY(at, "experiment");
    struct place override_header = JSONDOC_KEY(&override_at, "header");
    struct place outcome_header = JSONDOC_KEY(&experiment_at, "outcome_header");

    if (is_same_field(override, pin))
        jsondoc_problem(doc, &override_header, "conflict",
                        "\"%.*s\" is the header of this alias's pin; overrides need another one",
                        JSONDOC_QUOTE(override));
    if (is_same_field(outcome, pin) || is_same_field(outcome, override))
        jsondoc_problem(doc, &outcome_header, "conflict",
                        "\"%.*s\" is the header of this alias's %s; outcomes need another one",
                        JSONDOC_QUOTE(outcome), is_same_field(outcome, pin) ? "pin" : "override");
}

/* Else the pin would be taken for the caller's key, and cut out of what the endpoint gets. */
static void check_cookies(const struct terms_draft *draft, struct jsondoc *doc,
                          const struct place *at)
{
    struct place pin_at = JSONDOC_KEY(at, "pin"), cookie = JSONDOC_KEY(&pin_at, "cookie");

    for (int i = 0; draft->pin_cookie && i < ALIAS_TERMS_SOURCES_MAX; i++)
        if (draft->sticky.texts[i].cookie &&
            strcmp(draft->sticky.texts[i].cookie, draft->pin_cookie) == 0) {
            jsondoc_problem(doc, &cookie, "conflict",
                            "\"%.*s\" is a cookie with callers' keys in this alias's split; the "
                            "pin needs another one",
                            JSONDOC_QUOTE(draft->pin_cookie));
            return;
        }
}

static void read_all(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                     const struct tabledoc_terms *said, const json_t *versions, struct str salt)
{
    struct place split_at = JSONDOC_KEY(at, "split"), pin_at = JSONDOC_KEY(at, "pin");
    struct place override_at = JSONDOC_KEY(at, "override"), audit_at = JSONDOC_KEY(at, "audit");
    struct place experiment_at = JSONDOC_KEY(at, "experiment");
    struct place budget_at = JSONDOC_KEY(at, "budget"), guard_at = JSONDOC_KEY(at, "guard");

    if (said->split)
        read_split(draft, doc, &split_at, said->split, versions, salt);
    if (said->pin)
        read_pin(draft, doc, &pin_at, said->pin);
    if (said->override)
        read_override(draft, doc, &override_at, said->override);
    if (said->audit)
        read_audit(draft, doc, &audit_at, said->audit);
    if (said->experiment)
        read_experiment(draft, doc, &experiment_at, said->experiment);
    if (said->budget)
        read_budget(draft, doc, &budget_at, said->budget);
    if (said->guard)
        read_guard(draft, doc, &guard_at, said->guard);
    check_fields(draft, doc, at, said);
    check_cookies(draft, doc, at);
}

static void read_draft(struct terms_draft *draft, struct jsondoc *doc, const struct place *at,
                       const struct tabledoc_terms *said, const json_t *versions,
                       struct str function, struct alias_terms **terms, struct stickymap **map)
{
    char salt[2 * FUNCTION_MAX + 2];
    bool is_out = false;

    snprintf(salt, sizeof(salt), "%.*s:%s", STR_ARG(function), at->key);
    for (size_t i = 0; i < sizeof(all_rows) / sizeof(all_rows[0]); i++)
        is_out |= rows_init(all_rows[i], draft) < 0;
    if (is_out)
        jsondoc_no_memory(doc);
    else
        read_all(draft, doc, at, said, versions, str_of(salt));
    if (!doc->is_bad)
        make(doc, draft, said, terms);
    if (!doc->is_bad && draft->sticky.map)
        *map = stickymap_ref(draft->sticky.map);
    stickydoc_fini(&draft->sticky);
    for (size_t i = 0; i < sizeof(all_rows) / sizeof(all_rows[0]); i++)
        rows_fini(all_rows[i], draft);
}

void tabledoc_terms_read(struct jsondoc *doc, const struct place *at,
                         const struct tabledoc_terms *said, const json_t *versions,
                         struct str function, struct alias_terms **terms, struct stickymap **map)
{
    struct terms_draft *draft;

    *terms = NULL;
    *map = NULL;
    if (!said->split && !said->pin && !said->override && !said->audit && !said->experiment &&
        !said->budget && !said->guard)
        return;
    draft = calloc(1, sizeof(*draft));
    if (draft)
        read_draft(draft, doc, at, said, versions, function, terms, map);
    else
        jsondoc_no_memory(doc);
    free(draft);
}

int tabledoc_terms_write(const struct alias_terms *terms, const struct stickymap *map,
                         json_t *object)
{
    json_t *keys, *sticky;
    bool is_out;
    int result;

    if (!terms)
        return 0;
    keys = jsondoc_piece(terms->document, NULL, &is_out);
    sticky = json_object_get(json_object_get(keys, "split"), "sticky");
    if (sticky && map && json_object_set_new(sticky, "map", mapdoc_write(map)) < 0) {
        json_decref(keys);
        return -1;
    }
    result = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    return result;
}
