/* CreateFunction, GetFunction, GetFunctionConfiguration, UpdateFunctionCode,
 * UpdateFunctionConfiguration, ListFunctions and DeleteFunction: functions of the table document,
 * whose $LATEST the API may change. Steps of struct lambda_operation. */
#ifndef WEIR_CONTROL_LAMBDA_FUNCTION_H
#define WEIR_CONTROL_LAMBDA_FUNCTION_H

#include "control/lambda_call.h"

lambda_step lambda_function_create, lambda_function_created;
lambda_step lambda_function_get, lambda_function_get_configuration;
lambda_step lambda_function_update_code, lambda_function_update_configuration;
lambda_step lambda_function_updated;
lambda_step lambda_function_list;
lambda_step lambda_function_delete, lambda_function_deleted;

#endif
