/* Finds the nearest known word by the restricted Damerau-Levenshtein distance ("optimal string
 * alignment").
 *
 * Case costs nothing, and costs are doubled so that a slip of word separator ("connectMs" for
 * "connect_ms") can cost half of a wrong letter: such words are nearly always meant. Words are keys
 * of documents, so long ones are not looked at. */
#include "conf/suggest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 48, SLIP = 2, HALF_SLIP = 1 };

static int min2(int a, int b)
{
    return a < b ? a : b;
}

static int cost_insert(char c)
{
    return c == '_' || c == '-' ? HALF_SLIP : SLIP;
}

static int cost_replace(char a, char b)
{
    if (tolower((unsigned char)a) == tolower((unsigned char)b))
        return 0;
    return cost_insert(a) == HALF_SLIP && cost_insert(b) == HALF_SLIP ? HALF_SLIP : SLIP;
}

/* rows[1] is the row before, rows[2] the one before that; a is one letter further than rows[1]. */
static int cell(int *const rows[3], const char *a, size_t i, const char *b, size_t j)
{
    int best = rows[1][j - 1] + cost_replace(a[i - 1], b[j - 1]);

    best = min2(best, rows[1][j] + cost_insert(a[i - 1]));
    best = min2(best, rows[0][j - 1] + cost_insert(b[j - 1]));
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = min2(best, rows[2][j - 2] + SLIP);
    return best;
}

static int distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    int cells[3][WORD_MAX + 1];

    cells[0][0] = 0;
    for (size_t j = 1; j <= nb; j++)
        cells[0][j] = cells[0][j - 1] + cost_insert(b[j - 1]);
    for (size_t i = 1; i <= na; i++) {
        int *const rows[3] = {cells[i % 3], cells[(i + 2) % 3], cells[(i + 1) % 3]};
        rows[0][0] = rows[1][0] + cost_insert(a[i - 1]);
        for (size_t j = 1; j <= nb; j++)
            rows[0][j] = cell(rows, a, i, b, j);
    }
    return cells[na % 3][nb];
}

/* How far a known word may be: one slip in three letters of the longer word, at least one, and less
 * than the whole word. */
static int limit(size_t length, size_t known_length)
{
    size_t longer = length > known_length ? length : known_length;
    int slips = longer < 6 ? 1 : (int)longer / 3;

    return min2(slips, (int)length - 1) * SLIP;
}

const char *suggest_nearest(const char *word, const char *const *known, size_t nr_known)
{
    size_t length = strnlen(word, WORD_MAX + 1);
    const char *nearest = NULL;
    int least = 0;

    if (length == 0 || length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < nr_known; i++) {
        size_t known_length = strnlen(known[i], WORD_MAX + 1);
        int d;
        if (known_length > WORD_MAX)
            continue;
        d = distance(word, known[i]);
        if (d > limit(length, known_length) || (nearest && d >= least))
            continue;
        least = d;
        nearest = known[i];
    }
    return nearest;
}
