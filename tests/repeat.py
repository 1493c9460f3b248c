"""Runs tests several times, each time in a new process, to find those that fail now and then.

    python -m tests.repeat                                              the default tier, 10 times
    python -m tests.repeat --load -n 20 tests/whole/test_scenario.py    a day with the app, 20 times on a busy machine

Exits with 0 if all runs passed, and prints the output of those that did not.
"""

import argparse
import os
import subprocess
import sys
import time

_BUSY = "while True: pass"
_TIMEOUT_S = 3600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.repeat", description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--runs", type=int, default=10, help="the number of runs (10)")
    parser.add_argument("--load", action="store_true", help="keep twice as many loops busy as there are processors")
    parser.add_argument("tests", nargs="*", default=["tests"], help="paths for pytest (tests)")
    options = parser.parse_args()
    loops = 2 * (os.cpu_count() or 1) if options.load else 0
    load = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(loops)]
    try:
        passed = sum(run(number, options.tests) for number in range(1, options.runs + 1))
    finally:
        for loop in load:
            loop.kill()
            loop.wait()
    print(f"{passed} of {options.runs} runs passed, {'under load' if load else 'idle'}")
    return 0 if passed == options.runs else 1


def run(number: int, tests: list[str]) -> bool:
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_TIMEOUT_S)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no output"
    print(f"{number:3}  {time.monotonic() - start:6.1f} s  {last}", flush=True)
    if done.returncode:
        print(done.stdout)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
