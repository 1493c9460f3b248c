"""Conversations as each dialect's body, and the neutral request that every dialect must parse them into.

A dialect is run with each conversation and refusal that has a body for it; what it cannot express it leaves out.
"""

from tests.server.dialects.conversations.calls import CALLS
from tests.server.dialects.conversations.conversation import Conversation
from tests.server.dialects.conversations.odd import ODD
from tests.server.dialects.conversations.options import OPTIONS
from tests.server.dialects.conversations.parts import PARTS
from tests.server.dialects.conversations.provider_items import PROVIDER_ITEMS
from tests.server.dialects.conversations.tools import TOOLS
from tests.server.dialects.conversations.turns import TURNS

__all__ = ["CONVERSATIONS", "Conversation"]

CONVERSATIONS: dict[str, Conversation] = {
    **TURNS,
    **CALLS,
    **PARTS,
    **TOOLS,
    **OPTIONS,
    **ODD,
    **PROVIDER_ITEMS,
}
