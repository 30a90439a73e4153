"""The story of the Pods: that protection outlives those that keep it."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime
from pathlib import Path

from artifacts import Artifacts
from installed import RELEASE, ROLE, Failed, Pods, Watch  # Puts what follows on the path.
from chapter import IN, Chapter, names
from stage import INSTANCES, INTERFACES, NAMESPACE, REGION, Account, Command, eventually
from teller import Teller

OBJECTS = ("ecsprot/production", "eniret/gateway")
# Whose protection somebody switches off while the operator has other troubles.
DRIFTING = "i-bp1shop2"
KEPT = "i-bp1shop3"

# Seconds within which somebody must have taken over: a Lease that nobody has let go lasts for 15.
PATIENCE = 60.0


class Outliving(Chapter):
    """What the operator is in a cluster, how its Pods die, and that it matters to nobody."""

    def __init__(self, tell: Teller, account: Account, pods: Pods, helm: Command, artifacts: Artifacts, process_of):
        """`process_of` gives the process id of a Pod on this machine; None: the Node is elsewhere."""
        super().__init__(tell, account, pods.check)
        self._pods = pods
        self._helm = helm
        self._artifacts = artifacts
        self._process_of = process_of

    def tell(self) -> None:
        """Tells it."""
        self._tell.story("Pods")
        self._released()
        self._restricted()
        self._kept_again()
        self._measured()
        before = self._transitions("eniret/gateway")
        self._leader_deleted()
        self._killed()
        self._another_image()
        self._rolled_back()
        unchanged = self._transitions("eniret/gateway") == before
        self._tell.check(unchanged, "no condition of the EniRetention, to which nothing happened, has changed since the first of these deaths.")
        self._identified()

    def _released(self) -> None:
        tell = self._tell
        tell.step("Released", "the Pods run the image that the released chart names, pulled from a registry by its digest")
        image = self._artifacts.image
        tell.kubectl("get", "pods", *IN, "--output=custom-columns=POD:.metadata.name,IMAGE:.status.containerStatuses[*].imageID")
        tell.check(self._pods.images() == {image}, "what they run has the digest of the release's image.")
        values = [json.loads(self._helm("get", "values", RELEASE, *IN, "--output=json", *which)) for which in ((), ("--all",))]
        named = "{repository}@{digest}".format(**values[1]["image"])
        tell.check("image" not in values[0] and named == image, "the chart's own values name it by this digest, and nobody had to say it.")
        if self._process_of is None:
            tell.say("Whether the image was pulled can't be told here: the Nodes may have it from an earlier run.")
            return
        events = tell.kubectl("get", "events", *IN, "--field-selector=reason=Pulled", "--output=custom-columns=MESSAGE:.message")
        tell.check(f'Successfully pulled image "{image}"' in events, "the kubelet had it pulled: the node had no such image before.")

    def _restricted(self) -> None:
        tell = self._tell
        tell.step("Under restriction", "the Pods run under Pod Security restricted, which the namespace enforces")
        tell.kubectl("get", "pods", *IN, "--output=wide")
        said = tell.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        tell.check("Warning" not in said, "the API server finds nothing in them that this forbids.")
        try:
            said = tell.look("run", "shell", *IN, "--image=shell", "--dry-run=server")
        except Failed as failure:
            said = str(failure)
        tell.check('violates PodSecurity "restricted' in said, "a Pod that says nothing of its security is refused in this namespace.")
        if self._process_of is None:
            tell.say("What the kernel says of the processes can't be seen from here: the Nodes are other machines.")
            return
        for pod in self._pods.all():
            name, process = pod["metadata"]["name"], self._process_of(pod)
            if name == self._pods.leader():
                taken = datetime.fromisoformat(self._pods.lease()["acquireTime"].replace("Z", "+00:00")).timestamp()
                tell.say(f"{name} leads. Its process held the Lease {taken - started_at(process):.2f} s after its start.")
            self._process_is_confined(name, process)

    def _process_is_confined(self, name: str, process: int) -> None:
        tell = self._tell
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":\t" in line)
        users = set(status["Uid"].split() + status["Gid"].split())
        tell.check(users == {"65532"}, f"{name}: its user and group are 65532, as the kernel has it.")
        capabilities = {int(status[each], 16) for each in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}
        tell.check(capabilities == {0}, "it has no capability, and can get none.")
        tell.check(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "it can't gain privileges, and its system calls are filtered.")
        mounts = [line.split() for line in Path(f"/proc/{process}/mountinfo").read_text().splitlines()]
        writable = next(options.split(",")[0] == "rw" for _, _, _, _, path, options, *_ in mounts if path == "/")
        tell.check(not writable, "its root file system is read-only.")
        root = Path(f"/proc/{process}/root")
        token = root / "var/run/secrets/kubernetes.io/serviceaccount/token"
        tell.check(token.is_file() and not list((root / "bin").glob("*")), "it has its projected token, and no shell beside it.")

    def _kept_again(self) -> None:
        tell = self._tell
        tell.step("Kept again", "both kinds are kept in the same account by the same Pods")
        tell.kubectl("apply", "--filename=demo/production.yaml", "--filename=demo/addresses.yaml")
        tell.kubectl("wait", "--for=condition=Protected", OBJECTS[0], *IN)
        tell.kubectl("wait", "--for=condition=Retained", OBJECTS[1], *IN)
        protected = self._account.protected()
        tell.check({DRIFTING, KEPT} <= protected, f"in the cloud {names(protected)} are protected.")

    def _identified(self) -> None:
        tell = self._tell
        tell.step("Identified", "the Pods act as a RAM role, by a token that the kubelet keeps for them, and there is no access key")
        own = [each for each in json.loads(tell.look("get", "secrets", *IN, "--output=json"))["items"] if not each["type"].startswith("helm.sh/")]
        tell.check(not own, "the namespace has no Secret, but for Helm's own.")
        said = tell.keeper("config", "check", "--identity", "/etc/ecs-keeper/config.yaml")
        role = f"::{self._account.id}:assumed-role/{ROLE}/"
        tell.check("account default (oidc): " in said and role in said, f"in the cloud they are the role {ROLE}.")
        self._account.ask("DELETE", "/sessions")
        tell.console("All sessions of the role are revoked", "Done.")
        self._account.switch_off(DRIFTING)
        tell.console(f"Disable Release Protection: {DRIFTING}", "Done.")
        back = eventually(lambda: DRIFTING in self._account.protected(), patience=PATIENCE, check=self._check_operator)
        tell.check(back, f"with another session they have protected {DRIFTING} again.")
        tell.kubectl("wait", "--for=condition=Protected", OBJECTS[0], *IN)

    def _measured(self) -> None:
        tell = self._tell
        tell.step("Measured", "each Pod tells its metrics on the port that the chart gives it")
        leader = self._pods.leader()
        for pod in self._pods.all():
            name = pod["metadata"]["name"]
            (port,) = (each["containerPort"] for each in pod["spec"]["containers"][0]["ports"] if each["name"] == "admin")
            path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{port}/proxy/metrics"
            metrics = dict(line.rsplit(" ", 1) for line in tell.look("get", f"--raw={path}").splitlines() if line.startswith("ecs_keeper_"))
            leads = name == leader
            tell.check(metrics.get("ecs_keeper_leader") == str(int(leads)), f"{name} says that it {'leads' if leads else 'stands by'}.")
            protected = sum(int(value) for series, value in metrics.items() if series.startswith("ecs_keeper_targets{") and 'verdict="Protected"' in series)
            tell.check((protected > 0) == leads, f"{protected} targets are protected by its word." if leads else "it says nothing of targets.")
        said = tell.kubectl("exec", *IN, leader, "--", "ecs-keeper", "doctor", f"--region={REGION}")
        tell.check(", 0 failure" in said, "its doctor finds no failure.")
        found = {line.split()[1]: line.split()[0] for line in said.splitlines() if line}
        wanted = {"access": "ok", "leader": "ok", "evidence": "ok", "identity": "ok", "permission": "ok"}
        tell.check(wanted.items() <= found.items(), "what the Pod may ask was asked, and is as it should be.")
        tell.check("alert" in found and found["alert"] != "unknown", "the alerts were judged by its own metrics.")

    def _leader_deleted(self) -> None:
        def act() -> None:
            self._tell.kubectl("delete", "pod", self._pods.leader(), *IN, "--wait=false")

        self._outlives("The leader's Pod is deleted", "another Pod takes over when the leader's is deleted", act)

    def _killed(self) -> None:
        if self._process_of is None:
            self._tell.say("kill -9 is left out: the Nodes are other machines.")
            return

        def act() -> None:
            leader = self._pods.leader()
            (pod,) = (pod for pod in self._pods.all() if pod["metadata"]["name"] == leader)
            process = self._process_of(pod)
            self._tell.say(f"kill -9 {process}, which is process 1 of {leader}.")
            self._pods.restarts += 1
            os.kill(process, signal.SIGKILL)

        self._outlives("The leader is killed", "another process takes over when the leader dies without a word, as soon as its Lease is over", act)

    def _another_image(self) -> None:
        image = self._artifacts.from_dockerfile

        def act() -> None:
            same = ("--reuse-values", f"--set=image.digest={image.split('@')[1]}")
            self._tell.command(self._helm, "upgrade", RELEASE, *self._artifacts.chart, *IN, *same)

        self._outlives("Another image", "an image that was built from the Dockerfile replaces that of the release in both Pods", act)
        self._tell.check(self._pods.images() == {image}, "both Pods run the other image.")
        # The Pods that were meant to restart are gone.
        self._pods.restarts = 0

    def _rolled_back(self) -> None:
        def act() -> None:
            self._tell.command(self._helm, "rollback", RELEASE, "1", *IN)

        self._outlives("Rolled back", "helm rollback brings the release back, in both Pods", act)
        self._tell.check(self._pods.images() == {self._artifacts.image}, "both Pods run the image of the release.")

    def _outlives(self, title: str, shows: str, act) -> None:
        """One way to die, and that protection does not notice."""
        tell = self._tell
        tell.step(title, shows)
        holder = self._pods.holder()
        tell.check(holder, f"{holder} leads.")
        written = len(self._account.writes(INSTANCES)), len(self._account.writes(INTERFACES))
        with Watch(self._account, self._account.protected() - {DRIFTING}, self._account.retained()) as watch:
            act()
            began = time.monotonic()
            self._account.switch_off(DRIFTING)
            tell.console(f"Disable Release Protection: {DRIFTING}", "Done.")
            back = eventually(lambda: DRIFTING in self._account.protected(), patience=PATIENCE, check=self._check_operator)
            tell.check(back, f"{time.monotonic() - began:.1f} s later {DRIFTING} is protected again.")
            tell.kubectl("rollout", "status", f"deployment/{RELEASE}", *IN, "--timeout=2m")
            # A container that is started anew in the same Pod may be the first to find the Lease over.
            heir = eventually(lambda: (now := self._pods.holder()) != holder and now, patience=PATIENCE, check=self._check_operator)
            tell.check(heir, f"{heir} leads now.")
            tell.kubectl("wait", "--for=condition=Protected", OBJECTS[0], *IN)
            tell.kubectl("wait", "--for=condition=Retained", OBJECTS[1], *IN)
            self._two_more_sweeps(INSTANCES)
            self._two_more_sweeps(INTERFACES)
        tell.check(watch.looks and not watch.failure and not watch.lapses, f"in {watch.looks} looks no other flag was off for a moment.")
        writes = self._account.writes(INSTANCES)[written[0] :]
        once = [(each["parameters"]["InstanceId"], each["parameters"]["DeletionProtection"], each["code"]) for each in writes]
        tell.check(once == [(DRIFTING, "true", "OK")], f"one write has put {DRIFTING} right, and two sweeps later it is the only one.")
        tell.check(len(self._account.writes(INTERFACES)) == written[1], "no flag of a network interface was written.")

    def _transitions(self, name: str) -> dict[str, tuple[str, str]]:
        conditions = json.loads(self._tell.look("get", name, *IN, "--output=json"))["status"]["conditions"]
        return {each["type"]: (each["status"], each["lastTransitionTime"]) for each in conditions}


def started_at(process: int) -> float:
    """When a process was started, in seconds since the epoch."""
    ticks = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
