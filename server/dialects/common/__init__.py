"""What the dialects share: base types, message rules, content, tools, options, output schemas."""
