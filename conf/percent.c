/* Percentages as JSON has them. */
#include "conf/percent.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/weight.h"

/* The number as it was written, or nearly so: as few digits as tell it from all other doubles. */
static void write_shortest(char *out, size_t size, double number)
{
    for (int digits = 8; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            return;
    }
}

static void report_places(struct jsondoc *doc, const struct place *at, double percent)
{
    struct weight_text near = weight_text((int64_t)(percent * WEIGHT_PERCENT + 0.5));
    char text[40];

    write_shortest(text, sizeof(text), percent);
    jsondoc_problem(doc, at, "weight_places",
                    "%s has more than seven places after the point; the nearest weight is %s", text,
                    near.s);
}

int64_t percent_read(struct jsondoc *doc, const struct place *at, const json_t *value)
{
    double percent = json_number_value(value);
    int64_t weight = weight_of_double(percent);

    if (!json_is_number(value))
        jsondoc_problem(doc, at, "wrong_type",
                        "must be a number of percent such as 95 or 33.3333333, not %s",
                        jsondoc_kind(value));
    else if (!(percent >= 0 && percent <= 100))
        jsondoc_problem(doc, at, "out_of_range", "must be 0 to 100 percent, not %.12g", percent);
    else if (weight < 0)
        report_places(doc, at, percent);
    else
        return weight;
    return -1;
}

json_t *percent_write(uint32_t weight)
{
    if (weight % WEIGHT_PERCENT == 0)
        return json_integer((json_int_t)(weight / WEIGHT_PERCENT));
    return json_real((double)weight / WEIGHT_PERCENT);
}
