"""What the dialects share: base types, histories, content, tools, options, output schemas, stored responses."""
