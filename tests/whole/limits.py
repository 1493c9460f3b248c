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
