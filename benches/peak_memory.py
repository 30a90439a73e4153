"""Runs a command, and writes into a file how much memory it had at most, in bytes."""

import os
import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    peak, program, *words = sys.argv[1:]
    _, status = os.waitpid(os.posix_spawn(program, [program, *words], os.environ), 0)
    # Linux tells it in KiB.
    Path(peak).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
    sys.exit(os.waitstatus_to_exitcode(status))
