"""Runs the server with few descriptors, as in a system with a low limit that cannot be raised."""

import resource
import runpy

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
runpy.run_module("server", run_name="__main__", alter_sys=True)
