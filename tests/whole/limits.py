"""The headers in which the API reports the limits of a plan."""


def limits(five_hours: str, week: str, *, status: str, soon: int, later: int) -> dict[str, str]:
    """Returns the headers for an account with a plan; the first window is the representative one."""
    name = "anthropic-ratelimit-unified"
    return {
        f"{name}-status": status,
        f"{name}-reset": str(soon),
        f"{name}-representative-claim": "five_hour",
        f"{name}-5h-status": status,
        f"{name}-5h-reset": str(soon),
        f"{name}-5h-utilization": five_hours,
        f"{name}-7d-status": "allowed",
        f"{name}-7d-reset": str(later),
        f"{name}-7d-utilization": week,
    }


def with_extra_usage(
    headers: dict[str, str], status: str, *, resets_at: int | None = None, reason: str | None = None
) -> dict[str, str]:
    """Returns the headers with the state of paid extra usage, which is in use if a window is rejected."""
    name = "anthropic-ratelimit-unified-overage"
    more = {f"{name}-reset": None if resets_at is None else str(resets_at), f"{name}-disabled-reason": reason}
    return {**headers, f"{name}-status": status, **{key: value for key, value in more.items() if value is not None}}
