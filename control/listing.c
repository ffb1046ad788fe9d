/* How long a listing lives: from the request to its text, whether the client stays or not. */
#include "control/listing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "control/etag.h"

static void end(struct listing *listing)
{
    table_unref(&listing->table);
    if (listing->free_facts)
        listing->free_facts(listing->facts);
    free(listing);
}

enum api_outcome listing_begin(const struct api_hooks *hooks, struct api_waiter *waiter,
                               struct api_response *response, const struct listing *from)
{
    struct listing *listing = malloc(sizeof(*listing));

    if (!listing) {
        if (from->free_facts)
            from->free_facts(from->facts);
        answer_document(response, NULL);
        return API_ANSWERED;
    }
    *listing = *from;
    listing->table = table_ref(hooks->table(hooks->context));
    listing->waiter = waiter;
    listing->text = NULL;
    if (hooks->write(hooks->context, listing) < 0) {
        end(listing);
        answer_document(response, NULL);
        return API_ANSWERED;
    }
    waiter->listing = listing;
    return API_LATER;
}

void listing_write(struct listing *listing)
{
    listing->text = listing->write(listing, &listing->length);
}

char *listing_written(struct listing *listing)
{
    struct api_waiter *waiter = listing->waiter;
    char *text = listing->text;
    struct api_response response;

    if (waiter) {
        assert(waiter->listing == listing);
        waiter->listing = NULL;
        memset(&response, 0, sizeof(response));
        response.status = text ? 200 : 503;
        response.content_type = listing->content_type ? listing->content_type : "application/json";
        response.body = text;
        response.length = text ? listing->length : 0;
        if (text && !listing->content_type) {
            struct etag etag = etag_table(waiter->hooks, listing->table);
            etag_tell_read(&response, &etag, listing->table);
        }
        text = NULL; /* the response's */
        waiter->answered(waiter, &response);
    }
    end(listing);
    return text;
}

void listing_forget(struct api_waiter *waiter)
{
    waiter->listing->waiter = NULL;
    waiter->listing = NULL;
}
