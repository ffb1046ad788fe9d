/* The rows that a fleet shares, in pieces, as etcd has them. A row belongs to one of 256 pieces by
 * its names; a piece is a value of its own under a key that is written once and never again:
 *
 *     PREFIX table             the switching key: which piece stands under which key
 *     PREFIX p/ PIECE / ID     a piece: {"KIND":{"FUNCTION":{"NAME":{"r":REVISION,"d":DOCUMENT}}}}
 *
 * So a change writes the pieces that it touches under new keys, and then the switching key if it is
 * still the one that the change began with. Who reads the switching key finds all of one table, or
 * a key that has gone already: then the switching key is another one by now.
 *
 * Pure: no socket, no clock. */
#ifndef WEIR_STORE_PIECES_H
#define WEIR_STORE_PIECES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "store/store.h"

enum { PIECES_NR = 256, PIECES_ID = 16, PIECES_BY_MAX = 256 };

/* Zeroed is empty. */
struct pieces {
    char *texts[PIECES_NR];             /* NULL: no rows */
    char ids[PIECES_NR][PIECES_ID + 1]; /* of their keys; "": no piece */
    char change[PIECES_ID + 1];         /* which change made it so */
    char by[PIECES_BY_MAX];             /* the member that changed it, for people */
};

void pieces_fini(struct pieces *pieces);

/* The piece of a row: the same in each release. */
int pieces_of(const struct store_row *row);

/* Adds the key of a piece. */
void pieces_key(struct buffer *b, const char *prefix, int piece, const char *id);

/* The switching key's value. */
void pieces_write(struct buffer *b, const struct pieces *pieces);
/* Fills in ids, change and by; texts stay. 0, or -1 with a reason. */
int pieces_read(struct pieces *pieces, const char *text, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* What the rows of pieces become by the edits (STORE_PUT and STORE_DELETE): to->texts of those that
 * are_touched; the others of to are left alone. 0, or -1 with a reason. */
int pieces_edit(struct pieces *to, bool are_touched[PIECES_NR], const struct pieces *from,
                const struct store_edit *edits, int nr, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* Calls each for the rows of a text. 0, or -1 with a reason: it is no piece. */
int pieces_each(const char *text, store_each_row *each, void *context, struct store_reason *reason)
    __attribute__((warn_unused_result));

/* Calls each with what makes after of before, piece texts or NULL: a STORE_PUT or STORE_DELETE for
 * each row that is another. Results as of pieces_each. */
typedef void pieces_each_edit(void *context, const struct store_edit *edit);
int pieces_compare(const char *before, const char *after, pieces_each_edit *each, void *context,
                   struct store_reason *reason) __attribute__((warn_unused_result));

#endif
