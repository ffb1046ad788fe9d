/* Reading a list of outcomes. */
#include "experiment/outcomes.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { NUMBER_MAX = 40 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(struct str s)
{
    if (s.n == 0 || s.n > OUTCOMES_NAME_MAX || !is_letter(*s.p))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
            return false;
    return true;
}

/* strtod would take "inf", "nan" and hexadecimal numbers, too. (weir's locale is C's.) */
static bool read_number(struct str s, double *out)
{
    char text[NUMBER_MAX + 1];
    bool has_digit = false;
    char *end;

    if (s.n == 0 || s.n > NUMBER_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        has_digit |= is_digit(c);
        if (!is_digit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E')
            return false;
        text[i] = c;
    }
    text[s.n] = '\0';
    *out = strtod(text, &end);
    return has_digit && end == text + s.n && fabs(*out) <= OUTCOMES_VALUE_MAX;
}

static bool is_known(const struct outcomes *outcomes, struct str name)
{
    for (int i = 0; i < outcomes->nr; i++)
        if (str_eq(outcomes->list[i].name, name))
            return true;
    return false;
}

static void take(struct outcomes *out, struct str item)
{
    struct str name = str_until(item, '=');
    struct outcome outcome;

    if (name.n < item.n) {
        struct str number = {item.p + name.n + 1, item.n - name.n - 1};

        outcome.name = str_trim(name);
        if (is_name(outcome.name) && read_number(str_trim(number), &outcome.value) &&
            out->nr < OUTCOMES_MAX && !is_known(out, outcome.name)) {
            out->list[out->nr++] = outcome;
            return;
        }
    }
    out->nr_bad++;
}

void outcomes_parse(struct outcomes *outcomes, struct str value)
{
    while (value.n > 0) {
        struct str item = str_until(value, ',');
        size_t used = item.n < value.n ? item.n + 1 : item.n;

        value.p += used;
        value.n -= used;
        item = str_trim(item);
        if (item.n > 0)
            take(outcomes, item);
    }
}
