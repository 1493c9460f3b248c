"""The SDK's names that we use, imported without the MCP and JSON Schema libraries that the SDK depends on.

The MCP library takes nine tenths of the import's time (1 to 2 s) and 25 of its 30 MB. The SDK needs both for tools that
run inside our process. Drawbridge has none: the transport answers Claude Code's MCP messages. The check of answers
against the client's schema imports the real JSON Schema library later, once Claude has answered.
"""

from server.claude.stub_import import stubbed

with stubbed("mcp"), stubbed("jsonschema"):
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, Transport

__all__ = ["ClaudeAgentOptions", "ClaudeSDKClient", "Transport"]
