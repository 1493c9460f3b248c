import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports a closed pipe otherwise")
@pytest.mark.parametrize("name", ["say", "note"])
def test_a_reader_that_has_gone_changes_no_exit_code(name: str) -> None:
    code = f"import sys; from server.commands.output import {name}; sys.stdin.read(); {name}('hi'); {name}('again')"
    read, write = os.pipe()
    out, err = (write, None) if name == "say" else (None, write)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=out, stderr=err, env=buffered
    ) as process:
        os.close(read)
        os.close(write)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
