"""A command in namespaces of its own, with all that a node changes about a machine kept inside of them.

Mounts, network, processes, IPC and the host name are private; what outlives a namespace, the cgroups, is removed afterwards. The command is the child
of a process 1 that reaps what is left to it. When the command ends the kernel ends everything else in there, Pods included, and with the last process
the mounts and the network are gone. Whoever starts this does it through `Guarded`, so that it ends with him, however he ends.

    namespaces.py COMMAND…    to be started as root
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NODE = "node1"
NODE_ADDRESS = "10.77.0.2"
SERVICES = "10.96.0.0/16"

# The name of the node's cgroup, for what is started inside.
CGROUP = "ECS_KEEPER_E2E_CGROUP"
_PREFIX = "ecs-keeper-e2e-"
_CGROUPS = Path("/sys/fs/cgroup")

# The kubelet and the container runtime have their places in these, whatever else they are told: they find them empty, or as they are, and what they
# write there nobody else sees.
_EMPTY_FOLDERS = ("/run", "/var/log")
_COPIED_FOLDERS = ("/etc", "/opt", "/var/lib")
# The kubelet sets these for the whole machine, so it is given copies.
_PRIVATE_SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")

# Seconds for the last processes to leave their cgroups.
_PATIENCE = 10.0


def cgroup_version() -> int:
    return 2 if (_CGROUPS / "cgroup.controllers").exists() else 1


def _hierarchies() -> list[Path]:
    """Where the node's cgroup has to be: in version 1 once for each controller."""
    if cgroup_version() == 2:
        return [_CGROUPS]
    return [each for each in _CGROUPS.iterdir() if each.is_dir() and not each.is_symlink() and (each / "cgroup.procs").exists()]


def _hold(command: list[str]) -> int:
    """Starts it all, waits for its end and removes the cgroups."""
    # A handler that does nothing: the signal is meant for the command, which gets it as well, and an ignored one would stay ignored there.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    for leftover in (each for hierarchy in _hierarchies() for each in hierarchy.glob(f"{_PREFIX}*")):
        # Of a run that was killed together with its guard. One that is in use can't be removed.
        _remove(leftover)
    name = f"{_PREFIX}{os.getpid()}"
    code = 1
    try:
        for hierarchy in _hierarchies():
            _make(hierarchy / name)
        own = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
        code = subprocess.call(["unshare", *own, sys.executable, "-I", "-S", __file__, "--first", *command], env={**os.environ, CGROUP: name})
    finally:
        deadline = time.monotonic() + _PATIENCE
        while not all([_remove(hierarchy / name) for hierarchy in _hierarchies()]):
            if time.monotonic() > deadline:
                print(f"The cgroup {name} can't be removed: something still runs in it.", file=sys.stderr)
                return 1
            time.sleep(0.05)
    return code


def _make(cgroup: Path) -> None:
    cgroup.mkdir()
    for setting in ("cpuset.cpus", "cpuset.mems"):
        # In version 1 nothing can run in a cgroup before these are said.
        if (cgroup / setting).exists() and cgroup_version() == 1:
            (cgroup / setting).write_text((cgroup.parent / setting).read_text())


def _remove(cgroup: Path) -> bool:
    """Whether it is gone, with those below it."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True


def _first(command: list[str]) -> int:
    """Process 1."""
    # Unshared it is private; shared again, but only in here, mounts reach the containers that ask for it.
    _run("mount", "--make-rshared", "/")
    for folder in _EMPTY_FOLDERS:
        _run("mount", "--types=tmpfs", "tmpfs", folder)
    for folder in _COPIED_FOLDERS:
        upper, work = (Path("/run/copied", kind, folder[1:]) for kind in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        _run("mount", "--types=overlay", f"--options=lowerdir={folder},upperdir={upper},workdir={work}", "overlay", folder)
    for setting in _PRIVATE_SETTINGS:
        original = Path("/proc/sys", setting)
        copy = Path("/run/settings", setting)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
        _run("mount", "--bind", copy, original)
    socket.sethostname(NODE)
    _run("ip", "link", "set", "lo", "up")
    # There is no way out of here. The node's address is on the loopback device, and Services are reached from there.
    _run("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", "lo")
    _run("ip", "route", "add", SERVICES, "dev", "lo", "src", NODE_ADDRESS)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) % 256


def _run(*command) -> None:
    subprocess.run(list(map(str, command)), check=True)


if __name__ == "__main__":
    sys.exit(_first(sys.argv[2:]) if sys.argv[1] == "--first" else _hold(sys.argv[1:]))
