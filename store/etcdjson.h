/* What etcd's JSON gateway is asked and answers (3.4 and 3.5, api/etcdserverpb/rpc.proto): texts
 * of requests, and answers as structs. Keys and values travel in base64, 64-bit numbers as strings,
 * and what is zero, empty or false is left out.
 *
 * Pure: no socket, no clock. Any thread. */
#ifndef WEIR_STORE_ETCDJSON_H
#define WEIR_STORE_ETCDJSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/str.h"

/* etcd refuses a request with more operations (--max-txn-ops), or of more bytes
 * (--max-request-bytes, 1.5 MiB, which counts keys and values without base64). */
enum { ETCDJSON_OPS_MAX = 128, ETCDJSON_BYTES_MAX = 1536 * 1024 };

/* Keys from key up to end, which does not belong to it; end "": the key alone. */
struct etcdjson_range {
    struct str key, end;
    uint64_t revision;  /* as of it; 0: now */
    uint64_t limit;     /* so many keys at most; 0: all */
    uint64_t changed;   /* only what was changed in this revision or later; 0: all */
    bool is_stale_fine; /* the member that is asked need not ask the others */
};

/* The end of the range of all keys that begin with what is in b: b becomes it. */
void etcdjson_prefix_end(struct buffer *b);

/* ---- Requests: each adds to b, which says at the end whether memory was enough -------------- */

void etcdjson_ask_range(struct buffer *b, const struct etcdjson_range *range);
/* Events from revision start on; 0: from now on. */
void etcdjson_ask_watch(struct buffer *b, struct str key, struct str end, uint64_t start);
void etcdjson_ask_grant(struct buffer *b, uint64_t seconds);
void etcdjson_ask_lease(struct buffer *b, uint64_t lease); /* keepalive, revoke */
void etcdjson_ask_token(struct buffer *b, struct str user, struct str password);

/* A transaction: begin, compare (all of them), then, operations, otherwise, operations, end. */
struct etcdjson_txn {
    struct buffer *b;
    int nr_ops, nr_compared; /* of the branch that is being written */
    size_t nr_bytes;         /* of keys and values so far */
};
void etcdjson_txn_begin(struct etcdjson_txn *txn, struct buffer *b);
/* Was the key last changed in this revision? 0: it is not there. */
void etcdjson_txn_compare(struct etcdjson_txn *txn, struct str key, uint64_t mod_revision);
/* Was the key made in this revision? 0: it is not there. */
void etcdjson_txn_compare_made(struct etcdjson_txn *txn, struct str key, uint64_t create_revision);
void etcdjson_txn_then(struct etcdjson_txn *txn);
void etcdjson_txn_put(struct etcdjson_txn *txn, struct str key, struct str value, uint64_t lease);
void etcdjson_txn_delete(struct etcdjson_txn *txn, struct str key, struct str end);
void etcdjson_txn_range(struct etcdjson_txn *txn, const struct etcdjson_range *range);
void etcdjson_txn_otherwise(struct etcdjson_txn *txn);
void etcdjson_txn_end(struct etcdjson_txn *txn);

/* ---- Answers --------------------------------------------------------------------------------- */

struct etcdjson_kv {
    struct str key, value; /* terminated, in the answer's memory */
    uint64_t create_revision, mod_revision, lease;
    bool is_deleted; /* of an event: the key has gone */
};

/* All kinds of answers in one: what an answer does not have is zero. */
struct etcdjson_answer {
    uint64_t revision;       /* of the whole store, when it answered */
    struct etcdjson_kv *kvs; /* of a range, of all ranges of a transaction, or a watch's events */
    int nr_kvs;
    bool has_more;                /* the range has more keys than the limit */
    bool has_succeeded;           /* a transaction took its first branch */
    bool is_created, is_canceled; /* of a watch */
    uint64_t compact_revision;    /* a watch began before it, and nobody knows what came between */
    uint64_t lease;
    int64_t ttl; /* of the lease; 0 or less after a keepalive: the lease has gone */
    char *token;
    /* NULL: it is no error. code is gRPC's (0 where there is none). */
    char *error;
    int code;
    void *memory; /* the answer's */
};

/* gRPC's codes that are told apart. */
enum {
    ETCDJSON_PERMISSION_DENIED = 7,
    ETCDJSON_OUT_OF_RANGE = 11, /* also of a revision that was compacted */
    ETCDJSON_UNAVAILABLE = 14,
    ETCDJSON_UNAUTHENTICATED = 16
};

/* Reads the body of an answer with this HTTP status, or a line of a watch. Where it is no JSON and
 * the status is not 200, the text becomes the error. 0; or -1 when it is no answer of etcd's, or
 * memory is out. etcdjson_fini ends it in either case. */
int etcdjson_read(struct etcdjson_answer *answer, int status, struct str body)
    __attribute__((warn_unused_result));
void etcdjson_fini(struct etcdjson_answer *answer);

#endif
