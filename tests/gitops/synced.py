"""A cluster to which a GitOps tool applies what is in Git, with an operator at work there. Argo CD's own engine applies and compares (`go/`)."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

from stage import NAMESPACE, Cloud, Command, ControlPlane, Failed, Kubectl, Operator, Patient, build  # noqa: E402  Puts what follows on the path.
from binaries import ensure  # noqa: E402

GROUP = "ecs-keeper.io"
CHART = ROOT / "deploy" / "charts" / "ecs-keeper"
SAMPLES = Path(__file__).resolve().parent / "samples.yaml"
# Kinds of which the chart has objects if it is told so.
KINDS_OF_OTHERS = ROOT / "tests" / "chart" / "definitions"

# Pages with examples.
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
OURS = re.compile(rf"^apiVersion: {re.escape(GROUP)}/", re.MULTILINE)

# Instances for the selectors of the demo and of the pages.
MACHINES = [{"instanceId": "i-web1", "tags": {"env": "prod"}, "networkInterfaces": [{}]}, {"instanceId": "i-batch1", "tags": {"service": "old-batch"}}]
SWEEP = "2s"


class Synced(Patient):
    """A cluster, a cloud, an operator, and what is in Git. They end with the class of tests."""

    patience = 60.0

    def __init__(self, case: type, server_side: bool):
        """`server_side`: a sync applies as `ServerSideApply=true` says."""
        self._way = ["--server-side"] if server_side else []
        with contextlib.ExitStack() as stack:
            programs = build("dev")
            self._gitops = ensure("gitops")["gitops"]
            self._plane = stack.enter_context(ControlPlane())
            self._logs = self._plane.audit_log.parent
            self.kubectl = Kubectl(self._plane)
            self._helm = Command("helm", self._plane.helm, self._plane)
            self._running = [self._plane]
            self._install()
            cloud = stack.enter_context(Cloud(programs["ecs-simulator"], self._logs))
            operator = Operator(programs["ecs-keeper"], self.kubectl, cloud.account(MACHINES), self._logs, sweep=SWEEP)
            self._running.append(stack.enter_context(operator))
            self._stack = stack.pop_all()
        case.addClassCleanup(self._stack.close)

    def _install(self) -> None:
        """The chart as a tool that renders it installs it: first the definitions, then the rest."""
        self.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("apply", "--server-side", f"--filename={KINDS_OF_OTHERS}")
        self.definitions = self.rendered("--show-only=templates/crds.yaml")
        self.sync(self.definitions)
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        self.chart = self.rendered()
        self.sync(self.chart)

    def rendered(self, *arguments: str) -> list[dict]:
        """The chart's objects."""
        manifests = self._helm("template", "ecs-keeper", str(CHART), f"--namespace={NAMESPACE}", *arguments)
        return self.parsed(manifests)

    def parsed(self, manifests: str) -> list[dict]:
        """The objects of a YAML text, each with the annotation by which Argo CD finds what is its own. kubectl reads them; nothing is created."""
        path = self._logs / "manifests.yaml"
        path.write_text(manifests)
        text = self.kubectl("create", "--dry-run=client", "--validate=false", "--output=json", f"--namespace={NAMESPACE}", f"--filename={path}")
        decoder, objects = json.JSONDecoder(), []
        while text := text.lstrip():
            found, end = decoder.raw_decode(text)
            objects.append(found)
            text = text[end:]
        return [tracked(each) for each in objects]

    def examples(self) -> list[dict]:
        """Our objects on all pages and in the demo, and samples of everything that a spec may have. Each name gets a number, for pages use some of them twice."""
        texts = [*(block for page in sorted(PAGES) for block in BLOCK.findall(page.read_text())), SAMPLES.read_text()]
        texts += (path.read_text() for path in sorted((ROOT / "demo").glob("*.yaml")))
        ours = [each for text in texts for each in re.split(r"^---$", text, flags=re.MULTILINE) if OURS.search(each)]
        found = self.parsed("\n---\n".join(ours))
        for number, each in enumerate(found):
            each["metadata"].update(name=f"{each['metadata']['name']}-{number}", namespace=NAMESPACE)
        return [tracked(each) for each in found]

    def sync(self, objects: list[dict]) -> None:
        """Applies them."""
        self._ask(["apply", *self._way], objects)

    def differences(self, objects: list[dict]) -> dict[str, dict]:
        """What Argo CD finds different from what is in the cluster, by object and by the way of comparing: the patch that it would make."""
        answers = self._ask(["diff"], objects)
        if len(answers) != len(objects):
            raise Failed(f"{len(objects)} objects were compared, and {len(answers)} answered.")
        return {f"{each['kind']} {each['metadata']['name']}": answer for each, answer in zip(objects, answers) if answer}

    def _ask(self, arguments: list[str], objects: list[dict]) -> list:
        lines = "".join(json.dumps(each) + "\n" for each in objects)
        done = subprocess.run([self._gitops, *arguments], input=lines, capture_output=True, text=True, env=self._plane.environment(), timeout=300)
        if done.returncode:
            self._plane.keep_logs()
            raise Failed(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def live(self, sought: dict) -> dict:
        """An object as it is in the cluster."""
        return json.loads(self.kubectl("get", *_named(sought), "--output=json"))

    def patch(self, sought: dict, patch: dict) -> None:
        """Edits an object as somebody with kubectl does."""
        self.kubectl("patch", *_named(sought), "--type=merge", f"--patch={json.dumps(patch)}")

    def until_worked_on(self, objects: list[dict]) -> None:
        """Waits until the operator has written all that it writes: a status for each, and a finalizer where one is needed."""

        def worked_on():
            found = json.loads(self.kubectl("get", "ecsprot,eniret", f"--namespace={NAMESPACE}", "--output=json"))["items"]
            written = all(each["status"].get("conditions") for each in found)
            return len(found) >= len(objects) and written and any(each["metadata"].get("finalizers") for each in found)

        self.eventually("each object has a status, and one a finalizer", worked_on)


def tracked(found: dict) -> dict:
    """The object with the annotation by which Argo CD finds what is its own."""
    group, metadata = found["apiVersion"].rpartition("/")[0], found["metadata"]
    tracking = f"ecs-keeper:{group}/{found['kind']}:{metadata.get('namespace', '')}/{metadata['name']}"
    metadata.setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = tracking
    return found


def _named(sought: dict) -> tuple[str, ...]:
    """What kubectl is told to find an object."""
    group, metadata = sought["apiVersion"].rpartition("/")[0], sought["metadata"]
    return (f"{sought['kind']}.{group}", metadata["name"], f"--namespace={metadata['namespace']}")
