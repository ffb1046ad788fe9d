/* CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias. The first version of an alias is
 * its FunctionVersion, the others are its AdditionalVersionWeights, with shares of 0 to 1 where the
 * table has percent; FunctionVersion gets what they leave. Steps of struct lambda_operation. */
#ifndef WEIR_CONTROL_LAMBDA_ALIAS_H
#define WEIR_CONTROL_LAMBDA_ALIAS_H

#include "control/lambda_call.h"

lambda_step lambda_alias_create, lambda_alias_created;
lambda_step lambda_alias_get;
lambda_step lambda_alias_list;
lambda_step lambda_alias_update, lambda_alias_updated;
lambda_step lambda_alias_delete, lambda_alias_deleted;

#endif
