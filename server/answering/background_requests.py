"""Recognizes the requests that a client sends on its own by the default prompts of Open WebUI and OpenCode."""

from server.conversation.parts import Text
from server.conversation.request import ModelRequest

# Open WebUI sends these after each answer, as a single user message.
_OPEN_WEBUI = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n",
    "### Task:\nGenerate a concise title summarizing the chat history.\n",
    "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history,",
    "### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next",
)
# OpenCode sends this beside the first request of a conversation.
_OPENCODE_SYSTEM = "You are a title generator. You output ONLY a thread title. Nothing else.\n"
_OPENCODE = "Generate a title for this conversation:"


def is_background_request(request: ModelRequest) -> bool:
    """Whether this is a client's background request (chat title, tags, follow-ups), which is never continued."""
    first = request.messages[0].parts[0] if request.messages and request.messages[0].parts else None
    if request.profile.tools or not isinstance(first, Text):
        return False
    if request.profile.system.startswith(_OPENCODE_SYSTEM):
        return first.text.startswith(_OPENCODE)
    return len(request.messages) == 1 and first.text.startswith(_OPEN_WEBUI)
