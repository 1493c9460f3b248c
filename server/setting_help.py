"""What each setting does, in one line: for the command line and the dashboard."""

from collections.abc import Mapping

# In the order of `drawbridge serve --help`; a test compares the names with the table of settings.
HELP: Mapping[str, str] = {
    "host": "The address to listen on. Any other than loopback requires an access key.",
    "port": "The port to listen on.",
    "pool_size": "How many answers at once, each in a Claude Code process of its own.",
    "model": "The default model, for requests that do not name one of Claude's.",
    "timeout_s": "The timeout for output from Claude, in seconds.",
    "queue_timeout_s": "The timeout for requests that wait for a free process, in seconds.",
    "max_waiting": "How many requests may wait while all processes are busy; further ones are refused.",
    "api_key": "The access key that clients must send. For tests only: other users of this computer can see "
    "command lines. Use the variable instead.",
    "require_key": "Require the access key that is stored in this computer's keyring.",
    "reach": "local: only this computer can connect; lan: also containers and the network, with the access key.",
    "ollama_port": "Also answer on this port, for apps that only know Ollama (11434). 0: no other port.",
    "payer": "Who pays: plan, api key, or automatic (an exported API key before the plan).",
    "on_extra_usage": "While the plan is used up: go on with paid extra usage, or stop until the plan resets.",
    "usage_notice": "The app notifies when this much of a plan's limit is used, in percent. 0: never.",
    "proxy": "The proxy for Claude Code, as in http://user:password@proxy.example.org:3128; without it, that of the "
    "environment. Other users can see command lines: use the variable or the settings file.",
    "cli_path": "The claude program to run instead of the one found.",
    "prefer_cli": "carried: the claude program that ships with Drawbridge; newest: an installed one if it is newer.",
    "log_dir": "The folder for logs.",
    "data_dir": "The folder for the app's data. Servers with different ones can run side by side.",
    "demo": "Answer from a built-in stand-in for Claude's API: no account, no cost, no real answers.",
    "reload": "For development: restart the server when its source changes.",
    "head_timeout_s": "How long a stream's status and headers wait for the first output or error, in seconds.",
    "heartbeat_s": "After how many seconds without output a stream gets a heartbeat.",
    "body_limit_mb": "The largest request body, in megabytes.",
    "allowed_hosts": "Host names for this server, besides this computer's own; comma-separated.",
    "allowed_origins": "Origins of web pages that may use the API, as in https://example.org; comma-separated.",
    "strict_models": "Reject unknown model names instead of using the default model.",
    "aliases": "Names of your own for models, with an effort if you like: fast=haiku,deep=opus-high.",
    "fallback_model": "The model to use when the requested one is overloaded or at its limit.",
    "retries": "How often to retry a request before its first output, while Claude's API fails.",
    "without_breaker": "Disable the circuit breaker: send every request even while Claude keeps refusing or failing.",
    "housekeeping_model": "The model for a client's background requests: titles, tags, follow-up questions.",
    "forward_sampling": "Send temperature and top_p to Claude, for models that accept them; disables thinking.",
    "reasoning": "How to show Claude's thinking: hidden; field (reasoning_content); tags (<think> in the text).",
    "idle_shrink_s": "After how many idle seconds the pool ends all processes but one.",
    "embeddings_url": "The base URL of another endpoint to compute embeddings, instead of the local model.",
    "embeddings_model": "The model to request from that endpoint, instead of the one that the client names.",
    "embeddings_key": "The key of that endpoint. Other users of this computer can see command lines: store it with "
    "'drawbridge embeddings-key', or use the variable.",
    "isolation": "warm: reuse processes for other conversations after a reset; process: a fresh one for each.",
    "memory": "small: for computers with little memory, one process and slower long answers; or normal.",
    "warm_spares": "Warm unused processes up by questions that a local stand-in answers; only with an API key.",
    "tunnel": "Open a tunnel to the internet at the start, for Cursor: tailscale, cloudflared, cloudflared-named, "
    "ngrok, ssh or own. Requests through it need a key that may be used from the internet. off: none.",
    "tunnel_host": "The tunnel's public host name, for cloudflared-named, own and ngrok.",
    "tunnel_port": "The local port of the tunnel's listener. 0: a free one, or 8490 for cloudflared-named and own.",
    "tunnel_idle_hours": "After how many hours without a request the tunnel is closed. 0: never.",
    "projects_root": "The folder for projects. Drawbridge makes folders for projects only in it, and those that apps "
    "add must be in it.",
    "projects_by_api": "Let apps on this computer that send no key of their own add and remove projects in "
    "projects_root. An app's key needs its own right for that.",
    "journal_days": "How many days the list of requests is kept, which has no prompts and no answers. 0: keep none.",
    "metrics": "Serve counts and times of requests at /metrics in Prometheus' form, to this computer only.",
    "contents_days": "How many days the contents of requests that you keep stay on the disk too. 0: in memory only.",
    "sessions": "Where conversations with a session_id, and responses with store: true, are kept: disk, for the time "
    "after a restart too; memory, until the server stops; off: only responses, in memory.",
    "session_hours": "How many hours a session is kept after its last request.",
    "agent_mode": "Let Claude Code's own tools work in the folder of a project, for requests that name one.",
    "agents": "How many agents work at once, each in a Claude Code process of its own.",
    "agent_progress": "How to show what an agent does: reasoning (reasoning_content); content (in the text); off.",
    "agent_turns": "The most requests to Claude for one answer of an agent.",
    "agent_minutes": "The longest time for one answer of an agent, in minutes.",
    "agent_cost_usd": "The highest cost of one answer of an agent, in US dollars. 0: no limit.",
    "computer_use": "Offer computer use in the app's menu: for a limited time that you start there, Claude sees the "
    "screen and uses the pointer and the keyboard. Turning this on starts nothing.",
    "computer_minutes": "After how many minutes computer use ends, until you start it again.",
    "check_updates": "Check once a day for a newer version and show it in the app's menu.",
    "icon": "The colour of the tray icon: light (for a dark panel), dark (for a light panel), or auto.",
    "log_level": "debug, info, warning or error.",
}
