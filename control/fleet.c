/* The page of the fleet, from what the store has seen of it. */
#include "control/fleet.h"

#include "control/answer.h"
#include "control/fleetbook.h"
#include "control/rowstore.h"
#include "store/store_etcd.h"

/* A text, or null where it is empty. */
static json_t *text_of(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *slot_of(int slot)
{
    return slot >= 0 ? json_integer(slot) : json_null();
}

static json_t *members_of(const struct store_etcd_fleet *fleet)
{
    json_t *list = json_array();

    for (int i = 0; list && i < fleet->nr_members; i++) {
        const struct store_etcd_member *m = &fleet->members[i];
        json_t *member =
            json_pack("{s:s, s:I, s:o, s:o}", "id", m->id, "generation", (json_int_t)m->generation,
                      "address", text_of(m->address), "slot", slot_of(m->slot));

        if (json_array_append_new(list, member) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *store_of(struct store *store)
{
    struct store_etcd_report report;

    store_etcd_report(store, &report);
    return json_pack("{s:b, s:s, s:I, s:o}", "connected", report.is_up, "endpoint", report.endpoint,
                     "generation", (json_int_t)report.seen, "reason", text_of(report.reason));
}

/* Of aliases that are drawn from: {F: {A: {...}}}. */
static json_t *splits_of(const struct api_hooks *hooks)
{
    return hooks->book ? fleetbook_page(hooks->book, hooks->table(hooks->context)) : json_object();
}

static json_t *page_of(const struct api_hooks *hooks)
{
    struct store *store = hooks->rows->store;
    struct store_etcd_fleet fleet;

    store_etcd_fleet(store, &fleet);
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "id", fleet.id, "generation",
                     (json_int_t)hooks->table(hooks->context)->generation, "slot",
                     slot_of(fleet.slot), "leader", text_of(fleet.leader), "members",
                     members_of(&fleet), "store", store_of(store), "splits", splits_of(hooks));
}

enum api_outcome fleet_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response)
{
    (void)waiter;
    if (!str_eq(request->path, STR("/fleet")))
        return API_NOT_MINE;
    if (!str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD")))
        answer_not_allowed(response, "GET, HEAD", "The members of the fleet can be read here.");
    else if (!hooks->rows->store->is_shared)
        answer_error(response, 404, "ResourceNotFoundException",
                     "This weir belongs to no fleet: the settings have no store.etcd.endpoints.");
    else
        answer_json(response, 200, page_of(hooks));
    return API_ANSWERED;
}
