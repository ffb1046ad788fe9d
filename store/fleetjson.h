/* What the keys of a fleet's members say in etcd, as JSON. Pure: no socket, no clock.
 *
 * Any thread. */
#ifndef WEIR_STORE_FLEETJSON_H
#define WEIR_STORE_FLEETJSON_H

#include "base/buffer.h"
#include "store/store_etcd.h"

/* {"id", "address", "generation", "slot"}; token and revision are the key's, and stay. */
void fleetjson_write_member(struct buffer *b, const struct store_etcd_member *member);
void fleetjson_read_member(struct store_etcd_member *member, const char *value);

/* {"id", "by"}: of the leader, and of a slot. What value does not say is "". */
void fleetjson_write_owner(struct buffer *b, const char *id, const char *token);
void fleetjson_read_owner(const char *value, char id[STORE_ETCD_MEMBER_ID],
                          char token[STORE_ETCD_TOKEN + 1]);

#endif
