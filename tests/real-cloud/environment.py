"""Where the stories are told: in a real account, or in a simulated cloud. All that differs between the two is here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from alibabacloud_actiontrail20200706.client import Client as TrailClient
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_ess20220222.client import Client as EssClient
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.models import Config
from cloud import Failed, Interrupted

CLIENTS = {"ecs": EcsClient, "ess": EssClient, "actiontrail": TrailClient, "sts": StsClient}
TIMES = {"connect_timeout": 10_000, "read_timeout": 60_000, "user_agent": "ecs-keeper-real-cloud"}

# Seconds between two looks at something that takes its time.
EVERY = 3

# What is on loopback is asked without a proxy.
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

SIMULATOR = Path(__file__).resolve().parents[2] / "crates" / "simulator" / "sdk-tests" / "simulator"


@dataclass(frozen=True)
class Offer:
    """What an instance of this run is, and what it costs."""

    instance_type: str
    image_id: str
    hourly: float | None = None
    """The price of an hour."""
    currency: str = ""
    parameters: dict = field(default_factory=dict)
    """Further parameters of RunInstances."""


class Watch:
    """Whether somebody asked this run to end. A signal never breaks a call off: it is looked at between calls, so that the answer of a call
    that makes something is always heard."""

    def __init__(self):
        self._asked = threading.Event()
        self.deaf = False
        """Whether the wish is passed over, because what was made is being removed already."""

    def install(self) -> None:
        """Catches the signals that ask a program to end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, *_) -> None:
        self._asked.set()
        # Not by print, which may be at work at this moment.
        with suppress(OSError):
            os.write(2, b"\nEnding: this call is finished first, then everything that was made is removed.\n")

    def look(self) -> None:
        """Raises if this run is to end."""
        if self._asked.is_set() and not self.deaf:
            raise Interrupted("The run was interrupted.")

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        if self.deaf:
            time.sleep(seconds)
        else:
            self._asked.wait(seconds)
        self.look()


class Environment:
    """What both kinds have in common."""

    region: str
    zone: str
    account: str
    v_switch: str
    security_group: str
    offer: Offer

    # Seconds in which what was asked for has mostly happened.
    SETTLES = 5
    # So often, one after the other, nothing must be left at the end: what was made a moment ago may not be shown yet.
    LOOKS = 3

    def __init__(self, watch: Watch):
        self.watch = watch

    def client(self, product: str, region: str):
        """A client of the vendor's SDK with the credentials of this run."""
        raise NotImplementedError

    def stranger(self, **change):
        """A client for ECS with other credentials."""
        raise NotImplementedError

    def before_call(self) -> None:
        """Comes before each call."""
        self.watch.look()

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        raise NotImplementedError

    def wait_until(self, holds, patience: float, every: float = EVERY):
        """The first value of `holds` that is not false, or the last one when patience, in seconds, is at its end."""
        waited = 0.0
        while not (value := holds()) and waited < patience:
            self.wait(every)
            waited += every
        return value

    @property
    def elsewhere(self) -> str:
        """Another region."""
        return "cn-beijing" if self.region != "cn-beijing" else "cn-shanghai"


class RealCloud(Environment):
    """A region of a real account."""

    # Seconds between two calls: all that use the account share its limits.
    PACE = 0.4

    def __init__(self, watch: Watch, *, region: str, zone: str, v_switch: str, security_group: str):
        super().__init__(watch)
        self.region, self.zone, self.v_switch, self.security_group = region, zone, v_switch, security_group
        try:
            self._credential = CredentialClient()
            self._credential.get_credential()
        except Exception as error:  # Each source of the vendor's library has exceptions of its own.
            raise Failed(f"The vendor's library finds no credentials: {error}") from error
        self._last = 0.0

    def client(self, product, region):
        return CLIENTS[product](Config(credential=self._credential, region_id=region, **TIMES))

    def stranger(self, **change):
        key = self._credential.get_credential()
        own = {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret, "security_token": key.security_token}
        return EcsClient(Config(region_id=self.region, **TIMES, **{**own, **change}))

    def before_call(self):
        super().before_call()
        self.watch.sleep(max(0.0, self._last + self.PACE - time.monotonic()))
        self._last = time.monotonic()

    def wait(self, seconds):
        self.watch.sleep(seconds)


