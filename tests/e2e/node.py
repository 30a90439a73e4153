"""A whole cluster of one node, in the namespaces of `namespaces.py`: the control plane of the other tests, and what runs Pods.

Kubelet, kube-proxy and scheduler are Kubernetes' own; containerd, runc, the CNI plugins and dnsmasq are the machine's. Nothing can leave: names and
images are those that the cluster is given.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import NODE as PROGRAMS  # noqa: E402
from control_plane import START_PATIENCE, ControlPlane, ServerFailed  # noqa: E402
from namespaces import CGROUP, NODE, NODE_ADDRESS, SERVICES, cgroup_version  # noqa: E402

# What a Pod's own processes are children of.
PAUSE = "localhost/pause:1"
PODS = "10.88.0.0/24"
DOMAIN = "cluster.local"
# Where Debian's package puts them.
CNI_PLUGINS = Path("/usr/lib/cni")
_CONTAINERD = "/run/containerd/containerd.sock"
_NODE_USER = f"system:node:{NODE}"


class Node(ControlPlane):
    """A control plane with a node on which Pods run."""

    address = NODE_ADDRESS
    _users = {**ControlPlane._users, "system:kube-scheduler": "", "system:kube-proxy": "", _NODE_USER: "system:nodes"}
    _controllers = ("--controllers=*",)

    def __init__(self, state: Path, images: list[Path]):
        """`state` is a folder that somebody removes when the namespaces are gone: before that its mounts are in use. `images` are archives."""
        super().__init__(*PROGRAMS)
        self._programs.update({name: Path(shutil.which(name)) for name in ("containerd", "ctr", "dnsmasq")})
        self._state = state
        self._images = images

    @property
    def _api_server(self) -> tuple[str, ...]:
        return (
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={SERVICES}",
            f"--kubelet-client-certificate={self._state / 'kubelet-client.crt'}",
            f"--kubelet-client-key={self._state / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
        )

    def name(self, service: str, namespace: str) -> None:
        """Lets Pods find a Service by its name."""
        address = json.loads(self._kubectl("get", "service", service, f"--namespace={namespace}", "--output=json"))["spec"]["clusterIP"]
        self._run(
            self._stack,
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            f"--listen-address={NODE_ADDRESS}",
            "--bind-interfaces",
            # Other names of the cluster don't exist. Without this they were refused, and whoever asked would not try the next domain of its list.
            f"--local=/{DOMAIN}/",
            f"--host-record={service}.{namespace}.svc.{DOMAIN},{address}",
            "--log-facility=-",
            "--log-queries",
        )

    def process(self, pod: dict) -> int:
        """The process id of the Pod's one container."""
        (container,) = pod["status"]["containerStatuses"]
        name = container["containerID"].split("//")[1]
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and name in (folder / "cgroup").read_text():
                    return int(folder.name)
        raise ServerFailed(f"The container of {pod['metadata']['name']} has no process.")

    def _start(self, stack: contextlib.ExitStack) -> None:
        # The API server shows it to the kubelet, when somebody wants logs or a port of a Pod.
        key, certificate = (self._state / f"kubelet-client.{kind}" for kind in ("key", "crt"))
        self._tool(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/O=system:masters/CN=kube-apiserver", "-addext", "extendedKeyUsage=clientAuth"),
            *("-keyout", key, "-out", certificate),
        )
        super()._start(stack)
        (self._folder / "cni").mkdir()
        self._write("cni/10-bridge.conflist", json.dumps(self._network()))
        self._run(stack, "containerd", f"--config={self._write('containerd.toml', self._containerd())}")
        self._run(
            stack,
            "kube-scheduler",
            f"--kubeconfig={self._kubeconfigs['system:kube-scheduler']}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        self._until("containerd", lambda: self._tool("ctr", f"--address={_CONTAINERD}", "version"))
        for image in self._images:
            self._tool("ctr", f"--address={_CONTAINERD}", "--namespace=k8s.io", "images", "import", image)
        self._run(
            stack,
            "kubelet",
            f"--config={self._write('kubelet.json', json.dumps(self._kubelet(certificate)))}",
            f"--kubeconfig={self._kubeconfigs[_NODE_USER]}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={self._state / 'kubelet'}",
            f"--cert-dir={self._state / 'kubelet-certificates'}",
        )
        self._run(stack, "kube-proxy", f"--config={self._write('kube-proxy.json', json.dumps(self._proxy()))}")
        self._until("kubelet", lambda: self._kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=5s"))

    def _until(self, program: str, act) -> None:
        """Tries until it works."""
        deadline = time.monotonic() + START_PATIENCE
        while True:
            self.check()
            try:
                return act()
            except ServerFailed as failure:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"{program} was not ready after {START_PATIENCE:.0f} s; its log is {self._log(program)}. {failure}") from None
            time.sleep(0.1)

    def _kubectl(self, *arguments) -> str:
        return self._tool(self.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments)

    def _tool(self, *command) -> str:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise ServerFailed(f"{' '.join(map(str, command))} failed: {done.stderr or done.stdout}")
        return done.stdout

    def _containerd(self) -> str:
        return f"""\
version = 2
root = "{self._state / 'containerd'}"
state = "/run/containerd"
[grpc]
  address = "{_CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE, as in many a container, no process may be made less likely to be killed than its parent.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{self._folder / 'cni'}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""

    def _kubelet(self, client: Path) -> dict:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{os.environ[CGROUP]}",
            "containerRuntimeEndpoint": f"unix://{_CONTAINERD}",
            "failSwapOn": False,
            "podLogsDir": str(self._folder / "logs" / "pods"),
            "resolvConf": "",
            "clusterDNS": [NODE_ADDRESS],
            "clusterDomain": DOMAIN,
            # The one certificate is its own authority.
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": {"clientCAFile": str(client)}},
            "authorization": {"mode": "Webhook"},
            "readOnlyPort": 0,
            # The machine's disk is not the node's own: what others fill up is no reason to remove images or to evict Pods.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        }

    def _proxy(self) -> dict:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {"kubeconfig": str(self._kubeconfigs["system:kube-proxy"])},
            "clusterCIDR": PODS,
            "hostnameOverride": NODE,
            # These would be set for the whole machine.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }

    def _network(self) -> dict:
        ranges = [[{"subnet": PODS}]]
        ipam = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/run/cni"}
        return {
            "cniVersion": "1.0.0",
            "name": "pods",
            # A Pod reaches itself through its Service, too.
            "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam}],
        }
