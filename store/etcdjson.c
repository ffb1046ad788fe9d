/* etcd's JSON. Requests are written as text: base64 needs no escapes. Answers are read by jansson,
 * and copied into one block of memory. */
#include "store/etcdjson.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* ---- Requests -------------------------------------------------------------------------------- */

void etcdjson_prefix_end(struct buffer *b)
{
    while (b->n > 0 && (unsigned char)b->p[b->n - 1] == 0xff)
        b->n--;
    if (b->n > 0)
        b->p[b->n - 1]++;
}

static void add_bytes(struct buffer *b, const char *before, struct str bytes)
{
    buffer_add(b, str_of(before));
    buffer_base64(b, bytes);
    buffer_char(b, '"');
}

static void add_number(struct buffer *b, const char *before, uint64_t n)
{
    buffer_add(b, str_of(before));
    buffer_number(b, n);
    buffer_char(b, '"');
}

static void add_key_range(struct buffer *b, struct str key, struct str end)
{
    add_bytes(b, "\"key\":\"", key);
    if (end.n > 0)
        add_bytes(b, ",\"range_end\":\"", end);
}

static void add_range(struct buffer *b, const struct etcdjson_range *range)
{
    buffer_char(b, '{');
    add_key_range(b, range->key, range->end);
    if (range->revision > 0)
        add_number(b, ",\"revision\":\"", range->revision);
    if (range->limit > 0)
        add_number(b, ",\"limit\":\"", range->limit);
    if (range->changed > 0)
        add_number(b, ",\"min_mod_revision\":\"", range->changed);
    if (range->is_stale_fine)
        buffer_lit(b, ",\"serializable\":true");
    buffer_char(b, '}');
}

void etcdjson_ask_range(struct buffer *b, const struct etcdjson_range *range)
{
    add_range(b, range);
}

void etcdjson_ask_watch(struct buffer *b, struct str key, struct str end, uint64_t start)
{
    buffer_lit(b, "{\"create_request\":{");
    add_key_range(b, key, end);
    if (start > 0)
        add_number(b, ",\"start_revision\":\"", start);
    buffer_lit(b, "}}");
}

void etcdjson_ask_grant(struct buffer *b, uint64_t seconds)
{
    add_number(b, "{\"TTL\":\"", seconds);
    buffer_char(b, '}');
}

void etcdjson_ask_lease(struct buffer *b, uint64_t lease)
{
    add_number(b, "{\"ID\":\"", lease);
    buffer_char(b, '}');
}

void etcdjson_ask_token(struct buffer *b, struct str user, struct str password)
{
    buffer_lit(b, "{\"name\":");
    buffer_json(b, user);
    buffer_lit(b, ",\"password\":");
    buffer_json(b, password);
    buffer_char(b, '}');
}

void etcdjson_txn_begin(struct etcdjson_txn *txn, struct buffer *b)
{
    *txn = (struct etcdjson_txn){.b = b};
    buffer_lit(b, "{\"compare\":[");
}

static void compare(struct etcdjson_txn *txn, struct str key, const char *target, const char *field,
                    uint64_t revision)
{
    struct buffer *b = txn->b;

    if (txn->nr_compared++ > 0)
        buffer_char(b, ',');
    buffer_char(b, '{');
    add_key_range(b, key, STR(""));
    buffer_lit(b, ",\"target\":\"");
    buffer_add(b, str_of(target));
    buffer_lit(b, "\",\"result\":\"EQUAL\",\"");
    buffer_add(b, str_of(field));
    add_number(b, "\":\"", revision);
    buffer_char(b, '}');
}

void etcdjson_txn_compare(struct etcdjson_txn *txn, struct str key, uint64_t mod_revision)
{
    compare(txn, key, "MOD", "mod_revision", mod_revision);
}

void etcdjson_txn_compare_made(struct etcdjson_txn *txn, struct str key, uint64_t create_revision)
{
    compare(txn, key, "CREATE", "create_revision", create_revision);
}

