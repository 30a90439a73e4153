"""A registry for tests: crane's, which keeps everything in memory."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import contextmanager

from source import ROOT, Refused

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import ensure  # noqa: E402
from guarded import Guarded  # noqa: E402


@contextmanager
def registry(address: str = "127.0.0.1:0"):
    """An empty registry, for as long as the `with` lasts; the address at which it listens, with the port that it has."""
    command = [ensure("crane")["crane"], "registry", "serve", f"--address={address}"]
    with Guarded(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as serving:
        line = serving.output.readline().decode()
        found = re.search(r"serving on port (\d+)", line)
        if not found:
            raise Refused(f"The registry does not start: {line.strip() or 'crane has ended without a word'}.")
        # It tells every request, and must not wait for a reader.
        reader = threading.Thread(target=serving.output.read, daemon=True)
        reader.start()
        try:
            yield f"{address.rsplit(':', 1)[0]}:{found.group(1)}"
        finally:
            serving.stop()
            reader.join()
            serving.output.close()
