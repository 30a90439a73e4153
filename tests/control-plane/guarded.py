"""Processes that cannot outlive whoever started them.

A process started through `Guarded` runs in a process group of its own, behind a small guard (this file, run as a program). The guard holds the
reading end of a pipe whose only writing end is in the starter. However the starter ends, by returning, by a signal or by `kill -9`, the kernel closes
that end; the guard sees the end of the file and ends the whole group. Nothing depends on the starter's own cleaning up, nor on which of its threads
started the process.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# How long a group may take to vanish after SIGKILL: only a process stuck in the kernel needs longer, and nobody can help that one.
KILL_PATIENCE = 5.0


class Guarded:
    """A running command whose process group ends when `stop` is called, when the command itself ends, or when this process does."""

    def __init__(self, command, *, grace: float = 0.0, remove: Path | None = None, **popen):
        """Starts `command` with empty standard input.

        `grace` is the number of seconds between SIGTERM and SIGKILL. `remove` is a folder to delete once the group has ended: the guard
        does it, so it is done even if this process was killed. `popen` goes to `subprocess.Popen` (stdout, stderr, env, cwd).
        """
        options = [f"--grace={grace}"] + ([f"--remove={remove}"] if remove else [])
        # A session of its own keeps a terminal's ctrl-C away from the guard, which would otherwise die before what it guards.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.abspath(__file__), *options, "--", *map(str, command)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            **popen,
        )

    @property
    def pid(self) -> int:
        """The guard's process id; the command is its only child."""
        return self._guard.pid

    @property
    def output(self):
        """The command's standard output, if it was asked for with `stdout=subprocess.PIPE`."""
        return self._guard.stdout

    def poll(self) -> int | None:
        """The exit code, 128 + n for a death by signal n, or None while the command runs."""
        return self._guard.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end of the command and of its group; the exit code is as `poll` tells it."""
        return self._guard.wait(timeout)

    def stop(self) -> int:
        """Ends the group and waits until it is gone."""
        self._guard.stdin.close()
        return self._guard.wait()

    def __enter__(self) -> Guarded:
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Interrupted(SystemExit):
    """A signal asked this process to end. Unwinds every `with` on the way out; the exit code is the shell's 128 + n."""


def end_on_signals() -> None:
    """Turns the first SIGINT, SIGTERM or SIGHUP into `Interrupted` and ignores those that follow, so that the cleaning up is not interrupted."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number, _frame):
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(128 + number)

    for each in signals:
        signal.signal(each, interrupt)


def _end_group(group: int, grace: float) -> None:
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, KILL_PATIENCE)):
        deadline = time.monotonic() + patience
        try:
            os.killpg(group, number)
            while time.monotonic() < deadline:
                time.sleep(0.01)
                os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            # No such group. PermissionError is macOS's answer for a group of which only a zombie is left.
            return


def _guard(command: list[str], grace: float, remove: str | None) -> int:
    # An ignored signal would stay ignored in the command, and SIGTERM is how it is asked to end.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]} could not be started: {error.strerror}.", file=sys.stderr)
        return 127

    def end(*_) -> None:
        # On a thread, because the main thread must go on reaping the child: an unreaped child keeps its group alive.
        threading.Thread(target=_end_group, args=(child.pid, grace), daemon=True).start()

    def watch() -> None:
        while os.read(0, 1024):
            pass
        end()

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    _end_group(child.pid, grace)
    if remove:
        shutil.rmtree(remove, ignore_errors=True)
    return 128 - code if code < 0 else code


def _main(arguments: list[str]) -> int:
    split = arguments.index("--")
    options = dict(option.split("=", 1) for option in arguments[:split])
    return _guard(arguments[split + 1 :], float(options["--grace"]), options.get("--remove"))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