void etcdjson_txn_then(struct etcdjson_txn *txn)
{
    buffer_lit(txn->b, "],\"success\":[");
    txn->nr_ops = 0;
}

static void begin_op(struct etcdjson_txn *txn, const char *kind)
{
    assert(txn->nr_ops < ETCDJSON_OPS_MAX);
    if (txn->nr_ops++ > 0)
        buffer_char(txn->b, ',');
    buffer_lit(txn->b, "{\"request_");
    buffer_add(txn->b, str_of(kind));
    buffer_lit(txn->b, "\":");
}

void etcdjson_txn_put(struct etcdjson_txn *txn, struct str key, struct str value, uint64_t lease)
{
    begin_op(txn, "put");
    buffer_char(txn->b, '{');
    add_key_range(txn->b, key, STR(""));
    add_bytes(txn->b, ",\"value\":\"", value);
    if (lease > 0)
        add_number(txn->b, ",\"lease\":\"", lease);
    buffer_lit(txn->b, "}}");
    txn->nr_bytes += key.n + value.n;
}

void etcdjson_txn_delete(struct etcdjson_txn *txn, struct str key, struct str end)
{
    begin_op(txn, "delete_range");
    buffer_char(txn->b, '{');
    add_key_range(txn->b, key, end);
    buffer_lit(txn->b, "}}");
    txn->nr_bytes += key.n + end.n;
}

void etcdjson_txn_range(struct etcdjson_txn *txn, const struct etcdjson_range *range)
{
    begin_op(txn, "range");
    add_range(txn->b, range);
    buffer_char(txn->b, '}');
    txn->nr_bytes += range->key.n + range->end.n;
}

void etcdjson_txn_otherwise(struct etcdjson_txn *txn)
{
    buffer_lit(txn->b, "],\"failure\":[");
    txn->nr_ops = 0;
}

void etcdjson_txn_end(struct etcdjson_txn *txn)
{
    buffer_lit(txn->b, "]}");
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Numbers are strings; small ones (a code) are numbers. */
static uint64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10) : 0;
}

static int64_t signed_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value))
        return (int64_t)json_integer_value(value);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : 0;
}

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (struct str){json_string_value(value), json_string_length(value)};
}

/* What is to be copied: how many keys and values, and how many bytes they may take. */
struct sizes {
    size_t nr, bytes;
};

struct reading {
    struct etcdjson_answer *answer;
    char *at; /* where the next bytes go */
    bool is_wrong;
};

static size_t room_for(struct str base64)
{
    return base64.n / 4 * 3 + 4;
}

static void size_kv(struct sizes *sizes, const json_t *kv)
{
    sizes->nr++;
    sizes->bytes += room_for(text_of(kv, "key")) + room_for(text_of(kv, "value"));
}

static struct str take_bytes(struct reading *reading, struct str base64)
{
    ptrdiff_t n = base64_read(reading->at, base64);
    struct str bytes = {reading->at, n < 0 ? 0 : (size_t)n};

    reading->is_wrong |= n < 0;
    reading->at[bytes.n] = '\0';
    reading->at += bytes.n + 1;
    return bytes;
}

static void take_kv(struct reading *reading, const json_t *kv, bool is_deleted)
{
    struct etcdjson_kv *to = &reading->answer->kvs[reading->answer->nr_kvs++];

    to->key = take_bytes(reading, text_of(kv, "key"));
    to->value = take_bytes(reading, text_of(kv, "value"));
    to->create_revision = number_of(kv, "create_revision");
    to->mod_revision = number_of(kv, "mod_revision");
    to->lease = number_of(kv, "lease");
    to->is_deleted = is_deleted;
}

/* Calls size_kv where reading is NULL, else take_kv, for each key of the answer: of the range that
 * it is, of ranges in a transaction, of events. */
