"""What several dialects share: message rules, tools, attachments, output schemas."""
