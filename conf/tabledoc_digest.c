/* Digests of specifications as the builder takes them: there every default is filled in and every
 * number has one form. When you add a member to a specification, add it here too, so that it counts
 * only where it is not default (add_option, add_more): what is stored from before stays true then.
 * t_tabledoc_digest changes each member in turn and fails where one is missing. */
#include "conf/tabledoc_digest.h"

#include "router/hash.h"

/* Any length, also in one chain: each string is hashed with its length under the hash before it. */
static uint64_t add_str(uint64_t digest, struct str s)
{
    return hash_str(s, digest + 2 * s.n + 1);
}

/* An absent text is not an empty one. */
static uint64_t add_text(uint64_t digest, const char *s)
{
    return s ? add_str(digest, str_of(s)) : digest * 3 + 1;
}

static uint64_t add_numbers(uint64_t digest, const uint64_t *numbers, size_t bytes)
{
    return hash_str((struct str){(const char *)numbers, bytes}, digest);
}

/* Members that came later: which tells them apart, and nothing is added for a default. */
static uint64_t add_more(uint64_t digest, uint64_t which, uint64_t number, uint64_t default_number)
{
    const uint64_t numbers[] = {which, number};

    return number == default_number ? digest : add_numbers(digest, numbers, sizeof(numbers));
}

static uint64_t add_option(uint64_t digest, uint64_t which, const char *s)
{
    return s ? add_str(digest * 5 + which, str_of(s)) : digest;
}

uint64_t tabledoc_digest_function(const struct function_spec *spec)
{
    const uint64_t numbers[] = {spec->max_in_flight};
    uint64_t digest = add_numbers(1, numbers, sizeof(numbers));

    digest = add_more(digest, 1, spec->concurrency, FUNCTION_NO_CONCURRENCY);
    digest = add_option(digest, 2, spec->tags);
    digest = add_option(digest, 3, spec->dead_letter);
    digest = add_more(digest, 4, spec->machine && spec->machine->is_express, 0);
    digest = add_option(digest, 5, spec->auto_publish_alias);
    return add_option(digest, 6, spec->deployment_preference);
}

uint64_t tabledoc_digest_url(const struct function_url *url)
{
    return add_option(6, 0, url->document);
}

static uint64_t add_health(uint64_t digest, const struct health_check *check)
{
    const uint64_t numbers[] = {
        check->is_tcp, check->interval_ms, check->timeout_ms, check->rise,
        check->fall,   check->status_min,  check->status_max,
    };

    if (!check->is_on)
        return digest * 3 + 2;
    digest = add_numbers(digest, numbers, sizeof(numbers));
    return add_text(digest, check->path);
}

static uint64_t add_ejection(uint64_t digest, const struct ejection *ejection)
{
    const uint64_t numbers[] = {
        ejection->consecutive_errors,
        ejection->pause_ms,
        ejection->pause_max_ms,
        ejection->slow_start_ms,
    };

    return ejection->is_on ? add_numbers(digest, numbers, sizeof(numbers)) : digest * 3 + 2;
}

uint64_t tabledoc_digest_version(const struct version_spec *spec)
{
    const uint64_t numbers[] = {
        spec->kind,
        spec->preserve_host,
        spec->allow_upgrade,
        spec->max_in_flight,
        spec->max_connections,
        spec->connect_ms,
        spec->response_head_ms,
        spec->stream_idle_ms,
        spec->tls.verify,
        spec->timeout_ms,
    };
    uint64_t digest = add_numbers(2, numbers, sizeof(numbers));

    for (int i = 0; i < spec->nr_headers; i++)
        digest = add_str(add_str(digest, spec->headers[i].name), spec->headers[i].value);
    digest = add_text(digest, spec->host);
    digest = add_text(digest, spec->tls.ca_file);
    digest = add_text(digest, spec->tls.server_name);
    digest = add_text(digest, spec->tls.certificate);
    digest = add_text(digest, spec->tls.key);
    digest = add_health(digest, &spec->health_check);
    digest = add_ejection(digest, &spec->ejection);
    digest = add_option(digest, 2, spec->configuration);
    digest = add_option(digest, 3, spec->task.function);
    digest = add_option(digest, 4, spec->task.qualifier);
    digest = add_option(digest, 5, spec->task.state_machine);
    return add_more(digest, 6, spec->task.execution_ms, 0);
}

uint64_t tabledoc_digest_endpoint(uint64_t digest, struct str url)
{
    return add_str(digest, url);
}

static uint64_t add_map(uint64_t digest, const struct stickymap *map)
{
    for (int i = 0; i < map->nr; i++)
        digest = add_str(digest * 7 + map->ends[i], map->versions[map->owners[i]]);
    return digest;
}

uint64_t tabledoc_digest_alias(const struct alias_spec *spec)
{
    const uint64_t numbers[] = {spec->mode, spec->is_failover, (uint64_t)spec->nr_arms};
    uint64_t digest = add_numbers(3, numbers, sizeof(numbers));

    digest = add_str(digest, spec->description);
    for (int i = 0; i < spec->nr_arms; i++)
        digest = add_str(digest + spec->arms[i].weight, spec->arms[i].version);
    if (spec->terms)
        digest = add_option(digest, 4, spec->terms->document.p);
    return spec->map ? add_map(digest, spec->map) : digest;
}

static uint64_t add_list(uint64_t digest, struct cors_list list)
{
    digest = digest * 3 + (uint64_t)list.nr;
    for (int i = 0; i < list.nr; i++)
        digest = add_str(digest, list.items[i]);
    return digest;
}

static uint64_t add_cors(uint64_t digest, const struct cors *cors)
{
    const uint64_t numbers[] = {cors->allow_credentials, cors->has_max_age, cors->max_age_s};

    digest = add_numbers(digest, numbers, sizeof(numbers));
    digest = add_list(digest, cors->allow_origins);
    digest = add_list(digest, cors->allow_methods);
    digest = add_list(digest, cors->allow_headers);
    return add_list(digest, cors->expose_headers);
}

static uint64_t add_url(uint64_t digest, const struct url_terms *terms)
{
    const uint64_t numbers[] = {terms->is_event, terms->is_iam, terms->is_streamed,
                                (uint64_t)terms->nr_variables};

    digest = add_numbers(digest, numbers, sizeof(numbers));
    for (int i = 0; i < terms->nr_variables; i++)
        digest = add_str(add_str(digest, terms->variables[i].name), terms->variables[i].value);
    if (terms->stage.n > 0)
        digest = add_str(digest, terms->stage);
    return terms->cors ? add_cors(digest, terms->cors) : digest * 3 + 2;
}

/* The text of function and qualifier counts, and through the variables what it stands for. */
uint64_t tabledoc_digest_route(const struct route_spec *spec)
{
    uint64_t digest = add_str(spec->strip_prefix ? 5 : 4, spec->said_function);

    digest = add_str(digest, spec->said_qualifier);
    return spec->terms ? add_url(digest, spec->terms) : digest;
}
