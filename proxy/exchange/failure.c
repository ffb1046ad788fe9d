/* Answers for failures. */
#include "proxy/exchange/failure.h"

#include <stdio.h>

struct failure failure_of(enum metrics_error why, bool is_serial)
{
    switch (why) {
    case METRICS_ERROR_CONNECT:
        return (struct failure){502, "BadGatewayException", "The endpoint refused the connection."};
    case METRICS_ERROR_RESOLVE:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint's host name could not be resolved."};
    case METRICS_ERROR_TLS:
        return (struct failure){502, "BadGatewayException",
                                "The TLS handshake with the endpoint failed."};
    case METRICS_ERROR_RESET:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint closed the connection before it had answered."};
    case METRICS_ERROR_BAD_RESPONSE:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint's answer breaks HTTP or a limit."};
    case METRICS_ERROR_CONNECT_TIMEOUT:
        return (struct failure){504, "GatewayTimeoutException",
                                "The endpoint could not be connected to in time."};
    case METRICS_ERROR_RESPONSE_TIMEOUT:
    case METRICS_ERROR_STREAM_TIMEOUT:
        return (struct failure){504, "GatewayTimeoutException",
                                "The endpoint did not answer in time."};
    case METRICS_ERROR_OVERLOAD:
        if (is_serial)
            return (struct failure){429, "TooManyRequestsException", "Rate Exceeded."};
        return (struct failure){
            503, "ServiceException",
            "All connections to the endpoint are in use, and none came free in time."};
    case METRICS_ERROR_UNAVAILABLE:
        return (struct failure){503, "ServiceException", "The version has no healthy endpoint."};
    default:
        return (struct failure){503, "ServiceException", "weir is out of memory or descriptors."};
    }
}

void failure_explain(struct failure *failure, const char *fault, char message[FAILURE_MESSAGE])
{
    snprintf(message, FAILURE_MESSAGE, "The endpoint's answer was refused: %s.", fault);
    failure->message = message;
}
