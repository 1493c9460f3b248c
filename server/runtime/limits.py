"""The limits of the pool."""

from server.config import Config
from server.pool.types import Limits


def limits_for(config: Config) -> Limits:
    """Returns the pool's limits from the settings."""
    return Limits(
        size=config.pool_size,
        max_waiting=config.max_waiting,
        queue_timeout_s=config.queue_timeout_s,
        idle_shrink_s=config.idle_shrink_s,
        isolation=config.isolation,
    )
