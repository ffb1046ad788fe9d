/* Values of members' keys: small objects, of which what is not known is left alone. */
#include "store/fleetjson.h"

#include <jansson.h>
#include <stdio.h>

void fleetjson_write_member(struct buffer *b, const struct store_etcd_member *member)
{
    buffer_lit(b, "{\"id\":");
    buffer_json(b, str_of(member->id));
    buffer_lit(b, ",\"address\":");
    buffer_json(b, str_of(member->address));
    buffer_lit(b, ",\"generation\":");
    buffer_number(b, member->generation);
    if (member->slot >= 0) {
        buffer_lit(b, ",\"slot\":");
        buffer_number(b, (uint64_t)member->slot);
    }
    buffer_char(b, '}');
}

static void copy_word(char *to, size_t room, const json_t *from, const char *name)
{
    const char *word = json_string_value(json_object_get(from, name));

    snprintf(to, room, "%s", word ? word : "");
}

void fleetjson_read_member(struct store_etcd_member *member, const char *value)
{
    json_t *json = json_loads(value, 0, NULL);
    const json_t *slot = json_object_get(json, "slot");

    copy_word(member->id, sizeof(member->id), json, "id");
    copy_word(member->address, sizeof(member->address), json, "address");
    member->generation = (uint64_t)json_integer_value(json_object_get(json, "generation"));
    member->slot = json_is_integer(slot) ? (int)json_integer_value(slot) : -1;
    json_decref(json);
}

void fleetjson_write_owner(struct buffer *b, const char *id, const char *token)
{
    buffer_lit(b, "{\"id\":");
    buffer_json(b, str_of(id));
    buffer_lit(b, ",\"by\":");
    buffer_json(b, str_of(token));
    buffer_char(b, '}');
}

void fleetjson_read_owner(const char *value, char id[STORE_ETCD_MEMBER_ID],
                          char token[STORE_ETCD_TOKEN + 1])
{
    json_t *json = json_loads(value, 0, NULL);

    copy_word(id, STORE_ETCD_MEMBER_ID, json, "id");
    copy_word(token, STORE_ETCD_TOKEN + 1, json, "by");
    json_decref(json);
}
