"""The simulated cloud that a row meets, and what else answers there."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import authority
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException
from issuer import Issuer
from row import NOBODY

ACCOUNT = "1000000000000001"
PROVIDER = f"acs:ram::{ACCOUNT}:oidc-provider/cluster"
# RAM users, each with a key.
USERS = ("variables", "profile", "other", "ini")
TEMPORARY = "the temporary key"

# Names of sessions that nobody chose.
_USUAL_SESSIONS = re.compile(r"/(credentials-(python|go)-\d+|ecs-keeper-config-check|i-simulator)$")
_EVERYTHING = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_STS = "sts.aliyuncs.com"


def role(name: str) -> str:
    """The ARN of a role."""
    return f"acs:ram::{ACCOUNT}:role/{name}"


def key(user: str) -> tuple[str, str]:
    """Id and secret of a user's key."""
    return f"LTAI5t{user.title()}", f"SecretOf{user.title()}"


TEMPORARY_KEY = ("STS.Temporary", "SecretOfTemporary", "TokenOfTemporary")


class Cloud:
    """A simulator of its own: STS over TLS, and the metadata service if there is one."""

    def __init__(self, simulator: str, folder: Path, issuer: Issuer, metadata: dict | None, refusals: dict[str, str]):
        faults = [{"operation": operation, "fault": {"kind": "error", "code": code}} for operation, code in refusals.items()]
        settings = {"role": role("node"), **(metadata or {})}
        seed = folder / "seed.json"
        seed.write_text(json.dumps({"accounts": [_account(issuer)], "faults": faults, "metadata": settings}))
        command = [simulator, "--end-with-stdin", "--seed", seed, "--listen-tls=127.0.0.1:443"]
        command += ["--tls-certificate", folder / authority.CERTIFICATE, "--tls-key", folder / authority.KEY]
        command += ["--metadata=100.100.100.200:80"] if metadata is not None else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ready = json.loads(self._process.stdout.readline())
        self.words = {
            "TOKEN": issuer.token(),
            "EXPIRED_TOKEN": issuer.token(seconds=-60),
            "OTHER_SUBJECT": issuer.token(subject="system:serviceaccount:other:other"),
            "OTHER_AUDIENCE": issuer.token(aud=["kubernetes"]),
        }

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def who(self, credentials: dict[str, str]) -> str:
        """Whose a key is, asked of STS by the vendor's SDK."""
        config = Config(
            access_key_id=credentials["accessKeyId"],
            access_key_secret=credentials["accessKeySecret"],
            security_token=credentials["securityToken"],
            endpoint=self._ready["endpoint"].removeprefix("http://"),
            protocol="http",
        )
        try:
            return name(StsClient(config).get_caller_identity().body.arn)
        except DaraException:
            # A key that STS refuses is nobody's.
            return NOBODY

    def asked(self) -> str:
        """Where sessions were asked for since the last time, unless that is the usual place."""
        entries = self._control("GET", "/log")["entries"]
        self._control("DELETE", "/log")
        hosts = {entry["host"] for entry in entries if entry["action"].startswith("AssumeRole")} - {_STS}
        return " and ".join(sorted(hosts))

    def _control(self, method: str, path: str):
        request = urllib.request.Request(self._ready["control"] + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


def name(arn: str) -> str:
    """What the table calls an identity: `user/…`, or `role/…`, followed by the session's name if somebody chose one."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if rest == "ecs-keeper/session":
        return TEMPORARY
    return f"{'role' if kind == 'assumed-role' else kind}/{_USUAL_SESSIONS.sub('', rest)}"


def _account(issuer: Issuer) -> dict:
    keys = [{"accessKeyId": key(user)[0], "accessKeySecret": key(user)[1], "holder": {"user": user}} for user in USERS]
    temporary = dict(zip(("accessKeyId", "accessKeySecret", "securityToken"), TEMPORARY_KEY))
    of_pod = {"StringEquals": {"oidc:sub": "system:serviceaccount:keeper:keeper"}}
    roles = [
        _role("node", {"Service": "ecs.aliyuncs.com"}),
        _role("pod", {"Federated": PROVIDER}, of_pod),
        _role("assumed", {"RAM": f"acs:ram::{ACCOUNT}:root"}),
        _role("closed", {"RAM": f"acs:ram::{ACCOUNT}:root"}, {"StringEquals": {"sts:ExternalId": "secret-handshake"}}),
    ]
    provider = {"providerName": "cluster", "issuer": issuer.url, "clientIds": ["sts.aliyuncs.com"], "jwks": issuer.jwks()}
    return {"accountId": ACCOUNT, "accessKeys": [*keys, temporary], "roles": roles, "oidcProviders": [provider]}


def _role(role_name: str, principal: dict, condition: dict | None = None) -> dict:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    if condition:
        statement["Condition"] = condition
    return {"roleName": role_name, "trustPolicy": {"Version": "1", "Statement": [statement]}, "policies": [_EVERYTHING]}


class Bystander:
    """A server of HTTP on the loopback device: a credentials URI, and a proxy that counts what it is asked for and gives nothing."""

    URI = "http://127.0.0.1:8001"
    PROXY = "http://127.0.0.1:3128"

    def __init__(self):
        self._proxied = 0
        answer = dict(zip(("AccessKeyId", "AccessKeySecret", "SecurityToken"), TEMPORARY_KEY), Expiration="2099-01-01T00:00:00Z")
        answers = {"/key": {"Code": "Success", **answer}, "/no-code": answer, "/failed": {"Code": "Failed"}}
        bystander = self

        class Uri(_Quiet):
            def do_GET(self):
                self.answer(200, answers.get(self.path, {}))

        class Proxy(_Quiet):
            def refuse(self):
                bystander._proxied += 1
                self.answer(502, {})

            do_GET = do_PUT = do_POST = do_CONNECT = refuse

        for port, handler in ((8001, Uri), (3128, Proxy)):
            server = ThreadingHTTPServer(("127.0.0.1", port), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def was_proxy(self) -> bool:
        """Whether anything went through the proxy since the last time."""
        before, self._proxied = self._proxied, 0
        return before > 0


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_) -> None:
        pass
