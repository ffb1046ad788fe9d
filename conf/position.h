/* Where in a document's text a JSON path is: the line and column that editors jump to. */
#ifndef WEIR_CONF_POSITION_H
#define WEIR_CONF_POSITION_H

#include "base/str.h"
#include "conf/problems.h"

/* Gives each problem of this file that has none yet the line and column of its path in the file's
 * text: of the key, or of the element of an array; where the text has no such place, of the nearest
 * that it has above. The text need not be well-formed. It is read once, whatever the problems are.
 * Where memory runs out they stay without. */
void position_find(struct problems *problems, const char *file, struct str text);

#endif
