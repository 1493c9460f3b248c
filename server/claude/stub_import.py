"""Imports a module while replacing one of its dependencies with empty stubs."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Stub:
    """Every name of a stubbed module: a class that can be subclassed and used in annotations."""

    def __init_subclass__(cls, **_: object) -> None:
        """Accepts the keyword arguments of the real class, such as pydantic's settings."""


class _StubFinder(MetaPathFinder, Loader):
    """Finds `package` and all its submodules."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 # the finder's signature
        target: ModuleType | None = None,  # noqa: ARG002 # the same
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        def stub(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (Stub,), {})

        module.__getattr__ = stub  # type: ignore[method-assign] # the module's own hook (PEP 562)


@contextmanager
def stubbed(package: str) -> Iterator[None]:
    """Imports in this block, but not later ones, get an empty `package`, unless it is imported already."""
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
