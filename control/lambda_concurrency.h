/* Reserved concurrency of functions, provisioned concurrency, which weir has none of, and what the
 * account may. Steps of struct lambda_operation. */
#ifndef WEIR_CONTROL_LAMBDA_CONCURRENCY_H
#define WEIR_CONTROL_LAMBDA_CONCURRENCY_H

#include "control/lambda_call.h"

lambda_step lambda_concurrency_put, lambda_concurrency_was_put;
lambda_step lambda_concurrency_get;
lambda_step lambda_concurrency_delete, lambda_concurrency_deleted;

lambda_step lambda_concurrency_put_provisioned;
lambda_step lambda_concurrency_get_provisioned; /* and ListProvisionedConcurrencyConfigs */
lambda_step lambda_concurrency_delete_provisioned;

lambda_step lambda_concurrency_account; /* GetAccountSettings */

#endif
