"""The roles of messages, also as other APIs, templates and clients write them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

MessageRole = Literal["system", "developer", "user", "assistant", "tool", "function"]

_WORDS: Mapping[MessageRole, str] = {
    "system": "sys systemmessage instruction instructions",
    "developer": "dev",
    "user": "human humanmessage usermessage customer client person visitor enduser",
    "assistant": "model bot ai aimessage assistantmessage gpt chatgpt claude chatbot chatbotmessage llm agent",
    "tool": "toolmessage toolresult toolresponse tooloutput ipython observation functionresult functionresponse",
    "function": "functionmessage",
}
_ROLES: Mapping[str, MessageRole] = MappingProxyType(
    {word: role for role, words in _WORDS.items() for word in (role, *words.split())}
)


def role_in(value: object) -> MessageRole | None:
    """Returns the role that `value` names, in any case and with any spaces, hyphens and underscores."""
    if not isinstance(value, str):
        return None
    return _ROLES.get("".join(character for character in value.lower() if character.isalnum()))
