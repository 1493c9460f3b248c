"""The stand-in's specs equal the published types, so that what passes here is accepted by the API."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import anthropic
import anthropic.types as ga
import anthropic.types.beta as beta
import pytest
import typing_extensions as extensions
from anthropic.types.beta import message_count_tokens_params as beta_count
from anthropic.types.beta import message_create_params as beta_create
from anthropic.types.beta.beta_request_document_block_param import BetaRequestDocumentBlockParam
from pydantic import BaseModel

from server.standin.script import ERROR_KINDS, StopReason, Usage
from server.standin.validation import types as shapes
from server.standin.validation.models import model_named
from server.standin.validation.types import ObjectSpec


def flat(union: Any) -> Iterator[Any]:
    """The members of nested unions, without annotations."""
    if get_origin(union) in (extensions.Annotated, extensions.Required, extensions.NotRequired):
        yield from flat(get_args(union)[0])
    elif get_origin(union) is not None and get_origin(union).__name__ in ("Union", "UnionType"):
        for member in get_args(union):
            yield from flat(member)
    else:
        yield union


def hints(params: Any) -> dict[str, Any]:
    return extensions.get_type_hints(params, include_extras=True)


def fields(params: Any) -> set[str]:
    """The names on the wire."""
    if isinstance(params, type) and issubclass(params, BaseModel):
        return {field.alias or name for name, field in params.model_fields.items()}
    return set(hints(params))


def required(params: Any) -> set[str]:
    return {name for name, hint in hints(params).items() if get_origin(hint) is extensions.Required}


def literals(hint: Any) -> set[str]:
    found: set[str] = set()
    for member in flat(hint):
        if get_origin(member) is extensions.Literal:
            found |= {word for word in get_args(member) if isinstance(word, str)}
        elif get_args(member):
            for argument in get_args(member):
                found |= literals(argument)
    return found


def typed(params: Any) -> set[str]:
    """The values of its `type`."""
    if isinstance(params, type) and issubclass(params, BaseModel):
        return literals(params.model_fields["type"].annotation)
    return literals(hints(params)["type"])


def params_of(union: Any) -> list[Any]:
    return [member for member in flat(union) if extensions.is_typeddict(member)]


def all_fields(known: ObjectSpec) -> set[str]:
    return set(known.fields)


def needed(known: ObjectSpec) -> set[str]:
    return {name for name, field in known.fields.items() if field.is_required}


def test_the_top_level_fields_are_those_published() -> None:
    published = fields(ga.message_create_params.MessageCreateParamsStreaming)
    assert all_fields(shapes.CREATE) == published
    assert needed(shapes.CREATE) == {"model", "max_tokens", "messages"}


def test_the_beta_fields_are_those_published() -> None:
    # `betas` travels as a header; the output format's old name is accepted too.
    published = fields(beta_create.MessageCreateParamsStreaming) - {"betas"}
    assert published - all_fields(shapes.CREATE) == all_fields(shapes.BETA_FIELDS) - {"output_format"}


def test_the_token_counters_fields_are_those_published() -> None:
    published = fields(beta_count.MessageCountTokensParams) - {"betas"}
    assert published <= all_fields(shapes.COUNT) | all_fields(shapes.BETA_FIELDS)


BLOCKS = [
    (member, {**shapes.BLOCKS, **(shapes.BETA_BLOCKS if union is beta.BetaContentBlockParam else {})})
    for union in (ga.ContentBlockParam, beta.BetaContentBlockParam)
    for member in params_of(union)
]


@pytest.mark.parametrize(("params", "known"), BLOCKS, ids=[member.__name__ for member, _ in BLOCKS])
def test_the_blocks_fields_are_those_published(params: Any, known: dict[str, ObjectSpec]) -> None:
    (kind,) = typed(params)
    # `from` is a Python keyword, for which the types have an alias.
    assert {name.rstrip("_") for name in fields(params)} == all_fields(known[kind])
    assert {name.rstrip("_") for name in required(params)} == needed(known[kind])


def test_there_are_no_unpublished_blocks() -> None:
    published = {kind for member in params_of(ga.ContentBlockParam) for kind in typed(member)}
    with_beta = {kind for member in params_of(beta.BetaContentBlockParam) for kind in typed(member)}
    assert set(shapes.BLOCKS) == published
    assert set(shapes.BETA_BLOCKS) == with_beta - published


ANSWERED = [member for union in (ga.ContentBlock, beta.BetaContentBlock) for member in flat(union)]


@pytest.mark.parametrize("answered", ANSWERED, ids=[member.__name__ for member in ANSWERED])
def test_an_answers_block_can_be_sent_back(answered: Any) -> None:
    for kind in typed(answered):
        known = {**shapes.BLOCKS, **shapes.BETA_BLOCKS}[kind]
        assert fields(answered) <= all_fields(known)


def test_the_blocks_of_tool_results_are_those_published() -> None:
    content = hints(ga.ToolResultBlockParam)["content"]
    (blocks,) = [get_args(member)[0] for member in flat(content) if get_args(member)]
    published = {kind: member for member in params_of(blocks) for kind in typed(member)}
    assert set(published) == {"text", "image", "document", "search_result", *shapes.RESULT_BLOCKS}
    for kind, known in shapes.RESULT_BLOCKS.items():
        assert fields(published[kind]) == all_fields(known)
        assert required(published[kind]) == needed(known)


@pytest.mark.parametrize(
    ("params", "kinds"),
    [
        (ga.ImageBlockParam, shapes.IMAGE_SOURCES),
        (beta.BetaImageBlockParam, shapes.IMAGE_SOURCES),
        (ga.DocumentBlockParam, shapes.DOCUMENT_SOURCES),
        (BetaRequestDocumentBlockParam, shapes.DOCUMENT_SOURCES),
    ],
)
def test_the_sources_of_media_are_those_published(params: Any, kinds: tuple[str, ...]) -> None:
    sources = params_of(hints(params)["source"])
    assert {kind for source in sources for kind in typed(source)} == set(kinds)
    for source in sources:
        (kind,) = typed(source)
        assert fields(source) == all_fields(shapes.SOURCES[kind])


def test_the_media_types_are_those_published() -> None:
    assert literals(hints(ga.Base64ImageSourceParam)["media_type"]) == set(shapes.IMAGE_MEDIA_TYPES)
    assert literals(hints(ga.Base64PDFSourceParam)["media_type"]) == {"application/pdf"}
    assert literals(hints(ga.PlainTextSourceParam)["media_type"]) == {"text/plain"}


@pytest.mark.parametrize("union", [ga.ThinkingConfigParam, beta.BetaThinkingConfigParam])
def test_the_thinking_types_are_those_published(union: Any) -> None:
    published = {kind: member for member in params_of(union) for kind in typed(member)}
    assert set(published) == set(shapes.THINKING)
    for kind, member in published.items():
        assert fields(member) <= all_fields(shapes.THINKING[kind])
        assert required(member) == needed(shapes.THINKING[kind])


def test_the_tool_choices_are_those_published() -> None:
    published = {kind: member for member in params_of(ga.ToolChoiceParam) for kind in typed(member)}
    assert set(published) == set(shapes.TOOL_CHOICES)
    for kind, member in published.items():
        assert fields(member) == all_fields(shapes.TOOL_CHOICES[kind])
        assert required(member) == needed(shapes.TOOL_CHOICES[kind])


def test_the_tools_are_those_published() -> None:
    published = {kind for member in params_of(ga.ToolUnionParam) for kind in typed(member)} - {"custom"}
    with_beta = {kind for member in params_of(beta.BetaToolUnionParam) for kind in typed(member)} - {"custom"}
    assert published == shapes.SERVER_TOOLS
    assert with_beta == shapes.SERVER_TOOLS - (published - with_beta) | shapes.BETA_SERVER_TOOLS
    assert fields(ga.ToolParam) == fields(beta.BetaToolParam) == all_fields(shapes.CUSTOM_TOOL)
    assert required(ga.ToolParam) == needed(shapes.CUSTOM_TOOL)
    for member in [*params_of(ga.ToolUnionParam), *params_of(beta.BetaToolUnionParam)]:
        if "custom" not in typed(member):
            assert fields(member) <= all_fields(shapes.SERVER_TOOL)


def test_the_roles_and_fields_of_messages_are_those_published() -> None:
    for member in params_of(ga.MessageParam):
        assert fields(member) == all_fields(shapes.MESSAGE)
        assert literals(hints(member)["role"]) <= {"user", "assistant", "system"}


def test_the_small_objects_are_those_published() -> None:
    assert fields(ga.MetadataParam) == all_fields(shapes.METADATA)
    assert fields(beta.BetaOutputConfigParam) == all_fields(shapes.OUTPUT_CONFIG)
    assert literals(hints(ga.OutputConfigParam)["effort"]) == set(shapes.EFFORTS)
    assert fields(ga.JSONOutputFormatParam) == all_fields(shapes.OUTPUT_FORMAT)
    # `scope` is a beta that the CLI uses.
    assert fields(ga.CacheControlEphemeralParam) == all_fields(shapes.CACHE_CONTROL) - {"scope"}


def test_the_stop_reasons_are_those_published() -> None:
    assert set(get_args(ga.StopReason)) == set(get_args(StopReason))


def test_the_error_types_are_those_published() -> None:
    published: set[str] = set()
    for member in flat(ga.ErrorObject):
        published |= typed(member)
    assert set(ERROR_KINDS.values()) - published <= {"request_too_large"}
    assert published <= set(ERROR_KINDS.values())


def test_the_usage_fields_are_those_published() -> None:
    names = set(Usage.__dataclass_fields__) - {"thinking_tokens"}
    assert names <= set(ga.Usage.model_fields)
    assert "thinking_tokens" in ga.OutputTokensDetails.model_fields


def test_the_official_clients_version_is_known() -> None:
    version = anthropic.Anthropic(api_key="any").default_headers["anthropic-version"]
    assert version in (shapes.OLD_VERSION, shapes.NEW_VERSION)


def test_every_published_model_is_known() -> None:
    for name in literals(ga.ModelParam):
        assert model_named(name) is not None, name
