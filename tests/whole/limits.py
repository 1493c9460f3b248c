"""How the API tells of a plan's limits: in the headers of its answers."""


def limits(five_hours: str, week: str, *, status: str, soon: int, later: int) -> dict[str, str]:
    """The headers of the API for an account with a plan; the first window is the one that counts."""
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
