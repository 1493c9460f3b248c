"""Our errors in Ollama's form: a status and one string."""

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.openai_errors import error_reply as openai_error
from server.errors import DrawbridgeError


def error_reply(error: DrawbridgeError) -> ErrorReply:
    """The response for `error`. Its status and headers are those of OpenAI's APIs."""
    reply = openai_error(error)
    # Ollama itself has no such endpoint for cloud models, and its clients show the text of any status.
    status = 501 if isinstance(error, errors.NotBuilt) else reply.status
    return ErrorReply(status, {"error": str(error)}, reply.headers)
