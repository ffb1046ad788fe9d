/* The picture: one panel for each version (of two versions the rarer one's says it all), the number
 * of requests on a logarithmic axis. The light band is where an independent draw stays at all times
 * with a chance of 1 - alpha: where its bet (bet.h) stays below 1/alpha. The dark one is within one
 * request of the share: an exact split. */
#include "splitcheck/figure.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "splitcheck/bet.h"

enum {
    WIDTH = 860,
    LEFT = 70,
    RIGHT = 20,
    TOP = 56,
    PANEL = 250,
    PLOT = 180,
    LINE = 19,
    POINTS = 400,
    PANELS_MAX = 6,
    TEXT_COLUMNS = 118,
    LINES_MAX = 40
};

struct panel {
    uint32_t arm;
    double top;       /* of the plot */
    double low, high; /* percent on the vertical axis */
};

struct picture {
    FILE *out;
    const struct sample *sample;
    const struct judge *judge;
    const struct asked *asked;
    uint64_t at[POINTS]; /* numbers of requests, rising */
    uint32_t nr;
    uint64_t counts[POINTS]; /* of the panel's version by then */
    double y;                /* of the next line of text */
};

/* ---- Text ------------------------------------------------------------------------------------ */

static void put_escaped(FILE *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else
            fputc(c < ' ' || c == 127 ? '?' : c, out);
    }
}

