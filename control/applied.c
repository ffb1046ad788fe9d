/* Answers for people. */
#include "control/applied.h"

#include <jansson.h>
#include <stdio.h>

static int print_changes(const json_t *answer)
{
    const json_t *changes = json_object_get(answer, "changes"), *change;
    size_t i;

    json_array_foreach(changes, i, change)
    {
        printf("%s\n", json_string_value(change));
    }
    printf("generation %lld is in force, %zu change%s\n",
           (long long)json_integer_value(json_object_get(answer, "generation")),
           json_array_size(changes), json_array_size(changes) == 1 ? "" : "s");
    return 0;
}

static int print_problems(int status, const json_t *answer)
{
    const json_t *problems = json_object_get(answer, "problems"), *problem;
    const char *message = json_string_value(json_object_get(answer, "message"));
    size_t i;

    if (!message)
        message = json_string_value(json_object_get(answer, "Message"));
    json_array_foreach(problems, i, problem)
    {
        fprintf(stderr, "%s: %s [%s]\n", json_string_value(json_object_get(problem, "path")),
                json_string_value(json_object_get(problem, "message")),
                json_string_value(json_object_get(problem, "code")));
    }
    if (json_array_size(problems) == 0)
        fprintf(stderr, "weir: %d %s\n", status, message ? message : "without a reason");
    return 1;
}

int applied_print(int status, struct str body)
{
    json_t *answer = json_loadb(body.p, body.n, 0, NULL);
    int result = status == 200 ? print_changes(answer) : print_problems(status, answer);

    json_decref(answer);
    return result;
}
