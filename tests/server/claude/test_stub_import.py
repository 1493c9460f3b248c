import subprocess
import sys

import pytest

from server.claude.stub_import import stubbed


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_sdk_is_imported_without_the_libraries_of_its_own_tools() -> None:
    """The MCP library takes nine tenths of the import's time, and 25 MB."""
    theirs = "{'mcp', 'mcp_types', 'httpx2', 'httpx', 'jsonschema', 'referencing'}"
    loaded = f"sorted({{name.partition('.')[0] for name in sys.modules}} & {theirs})"
    assert python(f"import server.claude.worker.session, sys; print({loaded})") == "[]\n"


@pytest.mark.parametrize("name", ["mcp.types.Tool", "jsonschema.validators.Draft7Validator"])
def test_afterwards_the_real_library_can_be_imported(name: str) -> None:
    module = name.rpartition(".")[0]
    plain = f"import {module}, sys; print({name}.__module__, len(sys.meta_path))"
    assert python(f"import server.claude.worker.session; {plain}") == python(plain)


def test_an_imported_package_stays_as_it_is() -> None:
    with stubbed("json"):
        import json.tool

        assert json.tool.__file__
    assert sys.modules["json"] is json


def test_a_stubbed_module_has_every_name_but_no_special_ones() -> None:
    with stubbed("no_such_package"):
        import no_such_package.deep as deep  # type: ignore[import-not-found]

        class Derived(deep.Anything, extra="allow"):  # type: ignore[misc, call-arg]
            pass

        assert isinstance(Derived, type)
        assert not hasattr(deep, "__wrapped__")
    with pytest.raises(ImportError):
        import no_such_package  # noqa: F401
