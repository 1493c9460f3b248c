"""Token counts in the form of OpenAI's chat and completions."""

from server.conversation.events import Usage


def usage_of(usage: Usage) -> dict[str, object]:
    """`usage` as the API reports it. With several choices it is the sum of all, prompts included."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }
