"""The Python that has the vendor's SDK, at the versions that judge the simulator too."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stage import ROOT, Failed

PYTHON = ROOT / "crates" / "simulator" / "sdk-tests" / "python"


def python() -> Path:
    """Its path. The first time, the SDK is installed; progress goes to standard error."""
    command = [PYTHON, "-c", "import sys; print(sys.executable)"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        raise Failed("The Python with the vendor's SDK can't be made; why is said above.")
    return Path(answer.stdout.strip())
