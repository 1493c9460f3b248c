"""Every registered dialect obeys the rules of the conformance suite."""

from importlib import import_module

import pytest

from server.dialects.registry import DIALECTS
from tests.server.dialects.conformance import Conformance, Kit


class TestRegisteredDialects(Conformance):
    @pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
    def kit(self, request: pytest.FixtureRequest) -> Kit:
        """The kit of the dialect: `KIT` in the module `kit` of the folder with its tests."""
        kit: Kit = import_module(f"tests.server.dialects.{request.param.name}.kit").KIT
        assert kit.dialect is request.param
        return kit


def test_dialects_have_different_names_and_paths() -> None:
    for values in ([dialect.name for dialect in DIALECTS], [path for dialect in DIALECTS for path in dialect.paths]):
        assert len(set(values)) == len(values)
