"""What /docs shows of the state of a completion."""

from server.errors import NotFound
from server.web.openapi.error_examples import ACCESS, Responses, error_responses
from server.web.openapi.examples import json_response

COMPLETION_ID = "chatcmpl-7c1f0b9a4e5d4c3b8a19f0e2"
STATUS: Responses = {
    200: json_response(
        "The state",
        {
            "id": COMPLETION_ID,
            "object": "chat.completion.status",
            "is_running": True,
            "status": "running",
            "request_id": "req_5b1e7c0d4e5d4c3b8a19f0e2",
            "model": "claude-sonnet-5",
            "created": 1795219200,
            "age_ms": 3150.5,
            "total_tokens": None,
            "total_cost": None,
        },
    ),
    **error_responses((*ACCESS, NotFound(f"No completion has the id '{COMPLETION_ID}'."))),
}
STOPPED: Responses = {
    200: json_response(
        "It is stopped",
        {"id": COMPLETION_ID, "session_id": COMPLETION_ID, "object": "chat.completion", "status": "stopped"},
    ),
    **error_responses((*ACCESS, NotFound(f"No running completion has the id '{COMPLETION_ID}'."))),
}
