/* CodeDeploy's AppSpec for Lambda: which alias is to move from which version to which, and the
 * hooks around it. JSON or YAML, keys in any case.
 *
 *     version: 0.0
 *     Resources:
 *       - any:
 *           Type: AWS::Lambda::Function             or AWS::StepFunctions::StateMachine
 *           Properties: {Name: hello, Alias: live, CurrentVersion: "1", TargetVersion: "2"}
 *     Hooks:
 *       - BeforeAllowTraffic: FUNCTION, ARN or URL
 *       - AfterAllowTraffic: likewise
 *
 * Only the form is checked here; whether there is such an alias is the driver's question
 * (control/shift.h). Pure; any thread. */
#ifndef WEIR_CONTROL_APPSPEC_H
#define WEIR_CONTROL_APPSPEC_H

#include <jansson.h>

#include "base/str.h"
#include "conf/hookname.h"
#include "router/invoke.h"
#include "router/machine.h"

enum { APPSPEC_BYTES_MAX = 262144, APPSPEC_REASON_MAX = 512, APPSPEC_HOOK_MAX = HOOKNAME_MAX };
enum { APPSPEC_VERSION_MAX = 20, APPSPEC_FUNCTION_MAX = MACHINE_BYTES_MAX };

enum appspec_hook { APPSPEC_BEFORE, APPSPEC_AFTER, APPSPEC_HOOKS };
/* "BeforeAllowTraffic", "AfterAllowTraffic" */
extern const char *const appspec_hook_names[APPSPEC_HOOKS];

struct appspec {
    char function[APPSPEC_FUNCTION_MAX + 1]; /* as the table has it: of a machine with its prefix */
    char alias[INVOKE_QUALIFIER_MAX + 1];
    char current[APPSPEC_VERSION_MAX + 1], target[APPSPEC_VERSION_MAX + 1];
    char hooks[APPSPEC_HOOKS][APPSPEC_HOOK_MAX + 1]; /* "" where there is none */
};

/* The Type of a resource of this name. */
const char *appspec_type(const char *function);

/* 0, or -1 with what is wrong and what would be right, as sentences. */
int appspec_read(struct appspec *out, struct str text, char reason[APPSPEC_REASON_MAX])
    __attribute__((warn_unused_result));

#endif
