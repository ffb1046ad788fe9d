/* Plain numbers: weir-demo has one thread. */
#include "tally.h"

struct tally tally;

void tally_reset(void)
{
    tally = (struct tally){
        .in_flight = tally.in_flight,
        .max_in_flight = tally.in_flight,
        .open = tally.open,
    };
}

static void member(struct bytes *out, const char *name, uint64_t n)
{
    bytes_text(out, ",\"");
    bytes_text(out, name);
    bytes_text(out, "\":");
    bytes_number(out, n);
}

void tally_json(struct bytes *out, struct str version)
{
    bytes_text(out, "{\"version\":");
    bytes_json(out, version);
    member(out, "requests", tally.requests);
    member(out, "connections", tally.connections);
    member(out, "accepted", tally.accepted);
    member(out, "aborted", tally.aborted);
    member(out, "malformed", tally.malformed);
    member(out, "failed", tally.failed);
    member(out, "upgraded", tally.upgraded);
    member(out, "body_bytes", tally.body_bytes);
    member(out, "in_flight", tally.in_flight);
    member(out, "max_in_flight", tally.max_in_flight);
    member(out, "open", tally.open);
    bytes_text(out, ",\"responses\":{\"1xx\":");
    bytes_number(out, tally.responses[1]);
    for (int class = 2; class <= 5; class ++) {
        char name[] = {(char)('0' + class), 'x', 'x', '\0'};

        member(out, name, tally.responses[class]);
    }
    bytes_text(out, "}}\n");
}
