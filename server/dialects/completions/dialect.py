"""POST /v1/completions."""

from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.common.openai_errors import error_reply
from server.dialects.completions.replies import CompletionsReply
from server.dialects.completions.request import parse_completions, requests_from_completions
from server.dialects.framing import SSE_TYPE
from server.errors import DrawbridgeError


class Completions:
    """OpenAI's completions API: each prompt is a question of its own, whose answers are choices."""

    name = "completions"
    paths = ("/v1/completions",)
    prefixes = ("/v1/completions",)
    content_type = SSE_TYPE

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""
        config = options.config
        given = parse_completions(body)
        first, *others = requests_from_completions(given, body, owner=owner, forwards_sampling=config.forward_sampling)
        reply = CompletionsReply(
            f"cmpl-{options.token}",
            int(options.now),
            given.model or config.model,
            tuple(prompt if given.echo else "" for prompt in given.prompt for _ in range(given.n)),
            include_usage=given.stream_options is not None and given.stream_options.include_usage,
        )
        return Exchange(first, reply, given.stream, others=tuple(others))

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:  # noqa: ARG002 # only in the header
        """The response for `error`."""
        return error_reply(error)
