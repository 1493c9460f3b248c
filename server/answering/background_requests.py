"""Requests that a client makes for itself and not for a person: a title for a chat, its tags, what to ask next.

They are known only by the beginnings of the prompts that those clients send. Whoever writes prompts of their own is
answered like anybody else.
"""

from server.conversation.parts import Text
from server.conversation.request import ModelRequest

# Open WebUI asks after each answer, in one message of the user's.
_OPEN_WEBUI = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n",
    "### Task:\nGenerate a concise title summarizing the chat history.\n",
    "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history,",
    "### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next",
)
# OpenCode asks beside the first answer.
_OPENCODE_SYSTEM = "You are a title generator. You output ONLY a thread title. Nothing else.\n"
_OPENCODE = "Generate a title for this conversation:"


def is_housekeeping(turn: ModelRequest) -> bool:
    """Whether the request is one of those: it need not be gone on with, and nobody waits for it."""
    question = turn.messages[0].parts[0] if turn.messages and turn.messages[0].parts else None
    if turn.profile.tools or not isinstance(question, Text):
        return False
    if turn.profile.system.startswith(_OPENCODE_SYSTEM):
        return question.text.startswith(_OPENCODE)
    return len(turn.messages) == 1 and question.text.startswith(_OPEN_WEBUI)
