"""The environments of Claude Code's processes: who pays, the proxy, and nothing that leads back to this server."""

import logging
import os
from collections.abc import Callable, Collection, Mapping

from server.config import Config
from server.machine.billing import environment_for
from server.machine.network.outbound_proxy import with_proxy
from server.machine.network.own_address import leads_to, own_variables, without_own_address
from server.machine.processes.environment import desktop_environment
from server.status_phrases import own_address_line

logger = logging.getLogger(__name__)

_SETTING = "The setting 'proxy'"


class ChildEnvironments:
    """Makes environments from the `inherited` one, under the settings in force."""

    def __init__(self, inherited: Mapping[str, str], config: Callable[[], Config]) -> None:
        self._inherited = inherited
        self._config = config
        self._addresses: tuple[str, ...] = ()
        self._proxy: str | None = None
        self.own: tuple[str, ...] = ()
        """What leads back to this server, and is left out: variables, or the setting."""
        self.update(())

    def update(self, addresses: Collection[str] | None = None) -> bool:
        """Reads the settings again, with the server's new `addresses` if given. Returns whether anything changed."""
        if addresses is not None:
            self._addresses = tuple(addresses)
        config = self._config()
        proxy = None if config.demo else config.proxy
        is_own = proxy is not None and leads_to(proxy, self._addresses)
        proxy = None if is_own else proxy
        own = own_variables(with_proxy(self._inherited, proxy), self._addresses)
        own = (_SETTING, *own) if is_own else own
        before, self.own, self._proxy = (self.own, self._proxy), own, proxy
        if own and own != before[0]:
            logger.warning("%s", own_address_line(own))
        return before != (own, proxy)

    def answering(self) -> Mapping[str, str]:
        """For answering processes and account queries. A demo has its own."""
        if self._config().demo:
            return self._inherited
        return environment_for(self._config().payer, self._outgoing(self._inherited))

    def signing_in(self) -> Mapping[str, str]:
        """For a sign-in: without exported keys, and with the user's session, in which the browser opens."""
        return environment_for("plan", self._outgoing(desktop_environment(os.environ)))

    def _outgoing(self, environ: Mapping[str, str]) -> dict[str, str]:
        return without_own_address(with_proxy(environ, self._proxy), self.own)
