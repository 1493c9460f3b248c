"""The JSON frames that Claude Code and its host exchange, one on each line."""

Frame = dict[str, object]

# The name of the MCP server through which the CLI reaches the client's tools.
SERVER = "client"