class Control:
    """The control port of a simulator."""

    def __init__(self, url: str):
        self.url = url

    def __call__(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data, headers={"content-type": "application/json"})
        try:
            with WITHOUT_PROXY.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise Failed(f"The simulator refuses {method} {path}: {error.read().decode()}") from error


@contextmanager
def simulator():
    """A simulator of its own, which ends with this process, however that ends. Its control port."""
    program = os.environ.get("SIMULATOR_BIN") or subprocess.run([SIMULATOR], stdout=subprocess.PIPE, text=True).stdout.strip()
    if not program:
        raise Failed("The simulator can't be built; why is said above.")
    # A session of its own keeps the terminal's Ctrl-C away from it.
    process = subprocess.Popen(
        [program, "--end-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        yield Control(json.loads(process.stdout.readline())["control"])


class SimulatedCloud(Environment):
    """An account of a simulator. Time passes there when somebody waits, and not by itself."""

    # So long, in seconds, everything takes that doesn't happen at once: it is done after one wait.
    TAKES = EVERY
    # A read shows everything at once.
    LOOKS = 1
    SETTINGS = {"bootSeconds": TAKES, "transitionMillis": TAKES * 1000, "scalingMillis": TAKES * 1000, "trailDelaySeconds": 600}

    def __init__(self, watch: Watch, control: Control, *, region: str, zone: str, account: dict | None = None):
        """`account` has the id and the key of an account that was made like this one; otherwise one is made."""
        super().__init__(watch)
        self.control, self.region, self.zone = control, region, zone
        self.v_switch, self.security_group = "vsw-of-the-test", "sg-of-the-test"
        self.offer = Offer("ecs.g7.large", "aliyun_3_x64")
        self._key = account or control("POST", "/accounts", {})
        self.account = self._key["accountId"]
        self._endpoint = control("GET", "/")["endpoint"].removeprefix("http://")
        self._ahead = 0
        self._settings = {**self.SETTINGS, "region": region}
        self._set()
        if account is None:
            self._name_network()

    def _name_network(self) -> None:
        """Makes the vSwitch known: a simulator knows those that something has been in."""
        network = {"regionId": self.region, "zoneId": self.zone, "vpcId": "vpc-of-the-test", "vSwitchId": self.v_switch}
        interfaces = f"/accounts/{self.account}/network-interfaces"
        (interface,) = self.control("POST", interfaces, [network])["networkInterfaceIds"]
        self.control("DELETE", f"{interfaces}/{interface}")

    def _config(self, **change) -> Config:
        key = {"access_key_id": self._key["accessKeyId"], "access_key_secret": self._key["accessKeySecret"]}
        settings = {"endpoint": self._endpoint, "protocol": "http", "region_id": self.region, "no_proxy": "127.0.0.1", **TIMES}
        return Config(**{**settings, **key, **change})

    def client(self, product, region):
        client = CLIENTS[product](self._config())
        return client if region == self.region else _Elsewhere(self, client, region)

    def stranger(self, **change):
        return EcsClient(self._config(**change))

    def wait(self, seconds):
        self.watch.look()
        # What is due in that time happens. Then the clock goes back, because a date that is a quarter of an hour off makes no valid
        # signature. A second stays, so that limits for a second end.
        self._set(clockOffsetSeconds=self._ahead + int(seconds) + 1)
        self._ahead += 1
        self._settings["trailDelaySeconds"] = max(0, self._settings["trailDelaySeconds"] - int(seconds))
        self._set()

    def settings(self, **change) -> None:
        """Changes settings of the simulator."""
        self._settings.update(change)
        self._set()

    def _set(self, **change) -> None:
        self.control("PUT", "/settings", {**self._settings, "clockOffsetSeconds": self._ahead, **change})


class _Elsewhere:
    """A client that asks the endpoint of another region."""

    def __init__(self, environment: SimulatedCloud, client, region: str):
        self._environment, self._client, self._region = environment, client, region

    def call_api(self, *arguments):
        self._environment.settings(region=self._region)
        try:
            return self._client.call_api(*arguments)
        finally:
            self._environment.settings(region=self._environment.region)
