"""What /docs shows of running requests."""

from server.errors import NotFound
from server.web.openapi.error_examples import ACCESS, Responses, error_responses
from server.web.openapi.examples import json_response

RUNNING_ID = "req_5b1e7c0d4e5d4c3b8a19f0e2"
_RUNNING = {
    "id": RUNNING_ID,
    "object": "request",
    "created": 1795219200,
    "app": "Cline",
    "dialect": "chat_completions",
    "model": "claude-sonnet-5",
    "way": "continued",
    "first_ms": 412.0,
    "age_ms": 3150.5,
}
LISTED: Responses = {
    200: json_response("The running requests", {"object": "list", "data": [_RUNNING]}),
    **error_responses(ACCESS),
}
STOPPED: Responses = {
    200: json_response("It is stopped", {"id": RUNNING_ID, "object": "request", "stopped": True}),
    **error_responses((*ACCESS, NotFound(f"No running request has the id '{RUNNING_ID}'."))),
}
