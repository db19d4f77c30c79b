"""Runs the tests with clients that others wrote, in the Python that has them (tools/client_venv.sh): the variable
TTT_CLIENT_PYTHON. Without it the test is skipped."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

python = os.environ.get("TTT_CLIENT_PYTHON")
if not python:
    print("TTT_CLIENT_PYTHON is not set")
    sys.exit(77)
sys.exit(subprocess.run([python, "-m", "unittest", "discover", "-s", HERE, "-p", "*_test.py"],
                        env={**os.environ, "PYTHONPATH": str(HERE.parent)}, check=False).returncode)
