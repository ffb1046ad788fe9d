/* Publishing is all it takes: a version that is new in a function with auto_publish_alias is
 * brought in to that alias, by the deployment that its deployment_preference describes (SAM's
 * AutoPublishAlias and DeploymentPreference).
 *
 *     an edit of functions   a deployment is stored with it, an alias that is moved at once is
 *                            part of it
 *     a whole table          likewise, but an alias is moved by a change of weir's own that follows
 *     the table file         all by such a change
 *
 * New is a number that is higher than those the function has had. A start publishes nothing.
 * Control thread. */
#ifndef WEIR_CONTROL_PUBLISH_H
#define WEIR_CONTROL_PUBLISH_H

#include "control/api.h"
#include "control/change.h"

/* For change_engine_listen. */
extern const struct change_listener publish_listener;

/* A table that was read from the file has replaced another. */
void publish_reloaded(const struct api_hooks *hooks, const struct table *before,
                      const struct table *after);

#endif
