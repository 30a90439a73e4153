"""The command: what it says first, whom it believes, and how it ends."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import real_cloud
import resources
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from conftest import REGION, ZONE, left_in
from environment import Offer, RealCloud, Watch
from operations import policy

PLACE = ["--region", REGION, "--zone", ZONE]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def account(environment, tmp_path, monkeypatch):
    """The command line for a simulated account, whose key is in the environment."""
    key = environment._key
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key["accessKeyId"])
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key["accessKeySecret"])
    # The vendor's library has read the environment when it was imported.
    config = CredentialConfig(type="access_key", access_key_id=key["accessKeyId"], access_key_secret=key["accessKeySecret"])
    monkeypatch.setattr("environment.CredentialClient", lambda: CredentialClient(config))
    report = tmp_path / "report.md"
    place = [*PLACE, "--simulator", environment.control.url, "--output", str(report)]
    return SimpleNamespace(id=environment.account, arguments=["--account", environment.account, *place], place=place, report=report)


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs the command in this process. Its exit code, and what went to standard error."""
    handlers = [signal.getsignal(number) for number in SIGNALS]

    def run(arguments, typed=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = real_cloud.main(arguments)
        return code, capfd.readouterr().err

    yield run
    for number, handler in zip(SIGNALS, handlers):
        signal.signal(number, handler)


def test_it_says_what_it_will_do_asks_and_reports(account, environment, run):
    code, said = run([*account.arguments, "--only", "protection-again", "--only", "flag-of-a-new-interface"], f"{account.id}\n")
    assert code == 0, said
    assert f"In the account {account.id}, zone {ZONE}, this is going to make" in said
    assert "It has never been run against the real cloud." in said
    report = account.report.read_text()
    assert report.startswith("# No differences between the cloud and the simulator")
    assert "protection-again, flag-of-a-new-interface" in report and account.id not in report
    assert left_in(environment) == {}


def test_the_way_into_a_real_account_is_the_same(account, environment, run, monkeypatch):
    class Disguised(RealCloud):
        """A simulated account behind what a real one is asked through."""

        PACE = 0

        def client(self, product, region):
            return environment.client(product, region)

        def wait(self, seconds):
            environment.wait(seconds)

    offer = Offer("ecs.g7.large", "aliyun_3_x64", 0.5, "CNY")
    monkeypatch.setattr(real_cloud, "RealCloud", Disguised)
    monkeypatch.setattr(real_cloud.market, "cheapest", lambda *_: offer)
    place = [*PLACE, "--vswitch", environment.v_switch, "--security-group", environment.security_group]
    only = ["--only", "flag-of-a-new-interface", "--output", str(account.report)]
    code, said = run(["--account", account.id, *place, *only], f"{account.id}\n")
    assert code == 0, said
    assert "An hour of one costs 0.5 CNY with its disk" in said and "5.0 CNY at most" in said
    assert "Asked: the real cloud" in account.report.read_text()
    assert left_in(environment) == {}


def test_without_credentials_nothing_begins(run, monkeypatch):
    def none():
        raise ValueError("there are none")

    monkeypatch.setattr("environment.CredentialClient", none)
    code, said = run(["--account", "1", *PLACE, "--vswitch", "v", "--security-group", "s"])
    assert code == 2 and "The vendor's library finds no credentials: there are none" in said


def test_a_real_account_is_asked_at_the_vendors_hosts(account):
    cloud = RealCloud(Watch(), region="cn-beijing", zone="cn-beijing-h", v_switch="vsw", security_group="sg")
    hosts = {product: cloud.client(product, "cn-beijing")._endpoint for product in ("ecs", "ess", "actiontrail", "sts")}
    assert hosts == {
        "ecs": "ecs.cn-beijing.aliyuncs.com",
        "ess": "ess.aliyuncs.com",
        "actiontrail": "actiontrail.cn-beijing.aliyuncs.com",
        "sts": "sts.cn-beijing.aliyuncs.com",
    }
    assert cloud.client("ecs", cloud.elsewhere)._endpoint == "ecs.cn-shanghai.aliyuncs.com"


@pytest.mark.parametrize("typed", ["", "yes\n", "1000000000000000\n"])
def test_nothing_is_made_unless_the_account_is_typed(account, control, run, typed):
    code, said = run([*account.arguments, "--only", "protection-again"], typed)
    assert code == 2 and "Nothing was made" in said
    assert {entry["action"] for entry in control("GET", f"/log?account={account.id}")["entries"]} == {"GetCallerIdentity"}


def test_the_credentials_have_to_be_of_the_account_that_was_named(account, run):
    code, said = run(["--account", "1000000000000099", *account.place, "--yes"])
    assert code == 2 and f"are of the account {account.id}, and not of 1000000000000099" in said


def test_a_difference_is_reported_without_ids(account, control, run):
    fault = {"kind": "error", "code": "OperationDenied", "status": 403, "message": f"i-bp1example0123456 of {account.id} has 10.0.0.7"}
    control("POST", "/faults", {"operation": "ModifyInstanceAttribute", "account": account.id, "times": 1, "fault": fault})
    code, said = run([*account.arguments, "--yes", "--only", "protection-again"])
    assert code == 1, said
    report = account.report.read_text()
    assert "| switching it on for the first time | accepted | 403 OperationDenied |" in report
    assert "<id-1> of <account> has <address-1>" in report


def test_what_can_not_be_removed_is_said(account, control, run, monkeypatch):
    monkeypatch.setattr(resources, "PATIENCE", 20)
    fault = {"kind": "error", "code": "OperationDenied"}
    control("POST", "/faults", {"operation": "DeleteInstance", "account": account.id, "fault": fault})
    code, said = run([*account.arguments, "--yes", "--only", "protection-again"])
    assert code == 3 and "not everything could be removed: instance i-" in said and "--clean-up 20" in said


def test_a_story_that_breaks_off_leaves_nothing_either(account, environment, run, monkeypatch):
    def breaks(_probe, bed):
        bed.instance()
        raise RuntimeError("out of order")

    monkeypatch.setattr(real_cloud, "simulate", lambda *_: [])
    monkeypatch.setattr(real_cloud, "ask", breaks)
    with pytest.raises(RuntimeError):
        run([*account.arguments, "--yes"])
    assert left_in(environment) == {}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--account", "1", *PLACE, "--vswitch", "v", "--security-group", "s", "--yes"], "--yes is for the tests"),
        (["--account", "1", *PLACE, "--clean-up", "--yes"], "--yes is for the tests"),
        (["--account", "1", *PLACE], "--vswitch, --security-group must be given"),
        ([], "--account, --region, --zone, --vswitch, --security-group must be given"),
        (["--account", "1", *PLACE, "--simulator", "http://ecs.example.com"], "loopback"),
        (["--account", "1", *PLACE, "--simulator", "http://127.0.0.1:1", "--only", "nothing"], "there is no probe nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said, capsys):
    with pytest.raises(SystemExit) as refusal:
        real_cloud.main(arguments)
    assert refusal.value.code == 2 and said in capsys.readouterr().err


def test_the_policy_is_printed(capsys):
    assert real_cloud.main(["--policy"]) == 0
    assert json.loads(capsys.readouterr().out) == policy()


# With processes of their own


def start(account, *arguments):
    command = [sys.executable, "-B", Path(real_cloud.__file__), *account.arguments, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(process, text):
    """Reads what the command says until it says this."""
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it never said {text!r}")


def test_ctrl_c_removes_everything_although_the_terminal_is_gone(account, environment):
    process = start(account, "--yes")
    wait_for(process, "shape-of-an-interface")
    process.stderr.close()
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    assert process.wait(timeout=120) in (130, 120), "130, or Python's own code where standard error is gone"
    assert left_in(environment) == {}
    report = account.report.read_text()
    assert "flag-of-a-free-interface" in report and "wrong-credentials" not in report, "what was asked until then is reported"


def test_a_kill_leaves_what_clean_up_removes(account, environment, run):
    process = start(account, "--yes")
    wait_for(process, "shape-of-a-member")
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert left_in(environment)
    code, said = run([*account.arguments, "--clean-up"], "no\n")
    assert code == 2 and "Left of 20" in said and left_in(environment)
    code, said = run([*account.arguments, "--clean-up"], f"{account.id}\n")
    assert code == 0, said
    assert left_in(environment) == {}
    code, said = run([*account.arguments, "--clean-up"])
    assert code == 0 and "Nothing is left of any run." in said
