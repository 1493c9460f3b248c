"""The labels of a request. Apps and models name themselves, so only known names count; the others share one label."""

import re
from collections.abc import Collection

from server.journal.apps import KNOWN_APPS

OTHER, NONE = "other", "none"
# What answers add to the name of the model, or leave out.
_VERSION = re.compile(r"(?:-\d{8}|-latest)?(?:\[1m\])?$")


def app_label(app: str) -> str:
    """The app, if Drawbridge knows it."""
    return _one_of(app, KNOWN_APPS)


def model_label(model: str, known: Collection[str]) -> str:
    """The model that answered without its date, if it is one of the `known` names."""
    return _one_of(_VERSION.sub("", model), {_VERSION.sub("", name) for name in known})


def _one_of(name: str, known: Collection[str]) -> str:
    if not name:
        return NONE
    return name if name in known else OTHER
