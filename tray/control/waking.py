"""What the app does when the computer wakes from sleep."""

import logging
from functools import partial

from server.errors import DrawbridgeError
from server.status import State
from tray.control.background import Background
from tray.control.interfaces import Platform
from tray.control.settings.settings import Settings
from tray.control.supervisor import Supervisor

logger = logging.getLogger(__name__)


def probe_after_sleep(supervisor: Supervisor, background: Background, platform: Platform, settings: Settings) -> None:
    """Probes a running server, and restarts it if it does not answer."""
    server = supervisor.server
    if supervisor.status.state is not State.RUNNING or server is None:
        return
    logger.info("resumed from sleep: probing the server")
    server.follow_network()

    def probed(answers: bool | DrawbridgeError) -> None:  # noqa: FBT001 # a result
        if answers is not True and supervisor.server is server:
            logger.warning("the server does not answer after a sleep: restarting it")
            supervisor.restart(settings.config, 0.0)

    background.run(partial(platform.answers, server.listeners.control), probed)
