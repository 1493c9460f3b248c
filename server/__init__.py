"""The bridge: a local server that speaks OpenAI's API and answers with Claude through Claude Code."""
