"""The neutral model between dialects and Claude: requests, messages, parts and events, as frozen values."""