/* Lines of text below each other, broken between words. */
static void put_words(struct picture *picture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_words(struct picture *picture, const char *format, ...)
{
    char text[1024];
    const char *p = text;
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    while (*p) {
        size_t n = strlen(p);

        if (n > TEXT_COLUMNS)
            for (n = TEXT_COLUMNS; n > TEXT_COLUMNS / 2 && p[n] != ' '; n--)
                continue;
        fprintf(picture->out, "<text x=\"%d\" y=\"%.0f\">", LEFT, picture->y);
        put_escaped(picture->out, p, n);
        fputs("</text>\n", picture->out);
        picture->y += LINE;
        for (p += n; *p == ' '; p++)
            continue;
    }
}

/* ---- Scales ---------------------------------------------------------------------------------- */

static double x_of(const struct picture *picture, double n)
{
    double whole = log(fmax(2, (double)picture->sample->nr));

    return LEFT + (WIDTH - LEFT - RIGHT) * log(fmax(1, n)) / whole;
}

static double y_of(const struct panel *panel, double percent)
{
    double part = (percent - panel->low) / (panel->high - panel->low);

    return panel->top + PLOT * (1 - fmin(1, fmax(0, part)));
}

/* Numbers of requests that are evenly spread over the axis. */
static void place_points(struct picture *picture)
{
    uint64_t n = picture->sample->nr, last = 0;

    picture->nr = 0;
    for (int i = 0; i < POINTS; i++) {
        uint64_t at = (uint64_t)llround(pow((double)n, i / (POINTS - 1.0)));

        if (at > last && at <= n)
            picture->at[picture->nr++] = last = at;
    }
}

static void count_at_points(struct picture *picture, uint32_t arm)
{
    uint64_t count = 0, n = 0;

    for (uint32_t i = 0; i < picture->nr; i++) {
        for (; n < picture->at[i]; n++)
            count += picture->sample->order[n] == arm;
        picture->counts[i] = count;
    }
}

static bool is_in_band(uint64_t count, uint64_t n, double p, double limit)
{
    uint64_t counts[] = {count, n - count};
    double share[] = {p, 1 - p};

    return bet_on_counts(counts, share, 2, BET_PRIOR) < limit;
}

/* The least and the greatest count of n that are in the band, by halves from the mean. */
static void band_at(uint64_t n, double p, double alpha, double *low, double *high)
{
    double limit = -log(alpha);
    uint64_t mean = (uint64_t)((double)n * p), a = 0, b = mean;

    while (a < b) {
        uint64_t middle = a + (b - a) / 2;

        if (is_in_band(middle, n, p, limit))
            b = middle;
        else
            a = middle + 1;
    }
    *low = 100.0 * (double)a / (double)n;
    a = mean;
    b = n;
    while (a < b) {
        uint64_t middle = a + (b - a + 1) / 2;

        if (is_in_band(middle, n, p, limit))
            a = middle;
        else
            b = middle - 1;
    }
    *high = 100.0 * (double)a / (double)n;
}

/* What is worth seeing: all from where some ten of the version were due. */
static void scale(struct picture *picture, struct panel *panel)
{
    double p = picture->sample->arms[panel->arm].weight / (double)ASKED_WHOLE;
    double from = fmin((double)picture->sample->nr / 2, fmax(10, 10 / fmax(1e-9, fmin(p, 1 - p))));

    panel->low = panel->high = 100 * p;
    for (uint32_t i = 0; i < picture->nr; i++) {
        double n = (double)picture->at[i], share = 100 * (double)picture->counts[i] / n, low, high;

        if (n < from)
            continue;
        panel->low = fmin(panel->low, share);
        panel->high = fmax(panel->high, share);
        if (p > 0 && p < 1) {
            band_at(picture->at[i], p, picture->asked->alpha, &low, &high);
            panel->low = fmin(panel->low, low);
            panel->high = fmax(panel->high, high);
        }
    }
    panel->high = fmin(100, panel->high + 0.05 * (panel->high - panel->low));
    if (panel->high - panel->low < 0.1) {
        panel->low = fmax(0, panel->low - 1);
        panel->high = fmin(100, panel->high + 1);
    }
}

/* ---- Panels ---------------------------------------------------------------------------------- */

static void draw_axes(struct picture *picture, const struct panel *panel)
{
    FILE *out = picture->out;
    double bottom = panel->top + PLOT, range = panel->high - panel->low;
    double step = pow(10, floor(log10(range / 2)));

    if (range / step > 12)
        step *= 5;
    else if (range / step > 5)
        step *= 2;
    for (double y = ceil(panel->low / step) * step; y <= panel->high * (1 + 1e-9); y += step)
        fprintf(out,
                "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.6g %%</text>\n",
                LEFT, y_of(panel, y), WIDTH - RIGHT, LEFT - 6, y_of(panel, y) + 4, y);
    for (double n = 1; n <= (double)picture->sample->nr; n *= 10)
        fprintf(out,
                "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text class=\"tick\" x=\"%.1f\" "
                "y=\"%.1f\" text-anchor=\"middle\">%.0f</text>\n",
                x_of(picture, n), panel->top, bottom, x_of(picture, n), bottom + 16, n);
    fprintf(out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">requests</text>\n",
            WIDTH - RIGHT, bottom + 32);
}

static void draw_band(struct picture *picture, const struct panel *panel, const char *class,
                      bool is_exact)
{
    double p = picture->sample->arms[panel->arm].weight / (double)ASKED_WHOLE;
    double lows[POINTS];

    fprintf(picture->out, "<path class=\"%s\" d=\"", class);
    for (uint32_t i = 0; i < picture->nr; i++) {
        double n = (double)picture->at[i], low = 100 * (p - 1 / n), high = 100 * (p + 1 / n);

        if (!is_exact)
            band_at(picture->at[i], p, picture->asked->alpha, &low, &high);
        lows[i] = low;
        fprintf(picture->out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(picture, n), y_of(panel, high));
    }
    for (uint32_t i = picture->nr; i-- > 0;)
        fprintf(picture->out, "L%.1f %.1f", x_of(picture, (double)picture->at[i]),
                y_of(panel, lows[i]));
    fputs("Z\"/>\n", picture->out);
}

static void draw_panel(struct picture *picture, struct panel *panel)
{
    const struct sample_arm *arm = &picture->sample->arms[panel->arm];
    const struct judge_arm *row = &picture->judge->arms[panel->arm];
    FILE *out = picture->out;

    count_at_points(picture, panel->arm);
    scale(picture, panel);
    fprintf(out, "<text class=\"name\" x=\"%d\" y=\"%.0f\">version ", LEFT, panel->top - 8);
    put_escaped(out, arm->name, strlen(arm->name));
    fprintf(out, ": %.4g %%, due %.9g %%</text>\n", row->share, row->expected);
    if (arm->weight > 0 && arm->weight < ASKED_WHOLE) {
        draw_band(picture, panel, "random", false);
        draw_band(picture, panel, "exact", true);
    }
    draw_axes(picture, panel);
    fprintf(out, "<path class=\"due\" d=\"M%d %.1fH%d\"/>\n", LEFT, y_of(panel, row->expected),
            WIDTH - RIGHT);
    fputs("<polyline class=\"share\" points=\"", out);
    for (uint32_t i = 0; i < picture->nr; i++)
        fprintf(out, "%.1f,%.1f ", x_of(picture, (double)picture->at[i]),
                y_of(panel, 100 * (double)picture->counts[i] / (double)picture->at[i]));
    fputs("\"/>\n", out);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static uint32_t choose(const struct sample *sample, struct panel *panels)
{
    uint32_t nr = 0;

    if (sample->nr_arms == 2) {
        panels[0].arm = sample->arms[1].weight <= sample->arms[0].weight;
        return 1;
    }
    for (uint32_t i = 0; i < sample->nr_arms && nr < PANELS_MAX; i++)
        panels[nr++].arm = i;
    return nr;
}

static void put_figures(struct picture *picture)
{
    const struct sample *sample = picture->sample;
    const struct judge *judge = picture->judge;

    put_words(picture, "Verdict: %s; it %s.", judge_word(judge->verdict),
              judge->fits ? "fits" : "does not fit");
    for (uint32_t i = 0; i < judge->nr_reasons; i++)
        put_words(picture, "%c%s.", toupper((unsigned char)judge->reasons[i][0]),
                  judge->reasons[i] + 1);
    put_words(
        picture,
        "%llu requests, %llu of them errors. No version was ever further off its share than %.4g "
        "requests (version %s, after %llu).",
        (unsigned long long)sample->requests, (unsigned long long)sample->errors, judge->prefix_max,
        sample->arms[judge->prefix_arm].name, (unsigned long long)judge->prefix_at);
    put_words(picture, "G is %.4g (p = %.2g); the e-value was at most %.3g.", judge->g, judge->g_p,
              exp(judge->log_e_max));
    put_words(picture,
              "Light band: a split of independent draws stays in it at all times with a chance of "
              "%g %%. Dark band: within one request of the share, as an exact split is.",
              100 * (1 - picture->asked->alpha));
}

int figure_draw(FILE *out, const struct sample *sample, const struct judge *judge,
                const struct asked *asked)
{
    struct picture picture = {.out = out, .sample = sample, .judge = judge, .asked = asked};
    struct panel panels[PANELS_MAX] = {{0}};
    uint32_t nr = choose(sample, panels);
    int height = TOP + (int)nr * PANEL + (int)(8 + 2 * judge->nr_reasons) * LINE;

    place_points(&picture);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\">\n<title>Split of ",
            WIDTH, height, WIDTH, height);
    put_escaped(out, asked->text_url, strlen(asked->text_url));
    fprintf(out, ": %s</title>\n", judge_word(judge->verdict));
    fputs(
        "<style>text{font:13px sans-serif;fill:#222}.title{font-size:17px;font-weight:bold}"
        ".name{font-weight:bold}.tick{font-size:11px;fill:#555}.grid{stroke:#ddd;fill:none}"
        ".random{fill:#dbe8f4}.exact{fill:#9fc3e3}.due{stroke:#555;stroke-dasharray:4 3;fill:none}"
        ".share{fill:none;stroke:#b3261e;stroke-width:1.6}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        out);
    fprintf(out, "<text class=\"title\" x=\"%d\" y=\"28\">Split of ", LEFT);
    put_escaped(out, asked->text_url, strlen(asked->text_url));
    fprintf(out, ": %s</text>\n", judge_word(judge->verdict));
    for (uint32_t i = 0; i < nr; i++) {
        panels[i].top = TOP + i * PANEL + 14;
        draw_panel(&picture, &panels[i]);
    }
    picture.y = TOP + nr * PANEL + LINE;
    put_figures(&picture);
    fputs("</svg>\n", out);
    return ferror(out) ? -1 : 0;
}
