/* The pieces of which families are printed: # HELP and # TYPE, names, labels and numbers. */
#include "metrics/family.h"

#include "metrics/series.h"

void family_put(struct scrape *s, const char *z)
{
    page_put(&s->page, str_of(z));
}

void family_begin(struct scrape *s, const char *name, const char *type, const char *help)
{
    family_put(s, "# HELP ");
    family_put(s, name);
    family_put(s, " ");
    family_put(s, help);
    family_put(s, "\n# TYPE ");
    family_put(s, name);
    family_put(s, " ");
    family_put(s, type);
    family_put(s, "\n");
}

void family_end_line(struct scrape *s, uint64_t value)
{
    page_put_char(&s->page, ' ');
    page_put_u64(&s->page, value);
    page_put_char(&s->page, '\n');
}

void family_end_scaled(struct scrape *s, uint64_t value, int places)
{
    page_put_char(&s->page, ' ');
    family_end_value(s, value, places);
}

void family_end_value(struct scrape *s, uint64_t value, int places)
{
    page_put_scaled(&s->page, value, places);
    page_put_char(&s->page, '\n');
}

void family_label(struct scrape *s, const char *before, const char *name, struct str value)
{
    family_put(s, before);
    page_put_label(&s->page, str_of(name), value);
}

void family_series(struct scrape *s, const char *name, uint32_t series)
{
    family_put(s, name);
    page_put_char(&s->page, '{');
    series_put_labels(metrics_lock_series(s->metrics), series, &s->page);
    metrics_unlock_series(s->metrics);
}

void family_counted(struct scrape *s, const char *name, const struct sums *sums)
{
    family_put(s, name);
    page_put_char(&s->page, '{');
    page_put(&s->page, (struct str){s->labels.p + sums->labels_at, sums->labels_n});
}

void family_one(struct scrape *s, const char *name, const char *type, const char *help,
                uint64_t value)
{
    family_begin(s, name, type, help);
    family_put(s, name);
    family_end_line(s, value);
}
