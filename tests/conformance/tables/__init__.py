"""The tables of cases, by subject."""

from . import (
    request_bodies,
    request_chunks,
    request_connections,
    request_fields,
    request_limits,
    request_lines,
    response_bodies,
    response_connections,
    response_heads,
)


def _groups(*modules):
    return [group for module in modules for group in module.GROUPS]


ODD_REQUESTS = _groups(
    request_bodies, request_chunks, request_lines, request_fields, request_connections, request_limits
)
MISBEHAVING = _groups(response_heads, response_bodies, response_connections)
