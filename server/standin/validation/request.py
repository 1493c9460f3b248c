"""Validates requests by the API's types, documentation and reported errors, with its statuses and messages."""

import json
from collections.abc import Iterator
from typing import Never

from server.standin.http_connection import Request
from server.standin.script import Refusal, refuse
from server.standin.validation.messages import check_messages, check_system
from server.standin.validation.models import Model, model_named
from server.standin.validation.output_format import check_format
from server.standin.validation.tools import check_choice, check_tools
from server.standin.validation.types import (
    BETA_FIELDS,
    CACHE_CONTROL,
    COUNT,
    CREATE,
    EFFORTS,
    METADATA,
    NEW_VERSION,
    OLD_VERSION,
    OUTPUT_CONFIG,
    OUTPUT_FORMAT,
    SAMPLING,
    THINKING,
    ObjectSpec,
    Rejected,
    Rules,
)

BODY_LIMIT = 32 * 1024 * 1024
_DEFAULT_RULES = Rules()
_MAX_CACHE_MARKS = 4
_MIN_BUDGET = 1024
_GUIDE = "Please consult our documentation at https://platform.claude.com/docs/en/build-with-claude/extended-thinking"

Body = dict[str, object]


def check(request: Request, *, counting: bool = False) -> Refusal | None:
    """The error that the real API would answer, or None; `counting`: for its token counter."""
    if request.size > BODY_LIMIT:
        return refuse(413)
    try:
        version = check_headers(request.headers)
        check_body(parsed(request.body), Rules(version, request.headers.get("anthropic-beta", ""), counting))
    except Rejected as rejected:
        return refuse(rejected.status, rejected.message)
    return None


def check_headers(headers: dict[str, str]) -> str:
    """Returns the requested version. Raises `Rejected` without a key or a version. Header names are in lower case."""
    bearer = headers.get("authorization", "")
    if not headers.get("x-api-key") and not bearer.removeprefix("Bearer ").strip():
        raise Rejected("x-api-key header is required", status=401)
    version = headers.get("anthropic-version")
    if not version:
        raise Rejected("anthropic-version: header is required")
    if version not in (OLD_VERSION, NEW_VERSION):
        raise Rejected(f'anthropic-version: "{version}" is not a valid version')
    return version


def parsed(raw: bytes) -> object:
    """The parsed body. Raises `Rejected` for invalid JSON, including unpaired surrogates."""
    try:
        body: object = json.loads(raw, parse_constant=_no_constant)
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Rejected("The request body is not valid JSON: no low surrogate in string") from error
    except (ValueError, RecursionError) as error:
        raise Rejected(f"The request body is not valid JSON: {error}") from error
    return body


def _no_constant(word: str) -> Never:
    raise ValueError(f"unexpected word {word}")


def check_body(body: object, rules: Rules = _DEFAULT_RULES) -> None:
    """Raises `Rejected` for a body that the API would not accept."""
    fields = _top(rules).check(body, "")
    model = model_named(str(fields["model"]))
    if model is None:
        raise Rejected(f"model: {fields['model']}", status=404)
    if not rules.counting:
        _check_limits(fields, model)
    if fields.get("system") is not None:
        check_system(fields["system"])
    messages = fields["messages"]
    assert isinstance(messages, list)
    check_messages(messages, model, rules)
    _check_tools(fields, rules)
    _check_thinking(fields, model, rules)
    _check_sampling(fields, model)
    _check_output_config(fields, model)
    _check_cache_marks(fields)


def _top(rules: Rules) -> ObjectSpec:
    known = COUNT if rules.counting else CREATE
    sampling = {} if rules.is_new or rules.counting else SAMPLING.fields
    return ObjectSpec({**known.fields, **sampling, **(BETA_FIELDS.fields if rules.betas else {})})


def _check_limits(fields: Body, model: Model) -> None:
    most = fields["max_tokens"]
    assert isinstance(most, int)
    # Zero is valid: it fills the prompt cache without an answer.
    if most < 0:
        raise Rejected("max_tokens: Input should be greater than or equal to 0")
    if most > model.max_output:
        raise Rejected(
            f"max_tokens: {most} > {model.max_output}, which is the maximum allowed number of output tokens"
            f" for {fields['model']}"
        )
    stops = fields.get("stop_sequences") or []
    assert isinstance(stops, list)
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            raise Rejected(f"stop_sequences.{index}: Input should be a valid string")
        if not stop.strip():
            raise Rejected("stop_sequences: each stop sequence must contain non-whitespace")
    if fields.get("metadata") is not None:
        METADATA.check(fields["metadata"], "metadata")
    if fields.get("service_tier") not in (None, "auto", "standard_only"):
        raise Rejected("service_tier: Input should be 'auto' or 'standard_only'")


def _check_tools(fields: Body, rules: Rules) -> None:
    tools = fields.get("tools") or []
    assert isinstance(tools, list)
    names = check_tools(tools, has_betas=bool(rules.betas))
    choice = fields.get("tool_choice")
    if isinstance(choice, dict):
        check_choice(choice, names, has_tools=bool(tools))


def _thinking_kind(fields: Body) -> str:
    thinking = fields.get("thinking")
    return str(thinking.get("type")) if isinstance(thinking, dict) else ""


