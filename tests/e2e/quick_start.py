"""The quick start of the README: its commands, run in order as they stand there, and what it shows of their output."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from artifacts import Artifacts
from installed import RELEASE, ROOT, AckRamTool, Failed, Pods  # Puts what follows on the path.
from chapter import IN, Chapter
from stage import INSTANCES, INTERFACES, Account, Command, Kubectl
from teller import Teller

PAGE = "README.md"
TITLE = "Quick start"
KEPT = "i-bp1web1"


def substitutions(artifacts: Artifacts, tool: AckRamTool, folder: Path) -> dict[str, str]:
    """What the page can't know. Everything else is run as it stands there."""
    plain = "--plain-http " if artifacts.plain_http else ""
    return {
        "oci://registry.example.com/team/": f"{plain}oci://{artifacts.registry}/",
        # Without the webhook of ACK, the chart mounts the token by itself. The values have the endpoint of the simulated cloud.
        "--set rrsa.roleName=ecs-keeper": f"--set rrsa.roleArn={tool.role},rrsa.oidcProviderArn={tool.provider} --values tests/e2e/values.yaml",
        # All commands are run at the top of the repository.
        "-f production.yaml": f"-f {folder}/production.yaml",
    }


def machines() -> list[dict]:
    """What the page protects, as the simulator's README describes seeds."""
    production = {"env": "prod"}
    return [
        {"instanceId": KEPT, "instanceName": "web-1", "tags": production},
        {"instanceId": "i-bp1web2", "instanceName": "web-2", "tags": production},
        {"instanceId": "i-bp1spot1", "instanceName": "spot-1", "tags": production, "spotStrategy": "SpotAsPriceGo"},
        {"instanceId": "i-bp1other", "instanceName": "other", "tags": {"env": "dev"}},
    ]


@dataclass(frozen=True)
class Typed:
    """A command of the page."""

    command: str
    shown: list[str]
    """The lines that the page has below it."""


