"""An import without a package that it brings along: hollow modules stand in for it, and are gone afterwards."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Stub:
    """What every name of a hollow module is: a class that can be derived from and named in annotations, no more."""

    def __init_subclass__(cls, **_: object) -> None:
        """Takes what the true class would, as pydantic's settings."""


class _StubFinder(MetaPathFinder, Loader):
    """Finds `package` and whatever is asked of it."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 # the finder's own signature
        target: ModuleType | None = None,  # noqa: ARG002 # the same
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        def missing(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (Stub,), {})

        module.__getattr__ = missing  # type: ignore[method-assign] # a module's own hook (PEP 562)


@contextmanager
def stubbed(package: str) -> Iterator[None]:
    """What is imported in this block gets an empty `package`, unless the true one is here already.

    Afterwards the true one can be imported as ever.
    """
    if package in sys.modules:
        yield
        return
    finder = _StubFinder(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
