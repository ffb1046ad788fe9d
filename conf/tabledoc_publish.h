/* Two keys of a function, and of a state machine, by which publishing a version is all it takes
 * (SAM's AutoPublishAlias and DeploymentPreference):
 *
 *     $.functions.NAME.auto_publish_alias      "live"
 *     $.functions.NAME.deployment_preference   {"type": "Linear10PercentEvery2Minutes",
 *                                               "hooks": {"pre_traffic": "check"},
 *                                               "alarms": ["errors"], "enabled": true}
 *
 * What they do is control/publish.h's. */
#ifndef WEIR_CONF_TABLEDOC_PUBLISH_H
#define WEIR_CONF_TABLEDOC_PUBLISH_H

#include "conf/jsondoc.h"
#include "router/table.h"

/* SAM's names of the plans that are always there: what AWS calls TABLEDOC_PUBLISH_PREFIX and the
 * name. Ends with NULL. */
extern const char *const tabledoc_publish_types[];
#define TABLEDOC_PUBLISH_PREFIX "CodeDeployDefault.Lambda"

/* Checks the form of a deployment_preference, an object (NULL: there is none), of the function at
 * this place. has_alias: something is said of auto_publish_alias. */
void tabledoc_publish_check(struct jsondoc *doc, const struct place *at, bool has_alias,
                            const json_t *preference);

/* Does what the functions of a table name exist, the plans and the alarms? */
void tabledoc_publish_check_names(struct jsondoc *doc, const struct table *table);

/* The name of the deployment configuration that a preference means, "" where it says none. */
enum { TABLEDOC_PUBLISH_CONFIG = 128 };
void tabledoc_publish_config(const json_t *preference, char out[TABLEDOC_PUBLISH_CONFIG]);

#endif
