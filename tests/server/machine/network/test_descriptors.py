import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_soft_limit_is_raised_as_far_as_it_goes() -> None:
    code = (
        "import resource; from server.machine.network.descriptors import raise_descriptor_limit as up;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300)); print(up(), up())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["300", "300"]
