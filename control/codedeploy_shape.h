/* The types of what CodeDeploy's operations take, as the SDKs' model of the service has them: a
 * body is checked as a whole before its operation looks at it. Pure; any thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_SHAPE_H
#define WEIR_CONTROL_CODEDEPLOY_SHAPE_H

#include <jansson.h>
#include <stdbool.h>

enum { CODEDEPLOY_SHAPE_REASON_MAX = 256 };

/* Has each member of the body its type? Members that no operation has pass, and so does null. The
 * first that has another is told, with its path. */
bool codedeploy_shape_check(const json_t *body, char reason[CODEDEPLOY_SHAPE_REASON_MAX]);

/* Of a message: "a text", "a whole number", ... */
const char *codedeploy_shape_type(json_type type);
/* JSON_TRUE stands for either boolean, JSON_REAL for any number. */
bool codedeploy_shape_is(const json_t *value, json_type type);

#endif
