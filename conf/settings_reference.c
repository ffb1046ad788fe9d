/* Writes docs/settings.md from the rows, so that the reference cannot lag behind the program. */
#include <string.h>

#include "conf/settings.h"
#include "conf/settings_rows.h"

struct section {
    const char *prefix; /* of the rows' paths; "" those without a dot */
    const char *title;
};

/* clang-format off */
static const struct section sections[] = {
    {"", "General"},
    {"admin.", "admin"},
    {"table.", "table"},
    {"state.", "state"},
    {"aws.", "aws"},
    {"invoke.", "invoke"},
    {"store.", "store"},
    {"fleet.", "fleet"},
    {"pins.", "pins"},
    {"shifts.", "shifts"},
    {"forwarded.", "forwarded"},
    {"limits.", "limits"},
    {"events.", "events"},
    {"executions.", "executions"},
    {"step_functions.", "step_functions"},
    {"timeouts.", "timeouts"},
    {"upstream.", "upstream"},
    {"log.", "log"},
    {"tls.", "tls"},
};
/* clang-format on */

static void write_values(FILE *out, const struct row *row)
{
    struct jsondoc_text expected = {0};

    rows_expected(row, &expected);
    fputs(expected.s, out);
}

static void write_default(FILE *out, const struct row *row)
{
    bool is_text = row->type == ROWS_STRING || row->type == ROWS_CHOICE;

    if (!row->default_text)
        fputs("none", out);
    else if (row->type == ROWS_LIST)
        fputs("`[]`", out);
    else if (is_text)
        fprintf(out, "`\"%s\"`", row->default_text);
    else
        fprintf(out, "`%s`", row->default_text);
}

/* A row of the Markdown table. */
static void write_row(FILE *out, const struct row *row)
{
    fprintf(out, "| `%s` | ", row->path);
    write_values(out, row);
    fputs(" | ", out);
    write_default(out, row);
    fprintf(out, " | %s | %s |\n", row->is_reloadable ? "yes" : "no", row->help);
}

static void write_head(FILE *out, const char *title)
{
    fprintf(out, "\n## %s\n\n| Key | Value | Default | Reload | Meaning |\n|---|---|---|---|---|\n",
            title);
}

static bool belongs(const struct row *row, const char *prefix)
{
    if (!*prefix)
        return !strchr(row->path, '.');
    return strncmp(row->path, prefix, strlen(prefix)) == 0;
}

static void write_all(FILE *out, const char *title, const struct row *rows, int nr)
{
    write_head(out, title);
    for (int i = 0; i < nr; i++)
        write_row(out, &rows[i]);
}

static const char introduction[] =
    "# Settings\n"
    "\n"
    "<!-- Written by weir from its own list of settings (settings_reference); edit "
    "conf/settings_rows.c, not this "
    "file. -->\n"
    "\n"
    "The settings document says how a weir process runs; [the table document](table.md) says where "
    "invocations go. It is "
    "optional, JSON, and named with `weir run --settings FILE`. Every key has a default. A dot in "
    "a key below means an object "
    "in an object:\n"
    "\n"
    "```json\n"
    "{\n"
    "  \"listeners\": [\n"
    "    {\"address\": \"0.0.0.0:8080\", \"redirect_to_https\": true},\n"
    "    {\"address\": \"0.0.0.0:8443\", \"tls\": {\"certificate\": \"shop.pem\", \"key\": "
    "\"shop.key\"}}\n"
    "  ],\n"
    "  \"table\": {\"file\": \"table.json\"},\n"
    "  \"timeouts\": {\"connect_ms\": 500, \"response_head_ms\": 30000}\n"
    "}\n"
    "```\n"
    "\n"
    "Unknown keys are errors, and so are values of another type or out of range; `weir check "
    "--settings FILE` lists all of them "
    "at once. Names end in their unit: `_ms` milliseconds, `_s` seconds, `_bytes` bytes.\n"
    "\n"
    "The document is read again when it changes, and on SIGHUP and `POST /reload`. Keys with "
    "\"yes\" "
    "under Reload then hold for new connections and "
    "invocations; the others keep their value until the next start, and the log says which those "
    "were.\n";

void settings_reference(FILE *out)
{
    fputs(introduction, out);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        write_head(out, sections[i].title);
        for (int k = 0; k < settings_rows_nr_main; k++)
            if (belongs(&settings_rows_main[k], sections[i].prefix))
                write_row(out, &settings_rows_main[k]);
    }
    write_all(out, "Listeners: each element of `listeners`", settings_rows_listener,
              settings_rows_nr_listener);
    fputs("\nThe object `tls` makes a listener speak TLS.\n", out);
    write_all(out, "Certificates: each element of `tls.certificates`", settings_rows_certificate,
              settings_rows_nr_certificate);
}
