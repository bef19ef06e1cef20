"""Generated code: in the kernel it decides what conditions mean; tests/generated.c says more."""

import os
import subprocess

from harness import SONDE, Skip, equal


def test_random_conditions(case):
    program = os.path.join(os.path.dirname(SONDE), "generated")
    if not os.path.exists(program):
        raise Skip("build/generated is not built")
    ended = subprocess.run([program, "60", "20"], capture_output=True, text=True, timeout=120)
    if ended.returncode == 77:
        raise Skip(ended.stdout.strip())
    equal(ended.returncode, 0, ended.stdout)
