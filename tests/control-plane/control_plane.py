"""A real Kubernetes control plane for the time of a `with`: etcd, kube-apiserver and kube-controller-manager on loopback.

    with ControlPlane() as plane:
        subprocess.run([plane.kubectl, "get", "namespaces"], env=plane.environment(), check=True)

RBAC is on, every request is in the audit log, and of the controllers those run without which namespaces would never go, service accounts never come,
owned objects never be collected, aggregated roles stay empty and policies go unchecked. There are no nodes and no scheduler: no Pod runs here. Any number of control planes can run beside each other.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import secrets
import shlex
import shutil
import socket
import ssl
import sys
import tempfile
import time
from pathlib import Path

import binaries
from guarded import Guarded, Interrupted

# Seconds until start-up counts as failed. It takes two on an idle machine; a build on all cores beside it makes that many more.
START_PATIENCE = 120.0

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
# One record for each request, and a first one for each watch when it begins.
omitStages: [RequestReceived]
rules:
- level: Metadata
"""

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: control-plane
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {user}
  user:
    token: {token}
contexts:
- name: control-plane
  context:
    cluster: control-plane
    user: {user}
current-context: control-plane
"""

# Those of the controllers without which objects would never come or go, and roles and policies would not be what they are elsewhere.
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "validatingadmissionpolicy-status-controller",
)

# The order of P-256. From SEC 2, version 2.0, section 2.4.2.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class ServerFailed(Exception):
    """A server did not come up, or did not stay; the text names it and its log."""


class ControlPlane:
    """Starts on entering, ends with everything it started on leaving, and when this process ends in any other way."""

    server: str
    """The API server's URL."""
    etcd: str
    """etcd's URL, for a second API server with an `--etcd-prefix` of its own."""
    kubeconfig: Path
    """The administrator's kubeconfig."""
    kubectl: Path
    """A kubectl of the server's version."""
    helm: Path
    """Helm, to install the chart with."""
    audit_log: Path
    """One JSON record a line."""

    address = "127.0.0.1"
    """Where the servers listen."""

    # Who has a token, and the groups of each.
    _users = {"admin": "system:masters", "system:kube-controller-manager": "system:masters"}
    # What more the API server and the controllers are told.
    _api_server = (
        "--authorization-mode=RBAC",
        # A loopback address is not accepted as an endpoint of the `kubernetes` Service, and nothing here looks for one.
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
    )
    _controllers = (
        f"--controllers={','.join(CONTROLLERS)}",
        # Each may do what its own role says, as in clusters of kubeadm. Otherwise all of them could do everything here.
        "--use-service-account-credentials=true",
    )

    def __init__(self, *programs: str, controllers: bool = True) -> None:
        """`programs` are needed beside those of the control plane. Without controllers, kube-controller-manager is neither needed nor started."""
        self._programs = binaries.ensure(*(binaries.CONTROL_PLANE if controllers else binaries.API_SERVER), *programs)
        self.kubectl = self._programs["kubectl"]
        self.helm = self._programs["helm"]
        self._keep_logs = False

    def __enter__(self) -> ControlPlane:
        with contextlib.ExitStack() as stack:
            self._folder = Path(tempfile.mkdtemp(prefix="ecs-keeper-control-plane-"))
            stack.push(self._clean_up)
            self._processes: dict[str, Guarded] = {}
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised) -> None:
        self._stack.__exit__(*raised)

    def environment(self) -> dict[str, str]:
        """This process's environment plus what the tests read. KUBECONFIG is set as well, and what is set for Helm is not passed on, so that neither a
        stray kubectl nor a stray Helm can reach a cluster of the user's."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("HELM_")},
            "KUBECONFIG": str(self.kubeconfig),
            # Helm keeps what it pulls.
            "HELM_CACHE_HOME": str(self._folder / "helm"),
            "KEEPER_TEST_KUBECONFIG": str(self.kubeconfig),
            "KEEPER_TEST_KUBECTL": str(self.kubectl),
            "KEEPER_TEST_HELM": str(self.helm),
            "KEEPER_TEST_AUDIT_LOG": str(self.audit_log),
        }

    def check(self) -> None:
        """Raises if one of the processes has ended."""
        for name, process in self._processes.items():
            if (code := process.poll()) is not None:
                raise ServerFailed(f"{name} ended by itself with {code}; its log is {self._log(name)}.")

    def keep_logs(self) -> None:
        """Keeps the logs although no exception passed through the `with`."""
        self._keep_logs = True

    def _start(self, stack: contextlib.ExitStack) -> None:
        for name in ("data", "certificates", "logs"):
            (self._folder / name).mkdir()
        certificates = self._folder / "certificates"
        self.audit_log = self._folder / "logs" / "audit.jsonl"
        etcd_port, peer_port, server_port = (stack.enter_context(_reserved_port(self.address)) for _ in range(3))
        self.etcd = f"http://{self.address}:{etcd_port}"
        self.server = f"https://{self.address}:{server_port}"
        peer = f"http://{self.address}:{peer_port}"
        tokens = {user: secrets.token_urlsafe(32) for user in self._users}
        lines = (f'{tokens[user]},{user},{user},"{groups}"\n' for user, groups in self._users.items())
        token_file = self._write("certificates/tokens.csv", "".join(lines))
        service_account_key = self._write("certificates/service-accounts.key", _private_key())
        certificate = certificates / "apiserver.crt"

        self._run(
            stack,
            "etcd",
            "--name=default",
            f"--data-dir={self._folder / 'data'}",
            f"--listen-client-urls={self.etcd}",
            f"--advertise-client-urls={self.etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--socket-reuse-port",
            # The data need not outlive the process.
            "--unsafe-no-fsync",
            remove=self._folder / "data",
        )
        self._run(
            stack,
            "kube-apiserver",
            f"--etcd-servers={self.etcd}",
            f"--cert-dir={certificates}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={server_port}",
            "--permit-port-sharing",
            f"--token-auth-file={token_file}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={service_account_key}",
            f"--service-account-signing-key-file={service_account_key}",
            *self._api_server,
            f"--audit-policy-file={self._write('audit-policy.yaml', AUDIT_POLICY)}",
            f"--audit-log-path={self.audit_log}",
            # Never rotated: a test that reads it wants all of it.
            "--audit-log-maxsize=0",
        )
        self._wait_for(certificate, tokens["admin"], "kube-apiserver", "/readyz")

        # The certificate comes with the one that signed it, made by the server for itself, so the file is its own authority.
        authority = base64.b64encode(certificate.read_bytes()).decode()
        self._kubeconfigs = {
            user: self._write(f"{user.rsplit(':')[-1]}.kubeconfig", KUBECONFIG.format(server=self.server, authority=authority, user=user, token=token))
            for user, token in tokens.items()
        }
        self.kubeconfig = self._kubeconfigs["admin"]
        if "kube-controller-manager" not in self._programs:
            return
        self._run(
            stack,
            "kube-controller-manager",
            f"--kubeconfig={self._kubeconfigs['system:kube-controller-manager']}",
            *self._controllers,
            "--leader-elect=false",
            # Without health and metrics no port is needed.
            "--secure-port=0",
            f"--service-account-private-key-file={service_account_key}",
            f"--root-ca-file={certificate}",
        )
        for made_by_a_controller in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            self._wait_for(certificate, tokens["admin"], "kube-controller-manager", f"/api/v1/namespaces/default/{made_by_a_controller}")

    def _run(self, stack: contextlib.ExitStack, program: str, *arguments: str, **options) -> None:
        command = [self._programs[program], *arguments]
        with open(self._log(program), "wb") as log:
            log.write(f"{shlex.join(map(str, command))}\n".encode())
            log.flush()
            # No grace: nothing that these processes hold is worth a clean end, and an API server takes its time for one.
            process = Guarded(command, cwd=self._folder, stdout=log, stderr=log, **options)
        self._processes[program] = stack.enter_context(process)

    def _wait_for(self, certificate: Path, token: str, program: str, path: str) -> None:
        deadline = time.monotonic() + START_PATIENCE
        answer = "no answer"
        while time.monotonic() < deadline:
            self.check()
            try:
                answer = self._get(certificate, token, path)
                if answer == 200:
                    return
            except (OSError, http.client.HTTPException) as error:
                answer = str(error)
            time.sleep(0.05)
        raise ServerFailed(f"{program} was not ready after {START_PATIENCE:.0f} s ({path}: {answer}); its log is {self._log(program)}.")

    def _get(self, certificate: Path, token: str, path: str) -> int:
        # Not urllib: it would send this to a proxy that the environment names.
        context = ssl.create_default_context(cafile=str(certificate))
        host, port = self.server[len("https://") :].split(":")
        with contextlib.closing(http.client.HTTPSConnection(host, int(port), context=context, timeout=5)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path

    def _log(self, program: str) -> Path:
        return self._folder / "logs" / f"{program}.log"

    def _clean_up(self, _type, raised, _traceback) -> None:
        failed = self._keep_logs or (raised is not None and not isinstance(raised, (Interrupted, KeyboardInterrupt)))
        if not failed:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for path in self._folder.iterdir():
            if path.is_dir() and path.name != "logs":
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink()
        print(f"The control plane's logs are in {self._folder / 'logs'}.", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _reserved_port(address: str):
    """A free port that nobody else is given while this lasts.

    The socket stays bound without listening, and the server binds the same port with SO_REUSEPORT. To look for a free port and to close it again
    would leave a moment in which another run finds the same.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind((address, 0))
        yield reservation.getsockname()[1]


def _private_key() -> str:
    """A P-256 private key as PEM (RFC 5915, without the optional public key, which its reader computes).

    Python's standard library makes no keys, and this one shape is simple enough not to ask for openssl.
    """
    secret = (secrets.randbelow(P256_ORDER - 1) + 1).to_bytes(32, "big")
    der = bytes.fromhex("30310201010420") + secret + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END EC PRIVATE KEY-----\n"
