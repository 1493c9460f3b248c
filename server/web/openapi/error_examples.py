"""Examples of every error response, for /docs and /openapi.json."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.openai_errors import error_reply
from server.errors import DrawbridgeError

Responses = dict[int | str, dict[str, Any]]

ACCESS: tuple[DrawbridgeError, ...] = (
    errors.KeyMissing("This server requires an access key."),
    errors.KeyRefused("The access key is not the one that this server requires."),
    errors.KeyRevoked("The access key is that of an app, and does not exist any more."),
    errors.OtherUserRefused("Another user of this computer sent this request, so it needs the access key."),
    errors.HostRefused("The host name 'evil.example' is not one of this server's."),
    errors.ProxyRefused("This request came through a proxy, and only this computer may use this address."),
    errors.OriginRefused(
        "Web pages of 'https://example.org' may not use this server.",
        hint="If you trust them, add that origin to allowed_origins (DRAWBRIDGE_ALLOWED_ORIGINS).",
    ),
)
_BODIES: tuple[DrawbridgeError, ...] = (
    errors.InvalidRequest("messages[0].content must be a string or an array of parts.", param="messages[0].content"),
    errors.BodyTooLarge("The body is longer than 32 MB.", hint="Leave something out, or raise body_limit_mb."),
    errors.BodyTooSlow("The rest of the body did not arrive within 60 s."),
    errors.BodyAmbiguous("The request has both Content-Length and Transfer-Encoding."),
    errors.BodyNotJson("The content type of the body is 'text/plain'; it must be JSON."),
)
_MODELS: tuple[DrawbridgeError, ...] = (
    errors.ModelUnknown(
        "The model 'gpt-9' does not exist.", param="model", hint="GET /v1/models lists the available models."
    ),
    errors.ModelDenied("This access key may not use the model 'opus'.", param="model", hint="It may use haiku."),
    errors.AgentDenied("Agent mode is off.", hint="Turn it on in Drawbridge's settings (agent_mode)."),
    errors.KeyDenied("The access key 'Talon' may not be used from other devices and containers."),
)
CLI: tuple[DrawbridgeError, ...] = (
    errors.CliMissing(),
    errors.CliMisnamed("There is no Claude Code at '/opt/claude', the path named in the settings."),
    errors.CliFailed("Claude Code was started and ended, or did not answer."),
    errors.CliUnfit("Claude Code 3.0.0 at '/usr/bin/claude' cannot be used, and there is no other one to use."),
)
PROJECTS: tuple[DrawbridgeError, ...] = (
    errors.ProjectsDenied(
        "The access key 'Talon' may not use projects.",
        hint="Allow agent mode for it in the section Keys of Drawbridge's dashboard, or with "
        "'drawbridge keys set Talon --agent'.",
    ),
    errors.FolderRefused(
        "The folder '/home/me' is your home folder, or contains it.",
        hint="Choose a folder for this project only.",
        param="folder",
    ),
    errors.ProjectsUnreadable("The projects cannot be read or changed: disk I/O error."),
)
_BUSY: tuple[DrawbridgeError, ...] = (
    errors.QueueTimeout(),
    errors.QueueFull(),
    errors.KeyLimited("The access key 'Talon' may use 20 requests a minute.", retry_after_s=12.0),
    errors.ShuttingDown(),
    errors.RequestStopped(),
    errors.AgentLimit("The agent needed more than 100 requests to Claude."),
)
_ANSWERS: tuple[DrawbridgeError, ...] = (
    errors.PromptTooLong(),
    errors.UpstreamRefused(
        "Claude refused the request: messages.0.content.0.image.source.url: not reachable", status=400
    ),
    errors.SignInNeeded("Claude rejected the credentials: OAuth token has expired", status=401),
    errors.CredentialsRefused("Anthropic refused the key in ANTHROPIC_API_KEY: invalid x-api-key", status=401),
    errors.PermissionRefused("Claude refused this account: no access to this model", status=403),
    errors.UpstreamUnknown("Claude's API does not know the model or path: model: claude-opus-9", status=404),
    errors.RateLimit("Claude is limiting requests: slow down", status=429),
    errors.UsageLimit("Claude is limiting requests: You have hit your limit", status=429, retry_after_s=7200.0),
    errors.ExtraUsageStopped(
        "The plan is used up and resets at 18:00, and the settings stop paid extra usage.",
        status=429,
        retry_after_s=7200.0,
    ),
    errors.UpstreamDown("Claude's API failed: Internal server error", status=500),
    errors.UpstreamDown("Claude's API failed: Overloaded", status=529),
    errors.WorkerDied(),
    errors.WorkerSilent("Claude sent nothing for 120 s."),
    errors.AnswerCut(),
    errors.UnexpectedOutput(),
)
_RESPONSES: tuple[DrawbridgeError, ...] = (
    errors.ResponseUnknown("previous_response_id: there is no stored response 'resp_1'."),
)
_ROUTING: tuple[DrawbridgeError, ...] = (
    errors.OwnRequest("This request comes from one of Drawbridge's own Claude Code processes."),
    errors.NotFound("There is nothing at /v1/nothing."),
    errors.UpgradeRefused("/v1/responses is not available over WebSocket."),
    errors.MethodNotAllowed("/v1/models does not support the method DELETE."),
    errors.NotBuilt("Drawbridge does not support /v1/audio/speech."),
)

_EMBEDDINGS: tuple[DrawbridgeError, ...] = (
    errors.InvalidRequest("input must not be empty.", param="input"),
    errors.EmbeddingsMissing(
        "This installation has no model for embeddings.",
        hint="Start Drawbridge with 'uv run --no-dev --extra embeddings drawbridge'.",
    ),
    errors.EndpointFailed("http://127.0.0.1:9000 cannot be reached: Connection refused."),
    errors.EndpointRefused("The model is not loaded.", status=503),
)

MODEL = (*ACCESS, *_MODELS, *CLI)
CHAT = (*ACCESS, *_BODIES, *_MODELS, *CLI, *_BUSY, *_ANSWERS)
RESPONSES = (*CHAT, *_RESPONSES)
EMBEDDINGS = (*ACCESS, *_BODIES[1:], *_MODELS, *_EMBEDDINGS, _BUSY[2], errors.ShuttingDown())
ALL = (*RESPONSES, *_EMBEDDINGS, *_ROUTING, *PROJECTS)

_ERROR: Mapping[str, object] = {"$ref": "#/components/schemas/Error"}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {
                "message": {"type": "string", "description": "What happened, why, and what to do."},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The name of the wrong field."},
                "code": {"type": ["string", "null"], "description": "An identifier for programs."},
            },
        }
    },
}


def error_responses(
    examples: Iterable[DrawbridgeError],
    reply_to: Callable[[DrawbridgeError], ErrorReply] = error_reply,
    schema: Mapping[str, object] = _ERROR,
) -> Responses:
    """Returns the responses of an OpenAPI operation: the errors by status, each with its body as an example.

    `reply_to` and `schema` are those of the operation's dialect.
    """
    by_status: dict[int, dict[str, Any]] = defaultdict(dict)
    titles: dict[int, list[str]] = defaultdict(list)
    for error in examples:
        reply = reply_to(error)
        body: Any = reply.body
        code = body["error"].get("code") or type(error).__name__
        name = str(code) if code not in by_status[reply.status] else f"{code}, {type(error).__name__}"
        by_status[reply.status][name] = {"summary": error.title, "value": reply.body}
        if error.title not in titles[reply.status]:
            titles[reply.status].append(error.title)
    return {
        status: {
            "description": "; ".join(titles[status]),
            "content": {"application/json": {"schema": schema, "examples": by_status[status]}},
        }
        for status in sorted(by_status)
    }
