"""The three tiers of the suite, and the size of long runs in each.

* default, `uv run pytest`: proves every promise; each long run has a tenth of its size.
* soak, `-m soak`: the long runs at full size, and more seeds of the random ones.
* outside, `-m outside`: tests that install or build something first: foreign clients, the wheel, the built app.
"""

import pytest

DEFAULT_SEEDS = 3


def sized(name: str, full: int, *, small: int | None = None) -> pytest.MarkDecorator:
    """Parametrizes a test with the size of its run: `small` (a tenth of `full`) by default, `full` as a soak test."""
    return pytest.mark.parametrize(name, [small or max(1, full // 10), pytest.param(full, marks=pytest.mark.soak)])


def seeds(count: int) -> pytest.MarkDecorator:
    """Parametrizes a test with the `seed`s 0 to `count - 1`; those after the first three are soak tests."""
    return pytest.mark.parametrize(
        "seed", [*range(DEFAULT_SEEDS), *(pytest.param(n, marks=pytest.mark.soak) for n in range(DEFAULT_SEEDS, count))]
    )
