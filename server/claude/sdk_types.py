"""The SDK's names that we use, imported without the MCP library that comes with it.

Of the SDK's import that library takes nine tenths of the time (a second, on a slow machine two) and 25 of 30 MB, for
tools that run inside our process. There are none here: Claude Code's MCP messages are the transport's to answer.
"""

from server.claude.stub_import import stubbed

with stubbed("mcp"):
    from claude_agent_sdk import (
        AssistantMessage,
        ClaudeAgentOptions,
        ClaudeSDKClient,
        Message,
        RateLimitEvent,
        ResultMessage,
        StreamEvent,
        TextBlock,
        Transport,
    )

__all__ = [
    "AssistantMessage",
    "ClaudeAgentOptions",
    "ClaudeSDKClient",
    "Message",
    "RateLimitEvent",
    "ResultMessage",
    "StreamEvent",
    "TextBlock",
    "Transport",
]
