"""When a tunnel that did not open, or has ended, is opened again."""

from server.errors import TunnelRefused

DELAYS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
# A tunnel that was open this long has recovered: its next failure is the first one.
RECOVERED_S = 60.0
# A new name takes a while to be known everywhere. Asking for it too early makes resolvers remember that it is not.
PROOF_DELAYS_S = (1.0, 1.0, 2.0, 4.0, 8.0, 14.0)
CHECK_EVERY_S = 900.0


def delay_before(error: TunnelRefused, failures: int) -> float | None:
    """Seconds until the next attempt after so many earlier failures; None: there is none."""
    if error.is_lasting or failures >= len(DELAYS_S):
        return None
    return DELAYS_S[failures]


def idle_left_s(hours: float, *, opened_at: float, used_at: float | None, now: float) -> float | None:
    """Seconds until a tunnel is closed if no request comes, not below 0; None: it stays open."""
    if not hours:
        return None
    return max(0.0, max(opened_at, used_at or 0.0) + hours * 3600 - now)