class QuickStart(Chapter):
    """Whoever has read nothing but the README."""

    def __init__(self, tell: Teller, account: Account, pods: Pods, kubectl: Kubectl, helm: Command, artifacts: Artifacts, tool: AckRamTool, folder: Path):
        """`folder` is an empty one, for the files that the page has one save."""
        super().__init__(tell, account, pods.check)
        self._pods = pods
        self._programs = {each.name: each for each in (kubectl, helm, tool)}
        self._substitutions = substitutions(artifacts, tool, folder)
        self._unused = set(self._substitutions)
        text = (ROOT / PAGE).read_text().split(f"\n## {TITLE}\n")[1].split("\n## ")[0]
        for name, content in re.findall(r"Save this as `([\w.]+)`.*?\n```yaml\n(.*?)```", text, re.DOTALL):
            (folder / name).write_text(content)
        before, *sections = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
        self._sections = dict(zip(sections[::2], map(typed, sections[1::2])))
        if not all(self._sections.values()) or set(re.findall(r"^```(\w+)", text, re.MULTILINE)) != {"console", "yaml"}:
            raise Failed(f"{PAGE} has a section under {TITLE} without commands, or blocks that are neither console nor yaml: something would not be run.")
        if typed(before):
            raise Failed(f"{PAGE} has commands under {TITLE} that are in none of its sections {', '.join(self._sections)}.")

    def tell(self) -> None:
        """Tells it, up to the last section."""
        self._tell.story(TITLE)
        self._installed()
        self._protected()
        self._checked()
        self._cleared()

    def _installed(self) -> None:
        tell = self._tell
        tell.step("Install", "the two commands of the README install image and chart from a registry, and there is no access key")
        tell.say(f"The commands are those of {PAGE}, as they stand there but for what no page can know:")
        for said, meant in self._substitutions.items():
            tell.say(f"{said} is here {meant}")
        self._follow("Install")
        tell.check(len(self._pods.all()) == 2, "there are two Pods, and both are ready.")

    def _protected(self) -> None:
        tell = self._tell
        tell.step("Protect", "one object protects every instance with its tag that can be protected")
        self._follow("Protect")
        protected = self._account.protected()
        tell.check(protected == {KEPT, "i-bp1web2"}, f"in the cloud exactly {', '.join(sorted(protected))} are protected.")
        self._release(KEPT, refused="InvalidOperation.DeletionProtection")

    def _checked(self) -> None:
        self._tell.step("Check", "status and doctor say what they say on the page")
        self._follow("Check")

    def _cleared(self) -> None:
        tell = self._tell
        tell.step("Deleted", "deleting the object leaves the instances protected; the stories that follow have instances of their own")
        tell.kubectl("delete", "ecsprot/production", *IN)
        tell.check(self._account.protected() == {KEPT, "i-bp1web2"}, "in the cloud both are protected as before.")
        for name in self._account.instances():
            self._account.switch_off(name)
            self._account.release(name)
        tell.console("Disable Release Protection, and release: all instances", "Released.")
        self._account.forget_log()

    def uninstall(self, kept: str) -> None:
        """Tells the last section. `kept` is an instance that is protected."""
        tell = self._tell
        tell.step("Uninstall", "uninstalling changes no flag")
        before = self._account.instances(), self._account.interfaces()
        written = len(self._account.writes(INSTANCES)), len(self._account.writes(INTERFACES))
        self._follow("Uninstall")
        tell.look("wait", "--for=delete", "pods", *IN, f"--selector=app.kubernetes.io/instance={RELEASE}", "--timeout=1m")
        tell.check(not self._pods.all(), "no Pod of the operator is left.")
        tell.check((self._account.instances(), self._account.interfaces()) == before, "every instance and every network interface is as it was.")
        now = len(self._account.writes(INSTANCES)), len(self._account.writes(INTERFACES))
        tell.check(now == written, "no flag was written.")
        self._release(kept, refused="InvalidOperation.DeletionProtection")
        tell.check(not self._sections and not self._unused, f"every command of {PAGE} under {TITLE} was run, with all substitutions.")

    def _follow(self, section: str) -> None:
        """Runs the commands of a section."""
        for each in self._sections.pop(section):
            command = each.command
            for said, meant in self._substitutions.items():
                if said in command:
                    command = command.replace(said, meant)
                    self._unused.discard(said)
            name, *arguments = shlex.split(command)
            if name not in self._programs:
                raise Failed(f"{PAGE} calls {name}, which this test can't run: {each.command}")
            printed = self._tell.command(self._programs[name], *arguments)
            if each.shown:
                difference = first_difference(each.shown, printed)
                self._tell.check(not difference, f"{PAGE} shows what this prints{difference and f', {difference}'}.")


def typed(text: str) -> list[Typed]:
    """The commands in the blocks of a console, each with the lines below it."""
    commands = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        before, *lines = re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)
        if before:
            raise Failed(f"{PAGE} shows what no command prints:\n{before}")
        for command, *shown in map(str.splitlines, lines):
            commands.append(Typed(command, shown))
    return commands


def first_difference(shown: list[str], printed: str) -> str:
    """Where what was printed is not as shown: nothing at all, or words for people.

    Ages may differ, and so may what stands for the width of columns. A line … stands for any lines, and … at the end of a line for the rest of it.
    """
    rest = [_comparable(line) for line in printed.splitlines() if line.strip()]
    skipped = False
    for line in shown:
        if line.strip() == "…":
            skipped = True
            continue
        wanted = _comparable(line)
        holds = [each == wanted or (wanted.endswith("…") and each.startswith(wanted[:-1].rstrip())) for each in (rest if skipped else rest[:1])]
        if True not in holds:
            return f"but the page has here, and nothing prints: {line}"
        rest, skipped = rest[holds.index(True) + 1 :], False
    return f"but the page ends here, and there follows: {rest[0]}" if rest and not skipped else ""


def _comparable(line: str) -> str:
    return " ".join(re.sub(r"\b(\d+[hms])+\b", "AGE", line).split())
