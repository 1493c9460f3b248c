"""Bodies that Claude's API refuses, and how its messages begin."""

import base64

from tests.server.standin.bodies import (
    PIXEL,
    USER,
    assistant,
    body,
    image,
    text,
    tool,
    tool_result,
    tool_use,
    user_message,
)

OLD = "claude-sonnet-4-5"
PDF = base64.b64encode(b"%PDF-1.7 a document").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 a photograph").decode()
MARK = {"type": "ephemeral"}
INVALID: tuple[object, ...] = (
    {"exclusiveMinimum": True, "minimum": 0},
    {"type": "array", "items": [{}]},
    {"description": None},
    {"required": True},
    {"required": ["b", "b"]},
    {"type": []},
    {"enum": None},
    {"minLength": -1},
    {"multipleOf": 0},
    {"anyOf": []},
    None,
)


def pdf(**source: object) -> dict[str, object]:
    return {"type": "document", "source": source}


def thinks(**thinking: object) -> dict[str, object]:
    return body(model=OLD, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000, **thinking})


def chooses(**choice: object) -> dict[str, object]:
    return body(tools=[tool()], tool_choice=choice)


def formats(schema: object) -> dict[str, object]:
    return body(output_config={"format": {"type": "json_schema", "schema": schema}})


CALLED = [USER, assistant(tool_use())]
REFUSED = [
    # the top of the body
    ([], "Input should be an object"),
    (body(model=None), "model: Field required"),
    (body(max_tokens=None), "max_tokens: Field required"),
    (body(messages=None), "messages: Field required"),
    (body(messages="hi"), "messages: Input should be a valid list"),
    (body(max_tokens="5"), "max_tokens: Input should be a valid integer"),
    (body(max_tokens=True), "max_tokens: Input should be a valid integer"),
    (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    (body(max_tokens=128_001), "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens"),
    (body(max_tokens=64_001, model=OLD), "max_tokens: 64001 > 64000, which is"),
    (body(foo=1), "foo: Extra inputs are not permitted"),
    (body(betas=["a"]), "betas: Extra inputs are not permitted"),
    (body(context_management={"edits": []}), "context_management: Extra inputs are not permitted"),
    (body(stream="yes"), "stream: Input should be a valid boolean"),
    (body(stop_sequences=["\n"]), "stop_sequences: each stop sequence must contain non-whitespace"),
    (body(stop_sequences=[""]), "stop_sequences: each stop sequence must contain non-whitespace"),
    (body(stop_sequences=[1]), "stop_sequences.0: Input should be a valid string"),
    (body(metadata={"user": "x"}), "metadata.user: Extra inputs are not permitted"),
    (body(service_tier="gold"), "service_tier: Input should be"),
    # turns
    (body(messages=[]), "messages: at least one message is required"),
    (body(messages=["hi"]), "messages.0: Input should be a valid dictionary"),
    (body(messages=[assistant(text("hi")), USER]), 'messages: first message must use the "user" role'),
    (body(messages=[{"role": "tool", "content": "x"}]), "messages.0.role: Input should be 'user' or 'assistant'"),
    (body(messages=[{"content": "x"}]), "messages.0.role: Field required"),
    (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
    (body(messages=[{**USER, "name": "Ada"}]), "messages.0.name: Extra inputs are not permitted"),
    (body(messages=[{"role": "system", "content": "x"}, USER]), "messages.0: a message with the role 'system' must"),
    (body(model=OLD, messages=[USER, {"role": "system", "content": "x"}]), "role 'system' is not supported on this"),
    (body(messages=[USER, {"role": "system", "content": "x", "output_config": {}}]), "messages.1.output_config: Extra"),
    (body(messages=[{"role": "user", "content": 5}]), "messages.0.content: Input should be a valid list"),
    (body(messages=[USER, assistant(text("So "))]), "This model does not support assistant message prefill."),
    (body(model=OLD, messages=[USER, assistant(text("So "))]), "messages: final assistant content cannot end with"),
    # texts
    (body(messages=[{"role": "user", "content": ""}]), "messages.0: all messages must have non-empty content"),
    (body(messages=[user_message()]), "messages.0: all messages must have non-empty content"),
    (body(messages=[{"role": "user", "content": " \n"}]), "messages: text content blocks must contain non-whitespace"),
    (body(messages=[USER, {"role": "system", "content": []}]), "messages.1: all messages must have non-empty content"),
    (body(messages=[user_message(text(""))]), "messages: text content blocks must be non-empty"),
    (body(messages=[user_message(text("\t"))]), "messages: text content blocks must contain non-whitespace text"),
    (body(messages=[USER, assistant(text(" ")), USER]), "messages: text content blocks must contain non-whitespace"),
    (
        body(messages=[user_message(text("", cache_control=MARK))]),
        "messages.0.content.0.text: cache_control cannot be set",
    ),
    (body(messages=[user_message({"type": "text"})]), "messages.0.content.0.text.text: Field required"),
    (body(messages=[user_message(text("a", foo=1))]), "messages.0.content.0.text.foo: Extra inputs are not permitted"),
    (body(system=[text("")]), "system: text content blocks must be non-empty"),
    (body(system=[text(" ")]), "system: text content blocks must contain non-whitespace text"),
    (body(system=[image(type="url", url="https://x/y.png")]), "system.0.type: Input should be 'text'"),
    (body(system=5), "system: Input should be a valid list"),
    # blocks
    (body(messages=[user_message("hi")]), "messages.0.content.0.type: Field required"),
    (
        body(messages=[user_message({"type": "input_audio"})]),
        "messages.0.content.0: Input tag 'input_audio' found using 'type'",
    ),
    (
        body(messages=[user_message({"type": "compaction"})]),
        "messages.0.content.0: Input tag 'compaction' found using 'type'",
    ),
    (
        body(messages=[user_message(tool_use())]),
        "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
    ),
    (
        body(messages=[USER, assistant(tool_result())]),
        "messages.1.content.0: `tool_result` blocks can only be in `user`",
    ),
    (
        body(messages=[USER, assistant({"type": "thinking", "thinking": "hm"}), USER]),
        "messages.1.content.0.thinking.signature: Field required",
    ),
    (
        body(messages=[USER, assistant({"type": "thinking", "thinking": "hm", "signature": ""}), USER]),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    # images and documents
    (
        body(messages=[user_message(image(type="base64", media_type="image/bmp", data=PIXEL))]),
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif'"
        " or 'image/webp'",
    ),
    (
        body(messages=[user_message(image(type="base64", media_type="image/png", data="not base64!"))]),
        "messages.0.content.0.image.source.base64.data: invalid base64 data",
    ),
    (
        body(messages=[user_message(image(type="base64", media_type="image/png", data=""))]),
        "messages.0.content.0.image.source",
    ),
    (
        body(messages=[user_message(image(type="base64", media_type="image/png", data="aGVsbG8="))]),
        "Could not process image",
    ),
    (
        body(messages=[user_message(image(type="base64", media_type="image/jpeg", data=PIXEL))]),
        "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type,"
        " but the image appears to be a image/png image",
    ),
    (
        body(messages=[user_message(image(type="base64", media_type="image/png", data="A" * (5 * 2**20 + 4)))]),
        "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 5242884 bytes > 5242880 bytes",
    ),
    (
        body(messages=[user_message(image(type="url", url="http://x/y.png"))]),
        "messages.0.content.0.image.source.url.url: Only",
    ),
    (
        body(messages=[user_message(image(type="url", url="file:///etc/x"))]),
        "messages.0.content.0.image.source.url.url: Only",
    ),
    (
        body(messages=[user_message(image(type="path", path="x"))]),
        "messages.0.content.0.image.source: Input tag 'path' found",
    ),
    (body(messages=[user_message({"type": "image"})]), "messages.0.content.0.image.source: Field required"),
    (
        body(messages=[user_message(pdf(type="base64", media_type="application/msword", data=PDF))]),
        "messages.0.content.0.document.source.base64.media_type: Input should be 'application/pdf'",
    ),
    (
        body(messages=[user_message(pdf(type="base64", media_type="application/pdf", data=PIXEL))]),
        "messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.",
    ),
    (
        body(messages=[user_message(pdf(type="text", media_type="text/html", data="x"))]),
        "messages.0.content.0.document.source.text.media_type: Input should be 'text/plain'",
    ),
    # calls and results
    (
        body(messages=CALLED),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each",
    ),
    (body(messages=[*CALLED, USER]), "messages.1: `tool_use` ids were found without `tool_result` blocks immediately"),
    (
        body(messages=[*CALLED, user_message(text("first"), tool_result())]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        body(messages=[USER, assistant(tool_use(), tool_use("toolu_2")), user_message(tool_result())]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_2.",
    ),
    (
        body(messages=[user_message(tool_result("toolu_9"))]),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9. Each `tool_result`",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result()), assistant(text("so")), user_message(tool_result())]),
        "messages.4.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result(), tool_result())]),
        "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result()), assistant(tool_use()), user_message(tool_result())]),
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    (
        body(messages=[USER, assistant(tool_use("call.1")), user_message(tool_result("call.1"))]),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result("toolu_1\n"))]),
        "messages.2.content.0.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        body(messages=[USER, assistant(tool_use(name="a.b")), user_message(tool_result())]),
        "messages.1.content.0.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    (
        body(messages=[USER, assistant(tool_use(input="x")), user_message(tool_result())]),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result(content=[text("")]))]),
        "messages: text content blocks must be non-empty",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result(content=[tool_use()]))]),
        "messages.2.content.0.tool_result.content.0: Input tag 'tool_use' found using 'type'",
    ),
    (
        body(messages=[*CALLED, user_message(tool_result(content="", is_error=True))]),
        "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
    ),
    (
        body(
            messages=[
                *CALLED,
                user_message(tool_result(content=[image(type="url", url="https://x/y.png")], is_error=True)),
            ]
        ),
        'messages.2.content.0.tool_result: all content must be type "text" if `is_error` is true',
    ),
    # tools
    (body(tools=[tool("a b")]), "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    (body(tools=[tool("x" * 129)]), "tools.0.custom.name: String should match pattern"),
    (body(tools=[tool("")]), "tools.0.custom.name: String should match pattern"),
    (body(tools=[tool(), tool()]), "tools: Tool names must be unique."),
    (body(tools=[{"name": "look"}]), "tools.0.custom.input_schema: Field required"),
    (body(tools=[tool(parameters={})]), "tools.0.custom.parameters: Extra inputs are not permitted"),
    (body(tools=[tool(schema={})]), "tools.0.custom.input_schema.type: Field required"),
    (body(tools=[tool(schema={"type": "string"})]), "tools.0.custom.input_schema.type: Input should be 'object'"),
    (
        body(tools=[tool(schema={"type": "object", "anyOf": [{}]})]),
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    (
        body(tools=[tool(schema={"type": "object", "properties": {"a": {"type": "text"}}})]),
        "tools.0.custom.input_schema: JSON schema is invalid.",
    ),
    (
        body(tools=[tool(schema={"type": "object", "required": "a"})]),
        "tools.0.custom.input_schema: JSON schema is invalid.",
    ),
    *(
        (
            body(tools=[tool(schema={"type": "object", "properties": {"a": inner}})]),
            "tools.0.custom.input_schema: JSON schema is invalid.",
        )
        for inner in INVALID
    ),
    (
        body(tools=[tool(schema={"type": "object", "properties": {"a b": {}}})]),
        "tools.0.custom.input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'",
    ),
    (body(tools=[{"type": "function", "name": "x"}]), "tools.0: Input tag 'function' found using 'type'"),
    (body(tools=["look"]), "tools.0.custom: Input should be a valid dictionary"),
    (chooses(type="required"), "tool_choice: Input tag 'required' found using 'type'"),
    (chooses(type="tool"), "tool_choice.tool.name: Field required"),
    (chooses(type="tool", name="other"), "Tool 'other' not found in provided tools"),
    (chooses(type="none", disable_parallel_tool_use=True), "tool_choice.none.disable_parallel_tool_use: Extra inputs"),
    (body(tool_choice={"type": "auto"}), "tool_choice: tool_choice may only be specified while providing tools"),
    (body(tool_choice="auto"), "tool_choice: Input should be a valid dictionary"),
    # thinking and what it excludes
    (thinks(budget_tokens=1000), "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
    (thinks(budget_tokens=4000), "`max_tokens` must be greater than `thinking.budget_tokens`."),
    (thinks(budget_tokens=None), "thinking.enabled.budget_tokens: Input should be a valid integer"),
    (thinks(foo=1), "thinking.enabled.foo: Extra inputs are not permitted"),
    (thinks(display="updates"), "thinking.enabled.display: Input should be 'summarized' or 'omitted'"),
    (body(thinking={"type": "on"}), "thinking: Input tag 'on' found using 'type'"),
    (body(thinking={"type": "enabled", "budget_tokens": 2000}), '"thinking.type.enabled" is not supported for this'),
    (body(thinking={"type": "disabled"}), '"thinking.type.disabled" is not supported for this model.'),
    (body(model=OLD, thinking={"type": "adaptive"}), "adaptive thinking is not supported on this model"),
    (
        thinks() | {"temperature": 0.5},
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode",
    ),
    (thinks() | {"top_p": 0.5}, "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled"),
    (thinks() | {"top_k": 5}, "`top_k` must be unset when thinking is enabled or in adaptive mode."),
    (thinks() | {"tools": [tool()], "tool_choice": {"type": "any"}}, "Thinking may not be enabled when tool_choice"),
    (
        body(model="claude-opus-4-6", thinking={"type": "adaptive"}, tools=[tool()], tool_choice={"type": "any"}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        body(model="claude-opus-4-6", thinking={"type": "adaptive"}, temperature=0),
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
    ),
    (body(temperature=0.5), "`temperature` is deprecated for this model."),
    (body(top_p=0.5), "`top_p` is deprecated for this model."),
    (body(top_k=5), "`top_k` is deprecated for this model."),
    (body(model=OLD, temperature=1.5), "temperature: range: 0..1"),
    (body(model=OLD, temperature=0.5, top_p=0.5), "`temperature` and `top_p` cannot both be specified for this model."),
    (
        body(output_config={"effort": "minimal"}),
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh'",
    ),
    (body(output_config={"verbosity": "low"}), "output_config.verbosity: Extra inputs are not permitted"),
    (body(model=OLD, output_config={"effort": "low"}), "This model does not support the effort parameter."),
    (body(output_config={"format": {"type": "json_object"}}), "output_config.format.schema: Field required"),
    (body(output_config={"format": {"type": "text", "schema": {}}}), "output_config.format.type: Input should be"),
    # cache marks
    (
        body(messages=[user_message(*[text("a", cache_control=MARK)] * 5)]),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        body(
            tools=[tool(cache_control=MARK)],
            system=[text("a", cache_control=MARK)],
            cache_control=MARK,
            messages=[
                USER,
                assistant(tool_use(cache_control=MARK)),
                user_message(tool_result(content=[text("a", cache_control=MARK)])),
            ],
        ),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (body(system=[text("a", cache_control={"type": "forever"})]), "cache_control.type: Input should be 'ephemeral'"),
    (body(system=[text("a", cache_control={**MARK, "ttl": "1d"})]), "cache_control.ttl: Input should be '5m' or '1h'"),
    (
        body(system=[text("a", cache_control=MARK), text("b", cache_control={**MARK, "ttl": "1h"})]),
        "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
    ),
]
