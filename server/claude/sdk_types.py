"""The SDK's names that we use, imported without the MCP library that the SDK depends on.

That library takes nine tenths of the import's time (1 to 2 s) and 25 of its 30 MB, for tools that run inside our
process. Drawbridge has none: the transport answers Claude Code's MCP messages.
"""

from server.claude.stub_import import stubbed

with stubbed("mcp"):
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport

__all__ = ["ClaudeAgentOptions", "ClaudeSDKClient", "Transport"]
