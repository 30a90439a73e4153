"""Calls of the cloud's operations through the vendor's SDK.

What may be sent is decided here: a call that writes names nothing but what this run has made, and what it makes bears the
mark of the run.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions
from operations import OPERATIONS, VERSIONS

MARK = "ecs-keeper-real-cloud"
"""Key of the tag, whose value is the run, and beginning of the name of a scaling group."""

# Parameters that name what a call is about.
NAMES = re.compile(r"(InstanceIds?|NetworkInterfaceId|ResourceId|ScalingGroupId|NetworkInterface\.\d+\.NetworkInterfaceId)(\.\d+)?")

# Operations that take something away. The mark of what they name is read right before.
REMOVALS = ("DeleteInstance", "DeleteInstances", "DeleteNetworkInterface", "DeleteScalingGroup", "RemoveInstances")

# Seconds to wait before a call that was throttled is repeated.
PAUSES = (1, 2, 4, 8, 16, 32)


class Failed(Exception):
    """The text is for people."""


class Forbidden(Failed):
    """A call that this run must not make. It was not sent."""


class Interrupted(Failed):
    """Somebody asked this run to end."""


class Lost(Failed):
    """There was no answer: whether the call had an effect is not known."""


class Refused(Failed):
    """The cloud has refused a call."""

    def __init__(self, action: str, error: AlibabaCloudException):
        self.action, self.status, self.code = action, error.status_code, error.code
        body = error.data if isinstance(error.data, dict) else {}
        self.message = str(body.get("Message") or "")
        self.body = body
        super().__init__(f"{action} was refused with {self.status} {self.code}: {self.message}")


@dataclass(frozen=True)
class Outcome:
    """What came of a call whose refusal is an answer, too."""

    text: str
    message: str = ""
    body: dict = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.text == ACCEPTED

    def __str__(self) -> str:
        return self.text


ACCEPTED = "accepted"


def mark_of(item: dict) -> str | None:
    """The run that an instance or a network interface is of."""
    return next((tag["TagValue"] for tag in (item.get("Tags") or {}).get("Tag", []) if tag["TagKey"] == MARK), None)


def name_mark(group: dict) -> str | None:
    """The run that a scaling group is of."""
    name = group.get("ScalingGroupName") or ""
    return name[len(MARK) + 1 :] if name.startswith(f"{MARK}-") else None


class Cloud:
    """The operations, for one run."""

    def __init__(self, environment, run: str | None):
        """`run` is the run's name; without one, all runs are meant, and nothing can be made."""
        self.environment = environment
        self.run = run
        self.made: set[str] = set()
        """Ids of what this run has made."""
        self._clients: dict[tuple[str, str], object] = {}

    @property
    def tags(self) -> list[dict]:
        """The tag that everything bears which this run makes."""
        return [{"Key": MARK, "Value": self.run}]

    @property
    def name(self) -> str:
        """The name of what has a name instead of tags."""
        return f"{MARK}-{self.run}"

    def call(self, action: str, *, region: str | None = None, **parameters) -> dict:
        """The answer. `region` is whose endpoint is asked, if it is not that of this run."""
        query = {name: _text(value) for name, value in Utils.query(_spelled(parameters)).items()}
        self._allow(action, query)
        if action in REMOVALS:
            self._look_at_marks(action, query)
        for pause in (*PAUSES, None):
            self.environment.before_call()
            try:
                return self._send(action, region or self.environment.region, query)
            except Refused as error:
                # Only what was certainly not carried out is repeated.
                if pause is None or not (error.code.startswith("Throttling") or error.code == "ServiceUnavailable"):
                    raise
            except Lost:
                if pause is None or (OPERATIONS[action].writes and "ClientToken" not in query):
                    raise
            self.environment.wait(pause)
        raise AssertionError("the last repetition has no pause")

    def attempt(self, action: str, **parameters) -> Outcome:
        """What comes of a call that may be refused."""
        try:
            return Outcome(ACCEPTED, body=self.call(action, **parameters))
        except Refused as error:
            return Outcome(f"{error.status} {error.code}", error.message, error.body)

    def _allow(self, action: str, query: dict[str, str]) -> None:
        operation = OPERATIONS.get(action)
        if operation is None:
            raise Forbidden(f"{action} is not among the operations of this test.")
        if not operation.writes:
            return
        strangers = {value for name, value in query.items() if NAMES.fullmatch(name)} - self.made
        if strangers:
            raise Forbidden(f"{action} names {', '.join(sorted(strangers))}, which this run has not made.")
        if action in ("RunInstances", "CreateNetworkInterface", "TagResources"):
            marked = query.get("Tag.1.Key") == MARK and query.get("Tag.1.Value") == self.run
        elif action == "CreateScalingGroup":
            marked = query.get("ScalingGroupName") == self.name
        else:
            return
        if not marked or self.run is None:
            raise Forbidden(f"{action} would make something without the mark of this run.")

    def is_ours(self, mark: str | None) -> bool:
        """Whether this is the mark of this run, or of any if this one has no name."""
        return mark is not None and (self.run is None or mark == self.run)

    def scaling_groups(self) -> list[dict]:
        """All scaling groups of the region. A question for some of them leaves out those that are switched off."""
        found, number = [], 1
        while True:
            page = self.call("DescribeScalingGroups", RegionId=self.environment.region, PageNumber=number, PageSize=50)["ScalingGroups"]
            found += page
            if len(page) < 50:
                return found
            number += 1

    def _look_at_marks(self, action: str, query: dict[str, str]) -> None:
        """Whatever is known of what a call takes away: it has to bear the mark at this moment. What is not there can't be taken away."""
        region = {"RegionId": self.environment.region}
        named = {value for name, value in query.items() if NAMES.fullmatch(name)}
        if action == "DeleteScalingGroup":
            marks = {group["ScalingGroupId"]: name_mark(group) for group in self.scaling_groups() if group["ScalingGroupId"] in named}
        elif action == "DeleteNetworkInterface":
            found = self.call("DescribeNetworkInterfaces", **region, NetworkInterfaceId=sorted(named), MaxResults=100)
            marks = {item["NetworkInterfaceId"]: mark_of(item) for item in found["NetworkInterfaceSets"]["NetworkInterfaceSet"]}
        else:
            ids = sorted(named - {query.get("ScalingGroupId")})
            found = self.call("DescribeInstances", **region, InstanceIds=json.dumps(ids), MaxResults=100)
            marks = {item["InstanceId"]: mark_of(item) for item in found["Instances"]["Instance"]}
        strangers = {item for item, mark in marks.items() if not self.is_ours(mark)}
        if strangers:
            raise Forbidden(f"{action} names {', '.join(sorted(strangers))}, which does not bear the mark of this run any more.")

    def _send(self, action: str, region: str, query: dict[str, str]) -> dict:
        product = OPERATIONS[action].product
        key = (product, region)
        if key not in self._clients:
            self._clients[key] = self.environment.client(product, region)
        return send(self._clients[key], action, query)


def send(client, action: str, query: dict[str, str]) -> dict:
    """One call through a client of the vendor's SDK, which repeats nothing."""
    shape = Params(
        action=action,
        version=VERSIONS[OPERATIONS[action].product],
        protocol="HTTPS",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    try:
        return client.call_api(shape, OpenApiRequest(query=query), RuntimeOptions(autoretry=False))["body"]
    except AlibabaCloudException as error:
        if error.status_code is None:
            raise Failed(f"The vendor's SDK can't send {action}: {error.message}") from error
        raise Refused(action, error) from error
    except Exception as error:  # The SDK lets the exceptions of its HTTP library through, of whatever kind.
        raise Lost(f"{action} got no answer: {type(error).__name__}: {error}") from error


def _spelled(parameters: dict) -> dict:
    """An underscore in the name of an argument is a dot in the name of the parameter."""
    return {name.replace("_", "."): value for name, value in parameters.items() if value is not None}


def _text(value) -> str:
    """Python's `True` is not how the cloud's pages spell it."""
    return str(value).lower() if isinstance(value, bool) or value in ("True", "False") else str(value)
