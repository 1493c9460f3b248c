"""What a chat request asks for in vain: accepted, and named in the reply."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from server.conversation.text import is_blank
from server.dialects.chat_completions.request_types import ChatRequest

# Each field with the values that ask for nothing anyway: only another value is named. Sampling stays with Claude
# unless a setting forwards it: its API refuses temperature and top_p while the model thinks.
_WITHOUT_EFFECT: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "temperature": (1,),
        "top_p": (1,),
        "presence_penalty": (0,),
        "frequency_penalty": (0,),
        "seed": (),
        "logit_bias": ({},),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "store": (False,),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
        "prediction": (),
        "web_search_options": (),
        "user": ("",),
        "metadata": ({},),
        "safety_identifier": (),
        "prompt_cache_key": (),
    }
)
_FORWARDED = frozenset({"temperature", "top_p"})


def idle_fields(request: ChatRequest, *, forwards_sampling: bool) -> Iterator[str]:
    """The names of the fields without effect that ask for something."""
    for name, idle in _WITHOUT_EFFECT.items():
        value = getattr(request, name)
        if value is not None and value not in idle and not (forwards_sampling and name in _FORWARDED):
            yield name
    stops = (request.stop,) if isinstance(request.stop, str) else request.stop or ()
    if any(map(is_blank, stops)):
        yield "stop"
    if any(message.name for message in request.messages if message.role not in {"tool", "function"}):
        yield "messages[].name"
    if any(tool.strict or (tool.function and tool.function.strict) for tool in request.tools or ()):
        yield "tools[].function.strict"
