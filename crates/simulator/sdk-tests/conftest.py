"""One simulator for all tests; each test has an account of its own in it."""

import datetime
import ipaddress
import json
import os
import subprocess
import time
import urllib.request
from types import SimpleNamespace

import pytest
from alibabacloud_actiontrail20200706 import models as trail_models
from alibabacloud_actiontrail20200706.client import Client as TrailClient
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_ess20220222 import models as ess_models
from alibabacloud_ess20220222.client import Client as EssClient
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.models import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from darabonba.exceptions import DaraException
from issuer import Issuer

REGION = "cn-hangzhou"


class Control:
    """The simulator's control port."""

    def __init__(self, url):
        self.url = url

    def __call__(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


class Account:
    """An account: SDK clients to act with, and the control port to prepare and look."""

    def __init__(self, endpoint, control):
        made = control("POST", "/accounts", {})
        self.id = made["accountId"]
        self.key_id = made["accessKeyId"]
        self.secret = made["accessKeySecret"]
        self.endpoint = endpoint
        self.control = control
        self.ecs = self.client(EcsClient)
        self.ess = self.client(EssClient)
        self.sts = self.client(StsClient)
        self.trail = self.client(TrailClient)

    def client(self, kind, **changes):
        settings = {
            "access_key_id": self.key_id,
            "access_key_secret": self.secret,
            "endpoint": self.endpoint,
            "protocol": "http",
            "region_id": REGION,
            "read_timeout": 10_000,
            **changes,
        }
        return kind(Config(**settings))

    def seed(self, **seed):
        """Makes instances; answers their ids."""
        return self.control("POST", f"/accounts/{self.id}/instances", [seed])["instanceIds"]

    def seed_interfaces(self, **seed):
        """Makes network interfaces, free or of an instance; answers their ids."""
        path = f"/accounts/{self.id}/network-interfaces"
        return self.control("POST", path, [seed])["networkInterfaceIds"]

    def interface(self, interface_id):
        """The true state."""
        return self.control("GET", f"/accounts/{self.id}/network-interfaces/{interface_id}")

    def interface_ids_of(self, instance_id):
        """Ids of an instance's interfaces, the primary one first."""
        return self.instance(instance_id)["networkInterfaceIds"]

    def change_interface(self, interface_id, **change):
        return self.control("PATCH", f"/accounts/{self.id}/network-interfaces/{interface_id}", change)

    def unbound_eips(self):
        """Public addresses of the EIPs whose interface is gone."""
        eips = self.control("GET", f"/accounts/{self.id}/unbound-eips")["eips"]
        return [eip["publicIpAddress"] for eip in eips]

    def instance(self, instance_id):
        """The true state."""
        return self.control("GET", f"/accounts/{self.id}/instances/{instance_id}")

    def change(self, instance_id, **change):
        """What somebody does in the console."""
        return self.control("PATCH", f"/accounts/{self.id}/instances/{instance_id}", change)

    def release(self, instance_id, reason):
        return self.control("POST", f"/accounts/{self.id}/instances/{instance_id}/release", {"reason": reason})

    def seed_group(self, *members, **group):
        """Makes a scaling group with members; answers its id."""
        group = {"members": list(members), **group}
        return self.control("POST", f"/accounts/{self.id}/scaling-groups", [group])["scalingGroupIds"][0]

    def group(self, group_id):
        """The true state of a scaling group, with its members."""
        return self.control("GET", f"/accounts/{self.id}/scaling-groups/{group_id}")

    def change_member(self, instance_id, **change):
        return self.control("PATCH", f"/accounts/{self.id}/scaling-members/{instance_id}", change)

    def scale_in(self, group_id, count):
        """What a scaling rule does; answers who goes."""
        path = f"/accounts/{self.id}/scaling-groups/{group_id}/scale-in"
        return self.control("POST", path, {"count": count})["instanceIds"]

    def check_health(self, group_id):
        """Answers which members the health check removes."""
        path = f"/accounts/{self.id}/scaling-groups/{group_id}/check-health"
        return self.control("POST", path)["instanceIds"]

    def role(self, name, principal, condition=None, policies=(), **role):
        """Adds or changes a role; answers its ARN."""
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        if condition is not None:
            statement["Condition"] = condition
        trust = {"Version": "1", "Statement": [statement]}
        role = {"roleName": name, "trustPolicy": trust, "policies": list(policies), **role}
        return self.control("POST", f"/accounts/{self.id}/roles", role)["arn"]

    def provider(self, name, issuer, **provider):
        """Registers an OIDC provider; answers its ARN."""
        provider = {
            "providerName": name,
            "issuer": issuer.url,
            "clientIds": ["sts.aliyuncs.com"],
            "jwks": issuer.jwks(),
            **provider,
        }
        return self.control("POST", f"/accounts/{self.id}/oidc-providers", provider)["arn"]

    def fault(self, operation, kind, times=None, instance_id=None, interface_id=None, **fault):
        rule = {"operation": operation, "account": self.id, "fault": {"kind": kind, **fault}}
        if times is not None:
            rule["times"] = times
        if instance_id is not None:
            rule["instanceId"] = instance_id
        if interface_id is not None:
            rule["networkInterfaceId"] = interface_id
        return self.control("POST", "/faults", rule)["id"]

    def log(self, action=None):
        suffix = f"&action={action}" if action else ""
        return self.control("GET", f"/log?account={self.id}{suffix}")["entries"]

    # The operations, each through the SDK as it is.

    def describe(self, **request):
        request.setdefault("region_id", REGION)
        return self.ecs.describe_instances(models.DescribeInstancesRequest(**request)).body

    def ids(self, **request):
        """Ids of one page."""
        return [item.instance_id for item in self.describe(**request).instances.instance]

    def pages(self, **request):
        """Pages up to the empty token."""
        token = ""
        while True:
            body = self.describe(next_token=token, **request)
            yield [item.instance_id for item in body.instances.instance]
            token = body.next_token
            if not token:
                return

    def only(self, instance_id):
        """The one instance with this id, as DescribeInstances shows it."""
        (item,) = self.describe(instance_ids=json.dumps([instance_id])).instances.instance
        return item

    def interfaces(self, **request):
        """One page of DescribeNetworkInterfaces."""
        request.setdefault("region_id", REGION)
        return self.ecs.describe_network_interfaces(models.DescribeNetworkInterfacesRequest(**request)).body

    def interface_ids(self, **request):
        """Ids of one page."""
        items = self.interfaces(**request).network_interface_sets.network_interface_set
        return [item.network_interface_id for item in items]

    def only_interface(self, interface_id, **request):
        """The one interface with this id, as DescribeNetworkInterfaces shows it."""
        body = self.interfaces(network_interface_id=[interface_id], **request)
        (item,) = body.network_interface_sets.network_interface_set
        return item

    def settled(self, interface_id):
        """The one interface with this id, or none, when it isn't on its way any more."""
        for _ in range(200):
            items = self.interfaces(network_interface_id=[interface_id]).network_interface_sets.network_interface_set
            if not items:
                return None
            if items[0].status in ("Available", "InUse"):
                return items[0]
            time.sleep(0.02)
        raise AssertionError(f"{interface_id} stays {items[0].status}")

    def modify_interface(self, interface_id, region_id=REGION, **attributes):
        request = models.ModifyNetworkInterfaceAttributeRequest(
            region_id=region_id, network_interface_id=interface_id, **attributes
        )
        return self.ecs.modify_network_interface_attribute(request).body

    def retain(self, interface_id, region_id=REGION):
        return self.modify_interface(interface_id, region_id, delete_on_release=False)

    def attach(self, interface_id, instance_id, **request):
        request = {"region_id": REGION, **request}
        request = models.AttachNetworkInterfaceRequest(
            network_interface_id=interface_id, instance_id=instance_id, **request
        )
        return self.ecs.attach_network_interface(request).body

    def detach(self, interface_id, instance_id, **request):
        request = {"region_id": REGION, **request}
        request = models.DetachNetworkInterfaceRequest(
            network_interface_id=interface_id, instance_id=instance_id, **request
        )
        return self.ecs.detach_network_interface(request).body

    def delete_interface(self, interface_id, region_id=REGION):
        request = models.DeleteNetworkInterfaceRequest(region_id=region_id, network_interface_id=interface_id)
        return self.ecs.delete_network_interface(request).body

    def modify(self, instance_id, **attributes):
        request = models.ModifyInstanceAttributeRequest(instance_id=instance_id, **attributes)
        return self.ecs.modify_instance_attribute(request).body

    def protect(self, instance_id, on=True):
        return self.modify(instance_id, deletion_protection=on)

    def scaling(self, operation, **request):
        """An operation of Auto Scaling, by its name in the SDK."""
        kind = "".join(word.capitalize() for word in operation.split("_")) + "Request"
        return getattr(self.ess, operation)(getattr(ess_models, kind)(**request)).body

    def members(self, **request):
        """One page of DescribeScalingInstances."""
        return self.scaling("describe_scaling_instances", **{"region_id": REGION, **request})

    def member_ids(self, **request):
        """Ids of one page."""
        return [item.instance_id for item in self.members(**request).scaling_instances]

    def member(self, instance_id):
        """The one member with this id, as DescribeScalingInstances shows it."""
        (item,) = self.members(instance_ids=[instance_id]).scaling_instances
        return item

    def keep(self, group_id, *ids, protected=True):
        """SetInstancesProtection."""
        return self.scaling(
            "set_instances_protection",
            scaling_group_id=group_id,
            instance_ids=list(ids),
            protected_from_scale_in=protected,
        )

    def console(self, action, user=None, **parameters):
        """What somebody does in the console, by the rules."""
        body = {"action": action, "parameters": parameters, **({} if user is None else {"user": user})}
        return self.control("POST", f"/accounts/{self.id}/console", body)

    def events(self, *conditions, **request):
        """One page of LookupEvents."""
        attributes = [trail_models.LookupEventsRequestLookupAttribute(key=k, value=v) for k, v in conditions]
        request = trail_models.LookupEventsRequest(lookup_attribute=attributes or None, **request)
        return self.trail.lookup_events(request).body

    def delete(self, instance_id, **request):
        return self.ecs.delete_instance(models.DeleteInstanceRequest(instance_id=instance_id, **request)).body


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """Files with a certificate for the loopback address, and with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = SimpleNamespace(certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem"))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture(scope="session")
def simulator(tls):
    process = subprocess.Popen(
        [
            os.environ["SIMULATOR_BIN"],
            "--end-with-stdin",
            *("--tls-certificate", tls.certificate, "--tls-key", tls.key),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        ready = json.loads(process.stdout.readline())
        yield SimpleNamespace(
            endpoint=ready["endpoint"].removeprefix("http://"), control=Control(ready["control"]), ready=ready
        )
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def account(simulator):
    yield Account(simulator.endpoint, simulator.control)


@pytest.fixture
def other_account(simulator):
    yield Account(simulator.endpoint, simulator.control)


@pytest.fixture
def settings(simulator):
    """Changes the simulator's settings for one test."""
    before = simulator.control("GET", "/settings")

    def change(**changes):
        simulator.control("PUT", "/settings", {**before, **changes})

    yield change
    simulator.control("PUT", "/settings", before)


@pytest.fixture
def at_once(settings):
    """Scaling activities that take no time."""
    settings(scalingMillis=0)


class Refusal:
    """Expects that the SDK raises an error with this code and HTTP status."""

    def __init__(self, code, status):
        self.code, self.status = code, status

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, DaraException), f"expected {self.code}, got {error!r}"
        assert (error.code, error.status_code) == (self.code, self.status), error
        self.error = error
        return True


@pytest.fixture
def refused():
    return Refusal
