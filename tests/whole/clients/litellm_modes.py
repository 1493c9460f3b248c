"""LiteLLM with one of its providers: text, tools, a form, a picture, an error, a cancel. Prints one JSON line."""

import json
import sys

import litellm
from weather import PICTURE, QUESTION, WANTS_FORM, Report, difference, get_weather

provider, url = sys.argv[1:]
# Otherwise it prints where to report errors.
litellm.suppress_debug_info = True
TOOLS = [
    {"type": "function", "function": {"name": name, "description": function.__doc__, "parameters": parameters}}
    for name, function, parameters in (
        (
            "get_weather",
            get_weather,
            {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        ),
        (
            "difference",
            difference,
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a", "b"],
            },
        ),
    )
]
FUNCTIONS = {"get_weather": get_weather, "difference": difference}


def ask(content, **options):
    """Sends a question, or the messages of a conversation."""
    messages = [{"role": "user", "content": content}] if not isinstance(content, list) else content
    return litellm.completion(
        model=f"{provider}/claude-sonnet-5",
        api_base=url if provider == "openai" else url.removesuffix("/v1"),
        api_key="anything",
        messages=messages,
        max_tokens=900,
        num_retries=0,
        max_retries=0,
        **options,
    )


def text_of(stream):
    """The deltas of a stream."""
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices and chunk.choices[0].delta.content]


def loop(*, is_streamed):
    """A loop of tools, until the answer has none."""
    messages = [{"role": "user", "content": QUESTION}]
    while True:
        if is_streamed:
            answer = litellm.stream_chunk_builder(list(ask(messages, tools=TOOLS, stream=True)), messages=messages)
        else:
            answer = ask(messages, tools=TOOLS)
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = str(FUNCTIONS[call.function.name](**json.loads(call.function.arguments)))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


whole = ask("hi")
image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
found = {
    "whole": whole.choices[0].message.content,
    "tokens": whole.usage.total_tokens,
    "deltas": text_of(ask("hi", stream=True)),
    "loop": loop(is_streamed=False),
    "streamed_loop": loop(is_streamed=True),
    "forms": [json.loads(ask(WANTS_FORM, response_format=Report).choices[0].message.content)],
    "seen": ask([{"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}])
    .choices[0]
    .message.content,
}
try:
    ask("fail")
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    found["refused"] = f"{getattr(error, 'status_code', None)} {error}"
stream = ask("wait", stream=True)
found["before_cancel"] = next(chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content)
# LiteLLM's streams have no method that ends them.
del stream
print(json.dumps(found))
