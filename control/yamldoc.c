/* libyaml's events, one after the other, into jansson's values. */
#include "control/yamldoc.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reading {
    yaml_parser_t parser;
    char *reason;
};

static void say(struct reading *r, const yaml_mark_t *mark, const char *what)
{
    if (!r->reason[0])
        snprintf(r->reason, YAMLDOC_REASON_MAX, "%s in line %zu", what, mark->line + 1);
}

/* False with a reason. The event is to be deleted where it is true. */
static bool next(struct reading *r, yaml_event_t *event)
{
    const yaml_parser_t *p = &r->parser;

    if (yaml_parser_parse(&r->parser, event))
        return true;
    say(r, &p->problem_mark, p->problem ? p->problem : "out of memory");
    return false;
}

static json_t *read_value(struct reading *r, const yaml_event_t *event, int depth);

static json_t *read_scalar(struct reading *r, const yaml_event_t *event)
{
    json_t *text = json_stringn((const char *)event->data.scalar.value, event->data.scalar.length);

    if (!text)
        say(r, &event->start_mark, "a text that is none");
    return text;
}

static json_t *read_list(struct reading *r, int depth)
{
    json_t *list = json_array();
    yaml_event_t event;

    while (list && next(r, &event)) {
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = is_end ? NULL : read_value(r, &event, depth + 1);

        yaml_event_delete(&event);
        if (is_end)
            return list;
        if (!item || json_array_append_new(list, item) < 0)
            break;
    }
    json_decref(list);
    return NULL;
}

/* The value of the key, which is the event. */
static int read_member(struct reading *r, json_t *object, const yaml_event_t *key, int depth)
{
    const char *name = (const char *)key->data.scalar.value;
    yaml_event_t event;
    json_t *value;

    if (key->type != YAML_SCALAR_EVENT || strlen(name) != key->data.scalar.length) {
        say(r, &key->start_mark, "a key that is no text");
        return -1;
    }
    if (json_object_get(object, name)) {
        say(r, &key->start_mark, "a key that is there twice");
        return -1;
    }
    if (!next(r, &event))
        return -1;
    value = read_value(r, &event, depth + 1);
    yaml_event_delete(&event);
    if (value && json_object_set_new(object, name, value) < 0)
        say(r, &key->start_mark, "a key that is no text");
    return value && !r->reason[0] ? 0 : -1;
}

static json_t *read_object(struct reading *r, int depth)
{
    json_t *object = json_object();
    yaml_event_t event;

    while (object && next(r, &event)) {
        bool is_end = event.type == YAML_MAPPING_END_EVENT;
        int result = is_end ? 0 : read_member(r, object, &event, depth);

        yaml_event_delete(&event);
        if (is_end)
            return object;
        if (result < 0)
            break;
    }
    json_decref(object);
    return NULL;
}

static json_t *read_value(struct reading *r, const yaml_event_t *event, int depth)
{
    if (depth > YAMLDOC_DEPTH_MAX) {
        say(r, &event->start_mark, "too many levels");
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (!event->data.scalar.anchor && !event->data.scalar.tag)
            return read_scalar(r, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        if (!event->data.sequence_start.anchor && !event->data.sequence_start.tag)
            return read_list(r, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        if (!event->data.mapping_start.anchor && !event->data.mapping_start.tag)
            return read_object(r, depth);
        break;
    default:
        break;
    }
    say(r, &event->start_mark, "an anchor, alias or tag, which weir does not read,");
    return NULL;
}

/* The document's value, and nothing behind it. */
static json_t *read_document(struct reading *r)
{
    json_t *value = NULL;
    yaml_event_t event;
    bool is_over = false;

    while (!is_over && next(r, &event)) {
        is_over = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && value)
            say(r, &event.start_mark, "a second document");
        else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
                 event.type != YAML_DOCUMENT_END_EVENT && !is_over)
            value = read_value(r, &event, 1);
        is_over |= r->reason[0] != '\0';
        yaml_event_delete(&event);
    }
    if (value && r->reason[0]) {
        json_decref(value);
        return NULL;
    }
    if (!value && !r->reason[0])
        snprintf(r->reason, YAMLDOC_REASON_MAX, "nothing in it");
    return value;
}

json_t *yamldoc_load(struct str text, char reason[YAMLDOC_REASON_MAX])
{
    struct reading r = {.reason = reason};
    json_t *value;

    reason[0] = '\0';
    if (!yaml_parser_initialize(&r.parser)) {
        snprintf(reason, YAMLDOC_REASON_MAX, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    value = read_document(&r);
    yaml_parser_delete(&r.parser);
    return value;
}
