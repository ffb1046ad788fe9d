/* Function URLs: who may call one, how it answers, and CORS. What is said of one is kept as text,
 * which is what the Lambda API shows. */
#include "conf/tabledoc_url.h"

#include "conf/corsdoc.h"
#include "conf/rows.h"

struct url_draft {
    unsigned auth_type, invoke_mode; /* indexes of the choices */
    const json_t *cors;              /* borrowed; NULL where absent */
    char *created, *modified;        /* the rows' */
};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define DRAFT(member) .offset = offsetof(struct url_draft, member)

static const struct row url_list[] = {
    {.path = "auth_type", .type = ROWS_CHOICE, DRAFT(auth_type), .choices = "NONE|AWS_IAM", .default_text = "NONE"},
    {.path = "invoke_mode", .type = ROWS_CHOICE, DRAFT(invoke_mode), .choices = "BUFFERED|RESPONSE_STREAM",
     .default_text = "BUFFERED"},
    {.path = "cors", .type = ROWS_SPECIAL, DRAFT(cors), .expected = "an object, {...}"},
    {.path = "created", .type = ROWS_STRING, DRAFT(created), .min = 1, .max = 64, .expected = "a date and time"},
    {.path = "modified", .type = ROWS_STRING, DRAFT(modified), .min = 1, .max = 64, .expected = "a date and time"},
};

/* clang-format on */

static const struct rows url_rows = {url_list, (int)(sizeof(url_list) / sizeof(url_list[0])),
                                     read_special};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    struct url_draft *draft = base;

    draft->cors = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
}

static const struct url_terms *keep_terms(struct jsondoc *doc, const struct place *at,
                                          const struct url_draft *draft, struct stash *stash)
{
    struct place cors_at = JSONDOC_KEY(at, "cors");
    struct url_terms terms = {
        .is_event = true,
        .is_iam = draft->auth_type == 1,
        .is_streamed = draft->invoke_mode == 1,
    };
    struct corsdoc cors;

    if (draft->cors) {
        corsdoc_read(&cors, doc, &cors_at, draft->cors);
        terms.cors = &cors.cors;
    }
    return url_terms_copy(stash, &terms);
}

bool tabledoc_url_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct stash *stash, struct function_url *url)
{
    struct url_draft draft = {0};

    *url = (struct function_url){.qualifier = str_of(at->key)};
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"auth_type\": \"NONE\"}"))
        return false;
    if (rows_init(&url_rows, &draft) == 0) {
        rows_read(&url_rows, doc, at, value, &draft);
        url->terms = keep_terms(doc, at, &draft, stash);
        url->document = url->terms ? jsondoc_dump_sorted(value) : NULL;
    }
    if (!url->document)
        jsondoc_no_memory(doc);
    rows_fini(&url_rows, &draft);
    return url->document != NULL;
}
