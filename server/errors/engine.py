"""Errors of answering on this computer: no free process, or Claude Code fails."""

from server.errors.base import DrawbridgeError


class BusyError(DrawbridgeError):
    """All workers are in use; `retry_after_s`: when to try again, if known. Never a guess: clients wait that long."""

    def __init__(self, message: str = "", *, retry_after_s: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class QueueFull(BusyError):
    """The queue is full."""

    title = "Too many requests are waiting"
    hint = "Try again in a moment, or allow more answers at once (--pool-size)."


class KeyLimited(BusyError):
    """The app's key has used what it may use in a minute."""

    title = "The limit of this access key is reached"
    hint = "Wait, or raise its limit in Drawbridge."


class QueueTimeout(BusyError):
    """No worker became free within the queue timeout."""

    title = "No Claude process became free in time"
    hint = "Try again in a moment, or allow more answers at once (--pool-size)."


class ShuttingDown(BusyError):
    """The server is stopping and takes no new requests."""

    title = "Drawbridge is stopping"
    hint = "Start it again, then send the request again."


class RequestStopped(BusyError):
    """The user stopped the request while it was answered."""

    title = "The request was stopped"
    hint = "It was stopped in Drawbridge. Send it again if that was a mistake."


class EngineError(DrawbridgeError):
    """Claude Code on this computer failed."""


class CliMissing(EngineError):
    """No Claude Code is installed."""

    title = "Claude Code was not found"
    hint = "Install it from https://claude.com/claude-code, or name it with --cli-path (CLAUDE_CLI_PATH)."


class CliMisnamed(CliMissing):
    """The Claude Code named in the settings cannot be run; installing another one does not help."""

    hint = "Correct --cli-path (CLAUDE_CLI_PATH), or leave it out to let Drawbridge look for it."


class CliFailed(EngineError):
    """Claude Code is installed but does not start."""

    title = "Claude Code did not start"
    hint = "Run 'drawbridge doctor' to see why."


class CliUnfit(EngineError):
    """Claude Code runs, but the self-check found that its answers would be wrong."""

    title = "This Claude Code cannot be used"
    hint = "Install another version, or name one with --cli-path (CLAUDE_CLI_PATH). 'drawbridge doctor' says more."


class WorkerDied(EngineError):
    """A Claude Code process ended while it answered."""

    title = "The Claude Code process ended while it answered"
    hint = "Send the request again."


class WorkerSilent(EngineError):
    """The timeout passed without output from Claude."""

    title = "Claude sent nothing within the timeout"
    hint = "Send the request again, or allow more time with --timeout (CLAUDE_TIMEOUT)."


class AnswerCut(EngineError):
    """The answer is incomplete: what was received must not be treated as a whole answer."""

    title = "The answer ended early"
    hint = "Send the request again."


class AgentLimit(EngineError):
    """An answer of an agent took more turns, time or money than the settings allow."""

    title = "The agent reached a limit"
    hint = "What it has done so far is kept. Send a new request to continue, or raise the limit in the settings."


class UnexpectedOutput(EngineError):
    """Claude Code wrote something that we do not understand."""

    title = "Unexpected output from Claude Code"
    hint = "Send the request again; if that does not help, run 'drawbridge doctor'."
