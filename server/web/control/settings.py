"""Shows the settings and changes them while the server runs."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from fastapi import APIRouter, Request, Response

from server.answering.model_routing import alias_problems, unknown_models
from server.config import SECRETS, Config, Option
from server.conversation.models import ModelCard
from server.errors import DrawbridgeError, InvalidRequest, NotFound, SettingPinned, SettingsInvalid, StartError
from server.machine.page_ticket import make_ticket
from server.model_aliases import Misfit
from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.control.settings_form import FormValues, ValueRefused, parse_change, settings_json, shown_options
from server.web.interfaces import Engine, SettingsPort
from server.web.json_body import json_body
from server.web.replies import JsonReply, error_response

_MOST = 100


def settings_router(admission: Admission, engine: Engine, parts: Parts) -> APIRouter:
    """The routes over the settings of `parts`. The values of secrets are never sent."""
    router = APIRouter(prefix="/settings")

    @router.get("")
    async def show(request: Request) -> Response:
        admission.page(request)
        return JsonReply({"data": [] if parts.settings is None else _form(engine, parts.settings)})

    @router.patch("")
    async def change(request: Request) -> Response:
        admission.page(request)
        port = _port(parts)
        changes = _parsed(await json_body(request), port)
        before = engine.status().base_url
        try:
            notices = await asyncio.to_thread(port.change, changes)
        except DrawbridgeError as error:
            return _refused(error, request)
        problems = _model_problems(changes, port.wanted, await engine.models())
        status = engine.status()
        return JsonReply(
            {
                "data": _form(engine, port),
                "notices": [*notices, *problems],
                "restarting": not port.restarting.isdisjoint(changes),
                # Where the dashboard is now, if it has moved; and a ticket, because a new key ends its token.
                "base_url": status.base_url if status.base_url != before else None,
                "ticket": make_ticket(admission.control.token),
            }
        )

    return router


def _port(parts: Parts) -> SettingsPort:
    if parts.settings is None:
        raise NotFound("This server has no settings to change.")
    return parts.settings


def _form(engine: Engine, port: SettingsPort) -> list[dict[str, object]]:
    return settings_json(FormValues(engine.config, port.wanted, port.pinned_by, port.restarting))


def _parsed(body: object, port: SettingsPort) -> Mapping[str, object]:
    """The changes by the names in `Config`, parsed. Raises `InvalidRequest`, or `SettingPinned`."""
    if not isinstance(body, dict) or not body or len(body) > _MOST:
        raise InvalidRequest("The body must be an object with the settings to change.")
    options = {option.key: option for _, _, option in shown_options()}
    changes = {}
    for key, value in body.items():
        option = options.get(key)
        if option is None:
            raise InvalidRequest(f"There is no setting {str(key)[:80]!r} in the dashboard.", param=str(key)[:80])
        if option.name in SECRETS:
            raise InvalidRequest(f"{key} is a secret, and cannot be set in the dashboard.", param=key)
        changes[option.name] = _value(option, value)
    for name in changes:
        if source := port.pinned_by(name):
            raise SettingPinned(f"{source} sets it while Drawbridge runs.", hint="Start Drawbridge without it.")
    return changes


def _model_problems(changes: Collection[str], config: Config, cards: Sequence[ModelCard]) -> list[str]:
    """What is wrong with the changed settings that name models. They are saved: Claude may get the model later."""
    titles = {option.name: title for _, title, option in shown_options()}
    unknown = unknown_models(cards, config)
    return [
        *(f"{titles[name]}: Claude has no model {unknown[name]!r}." for name in changes if name in unknown),
        *(f"{titles['aliases']}: {problem}." for problem in alias_problems(cards, config) if "aliases" in changes),
    ]


def _value(option: Option, value: object) -> object:
    try:
        return parse_change(option, value)
    except ValueRefused as error:
        if isinstance(part := error.__cause__, Misfit):
            raise InvalidRequest(f"{part.key!r} {part.problem}.", param=option.key) from error
        raise InvalidRequest(f"{option.key} takes {option.expects}.", param=option.key) from error


def _refused(error: DrawbridgeError, request: Request) -> Response:
    """The error with the status of a conflict: the value is valid, and something on this computer stands against it."""
    reply = error_response(error, request.scope)
    is_conflict = isinstance(error, SettingPinned | StartError) or reply.status_code >= 500
    reply.status_code = 400 if isinstance(error, SettingsInvalid) else 409 if is_conflict else reply.status_code
    return reply
