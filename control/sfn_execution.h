/* Operations of Step Functions' API on executions (control/execution.h). Control thread. */
#ifndef WEIR_CONTROL_SFN_EXECUTION_H
#define WEIR_CONTROL_SFN_EXECUTION_H

#include "control/sfn_asked.h"
#include "control/sfn_call.h"

enum api_outcome sfn_execution_start(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_start_sync(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_describe(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_describe_machine(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_stop(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_history(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_redrive(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_execution_list(struct sfn_call *call, struct api_waiter *waiter);

enum api_outcome sfn_task_success(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_task_failure(struct sfn_call *call, struct api_waiter *waiter);
enum api_outcome sfn_task_heartbeat(struct sfn_call *call, struct api_waiter *waiter);

#endif
