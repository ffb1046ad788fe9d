"""The tables of cases, by subject."""

from . import request_bodies, request_connections, request_fields, request_limits, request_lines

ODD_REQUESTS = [group for module in (request_bodies, request_lines, request_fields, request_connections, request_limits)
                for group in module.GROUPS]