static void each_kv(const json_t *root, struct sizes *sizes, struct reading *reading)
{
    const json_t *list = json_object_get(root, "kvs"), *responses, *item, *kv;
    size_t i, k;

    json_array_foreach(list, i, kv)
    {
        if (reading)
            take_kv(reading, kv, false);
        else
            size_kv(sizes, kv);
    }
    responses = json_object_get(root, "responses");
    json_array_foreach(responses, k, item)
    {
        const json_t *range = json_object_get(item, "response_range");
        if (range)
            each_kv(range, sizes, reading);
    }
    list = json_object_get(root, "events");
    json_array_foreach(list, i, item)
    {
        kv = json_object_get(item, "kv");
        if (reading)
            take_kv(reading, kv, str_eq(text_of(item, "type"), STR("DELETE")));
        else
            size_kv(sizes, kv);
    }
}

static int take_kvs(struct etcdjson_answer *answer, const json_t *root)
{
    struct sizes sizes = {0};
    struct reading reading = {.answer = answer};

    each_kv(root, &sizes, NULL);
    if (sizes.nr == 0)
        return 0;
    answer->memory = malloc(sizes.nr * sizeof(answer->kvs[0]) + sizes.bytes);
    if (!answer->memory)
        return -1;
    answer->kvs = answer->memory;
    reading.at = (char *)answer->memory + sizes.nr * sizeof(answer->kvs[0]);
    each_kv(root, &sizes, &reading);
    return reading.is_wrong ? -1 : 0;
}

static int set_error(struct etcdjson_answer *answer, struct str text, int code)
{
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
        text.n--;
    answer->code = code;
    answer->error = strndup(text.n > 0 ? text.p : "no reason given", text.n > 0 ? text.n : 15);
    return answer->error ? 0 : -1;
}

/* {"error":"...","code":5}; of a stream {"error":{"message":"...","grpc_code":5}}. */
static int take_error(struct etcdjson_answer *answer, const json_t *root, const json_t *error)
{
    if (json_is_object(error))
        return set_error(answer, text_of(error, "message"), (int)number_of(error, "grpc_code"));
    return set_error(answer, text_of(root, "error"), (int)number_of(root, "code"));
}

static int take(struct etcdjson_answer *answer, const json_t *root)
{
    const json_t *result = json_object_get(root, "result");
    const json_t *error = json_object_get(root, "error");
    struct str token;

    if (error)
        return take_error(answer, root, error);
    if (result)
        root = result;
    answer->revision = number_of(json_object_get(root, "header"), "revision");
    answer->has_more = json_is_true(json_object_get(root, "more"));
    answer->has_succeeded = json_is_true(json_object_get(root, "succeeded"));
    answer->is_created = json_is_true(json_object_get(root, "created"));
    answer->is_canceled = json_is_true(json_object_get(root, "canceled"));
    answer->compact_revision = number_of(root, "compact_revision");
    answer->lease = number_of(root, "ID");
    answer->ttl = signed_of(root, "TTL");
    token = text_of(root, "token");
    if (token.n > 0)
        answer->token = strndup(token.p, token.n);
    if (token.n > 0 && !answer->token)
        return -1;
    return take_kvs(answer, root);
}

int etcdjson_read(struct etcdjson_answer *answer, int status, struct str body)
{
    json_t *root = json_loadb(body.p ? body.p : "", body.n, 0, NULL);
    int r;

    *answer = (struct etcdjson_answer){.revision = 0};
    if (json_is_object(root))
        r = take(answer, root);
    else
        r = status == 200 ? -1 : set_error(answer, body, 0);
    if (r == 0 && status != 200 && !answer->error)
        r = set_error(answer, STR(""), 0);
    json_decref(root);
    return r;
}

void etcdjson_fini(struct etcdjson_answer *answer)
{
    free(answer->memory);
    free(answer->token);
    free(answer->error);
    *answer = (struct etcdjson_answer){.revision = 0};
}
