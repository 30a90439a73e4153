"""Prepares the namespaces that `run` has made, and compares in them."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "crates" / "simulator" / "sdk-tests"))

import authority  # noqa: E402

METADATA_SERVICE = "100.100.100.200"
REGIONS = ("cn-hangzhou", "cn-beijing")
HOSTS = ("sts.aliyuncs.com", *(f"{name}.{region}.aliyuncs.com" for region in REGIONS for name in ("sts", "sts-vpc")))

# Of linux/sockios.h and linux/if.h: iproute2 would need to be installed.
_SET_FLAGS, _SET_ADDRESS, _SET_NETMASK, _UP = 0x8914, 0x8916, 0x891C, 0x1


def _prepare(folder: Path) -> None:
    """There is nothing but a loopback device, with the metadata service's address on it, and STS's names lead there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", b"lo", _UP))
        for what, address in ((_SET_ADDRESS, METADATA_SERVICE), (_SET_NETMASK, "255.255.255.255")):
            fcntl.ioctl(any_socket, what, struct.pack("16sHH4s16x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address)))
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {host}\n" for host in HOSTS))
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    authority.certify(HOSTS, folder)


if __name__ == "__main__":
    if os.readlink("/proc/self/ns/net") == os.environ["OUTSIDE"]:
        sys.exit("This changes the network, so it has to be in one of its own: use `run`.")
    _prepare(Path(os.environ["FOLDER"]))
    unittest.main(module="test_identities", verbosity=0)