def _check_thinking(fields: Body, model: Model, rules: Rules) -> None:
    thinking, kind = fields.get("thinking"), _thinking_kind(fields)
    if isinstance(thinking, dict):
        if kind not in THINKING:
            tags = ", ".join(repr(name) for name in sorted(THINKING))
            raise Rejected(
                f"thinking: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
            )
        THINKING[kind].check(thinking, f"thinking.{kind}")
        displays = (
            ("summarized", "omitted", "updates")
            if "thinking-display-updates" in rules.betas
            else ("summarized", "omitted")
        )
        if thinking.get("display") not in (None, *displays):
            raise Rejected(f"thinking.{kind}.display: Input should be 'summarized' or 'omitted'")
    if kind == "enabled" and isinstance(thinking, dict):
        _check_budget(fields, thinking, model)
    choice = fields.get("tool_choice")
    is_forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    # Models that always think accept it, as far as is published.
    if is_forced and kind in ("enabled", "adaptive") and not model.must_think:
        raise Rejected("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "adaptive" and not model.thinks_adaptively:
        raise Rejected("adaptive thinking is not supported on this model")
    if kind == "disabled" and model.must_think:
        raise Rejected('"thinking.type.disabled" is not supported for this model.')
    management = fields.get("context_management")
    if isinstance(management, dict) and kind not in ("enabled", "adaptive"):
        edits = management.get("edits")
        for edit in edits if isinstance(edits, list) else []:
            if isinstance(edit, dict) and edit.get("type") == "clear_thinking_20251015":
                raise Rejected("`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive")


def _check_budget(fields: Body, thinking: Body, model: Model) -> None:
    if not model.takes_budget:
        raise Rejected(
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
            ' "output_config.effort" to control thinking behavior.'
        )
    budget, most = thinking["budget_tokens"], fields.get("max_tokens")
    assert isinstance(budget, int)
    if budget < _MIN_BUDGET:
        raise Rejected(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_MIN_BUDGET}")
    if isinstance(most, int) and budget >= most:
        raise Rejected(f"`max_tokens` must be greater than `thinking.budget_tokens`. {_GUIDE}")


def _check_sampling(fields: Body, model: Model) -> None:
    temperature, top_p, top_k = (fields.get(name) for name in ("temperature", "top_p", "top_k"))
    for name, value in (("temperature", temperature), ("top_p", top_p)):
        if isinstance(value, int | float) and not 0 <= value <= 1:
            raise Rejected(f"{name}: range: 0..1")
    if not model.takes_sampling:
        for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
            if value is not None and (name == "top_k" or value != 1):
                raise Rejected(f"`{name}` is deprecated for this model.")
    if _thinking_kind(fields) in ("enabled", "adaptive"):
        if temperature not in (None, 1):
            raise Rejected(f"`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. {_GUIDE}")
        if isinstance(top_p, int | float) and top_p < 0.95:
            raise Rejected(
                "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode."
                f" {_GUIDE}"
            )
        if top_k is not None:
            raise Rejected(f"`top_k` must be unset when thinking is enabled or in adaptive mode. {_GUIDE}")
    if temperature is not None and top_p is not None and model.generation >= (4, 5):
        raise Rejected("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _check_output_config(fields: Body, model: Model) -> None:
    config = fields.get("output_config")
    if not isinstance(config, dict):
        return
    OUTPUT_CONFIG.check(config, "output_config")
    effort = config.get("effort")
    if effort is not None:
        if effort not in EFFORTS:
            *first, last = (repr(name) for name in EFFORTS)
            raise Rejected(f"output_config.effort: Input should be {', '.join(first)} or {last}")
        if not model.takes_effort:
            raise Rejected("This model does not support the effort parameter.")
    if isinstance(config.get("format"), dict):
        wanted = OUTPUT_FORMAT.check(config["format"], "output_config.format")
        if wanted["type"] != "json_schema":
            raise Rejected("output_config.format.type: Input should be 'json_schema'")
        check_format(wanted["schema"])


def _check_cache_marks(fields: Body) -> None:
    """Checks `cache_control`: at most four, and in the API's order no long-lived one after a short-lived one."""
    count, has_short = 0, False
    for mark in _cache_marks(fields):
        CACHE_CONTROL.check(mark, "cache_control")
        if mark.get("type") != "ephemeral":
            raise Rejected("cache_control.type: Input should be 'ephemeral'")
        if mark.get("ttl") not in (None, "5m", "1h"):
            raise Rejected("cache_control.ttl: Input should be '5m' or '1h'")
        if mark.get("ttl") == "1h" and has_short:
            raise Rejected(
                "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
                " Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            )
        has_short = has_short or mark.get("ttl") != "1h"
        count += 1
    if count > _MAX_CACHE_MARKS:
        raise Rejected(f"A maximum of {_MAX_CACHE_MARKS} blocks with cache_control may be provided. Found {count}.")


def _cache_marks(fields: Body) -> Iterator[Body]:
    for name in ("tools", "system", "messages"):
        yield from _cache_marks_in(fields.get(name))
    mark = fields.get("cache_control")
    if isinstance(mark, dict):
        yield mark


def _cache_marks_in(value: object) -> Iterator[Body]:
    """The `cache_control` of blocks, of messages and of nested content; not of a tool call's input."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _cache_marks_in(item.get("content"))
                mark = item.get("cache_control")
                if isinstance(mark, dict):
                    yield mark
