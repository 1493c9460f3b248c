import pytest

from server.dialects.registry import DIALECTS, dialect_for, is_below
from tests.server.dialects.toy.dialect import Toy


class Nested(Toy):
    name = "nested"
    prefixes = ("/toy/nested", "/v1/nested")


OUTER, NESTED = Toy(), Nested()


@pytest.mark.parametrize("dialects", [(*DIALECTS, OUTER, NESTED), (*DIALECTS, NESTED, OUTER)])
def test_the_longest_prefix_decides(dialects: tuple[Toy, ...]) -> None:
    assert dialect_for("/toy/x", dialects) is OUTER
    assert dialect_for("/toy/nested/x", dialects) is NESTED
    assert dialect_for("/v1/nested", dialects) is NESTED
    assert dialect_for("/v1/models", dialects) is DIALECTS[0]
    assert dialect_for("/health", dialects) is DIALECTS[0]


def test_a_prefix_ends_at_a_slash() -> None:
    assert is_below("/v1", "/v1")
    assert is_below("/v1/x", "/v1")
    assert not is_below("/v12", "/v1")
