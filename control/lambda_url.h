/* CreateFunctionUrlConfig, GetFunctionUrlConfig, UpdateFunctionUrlConfig, DeleteFunctionUrlConfig
 * and ListFunctionUrlConfigs: the member urls of a function in the table document. A URL is of the
 * unqualified function ($LATEST) or of an alias; its host follows from that (conf/urlid.h). Steps
 * of struct lambda_operation. */
#ifndef WEIR_CONTROL_LAMBDA_URL_H
#define WEIR_CONTROL_LAMBDA_URL_H

#include "control/lambda_call.h"

lambda_step lambda_url_create, lambda_url_created;
lambda_step lambda_url_get;
lambda_step lambda_url_update, lambda_url_updated;
lambda_step lambda_url_delete, lambda_url_deleted;
lambda_step lambda_url_list;

#endif
