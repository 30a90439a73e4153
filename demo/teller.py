"""How the story is told: headings, plain words, commands as a user would type them, and what is checked behind them."""

from __future__ import annotations

import shlex
import sys
import textwrap

from stage import ROOT, Command, Failed, Kubectl

# Of what is told, and of what is shown: a command's output is folded only where it can't be helped.
PROSE, WIDTH = 100, 120
MARGIN = "   "


class Teller:
    """Tells step by step, and remembers for the end what each step has shown."""

    def __init__(self, kubectl: Kubectl, keeper: Command):
        self._kubectl = kubectl
        self._keeper = keeper
        self._shown: list[str] = []
        self.checked = 0
        """How many checks have held."""

    def story(self, title: str) -> None:
        """Begins a story; the steps are numbered through all of them."""
        print(f"\n{_bold(title)}\n{'=' * len(title)}", flush=True)

    def step(self, title: str, shows: str) -> None:
        """Begins a step; `shows` is what the summary will say of it."""
        self._shown.append(shows)
        print("\n" + _bold(f"{len(self._shown)}. {title}"), flush=True)

    def say(self, text: str) -> None:
        """A paragraph."""
        _print(textwrap.fill(" ".join(text.split()), PROSE - len(MARGIN)))

    def show(self, path: str) -> None:
        """A file of the repository."""
        self._prompt(f"cat {path}")
        _print((ROOT / path).read_text().rstrip())

    def kubectl(self, *arguments: str) -> str:
        """A kubectl command with its real output, which is also the answer."""
        return self.command(self._kubectl, *arguments)

    def keeper(self, *arguments: str) -> str:
        """A command of ecs-keeper's program, like kubectl's."""
        return self.command(self._keeper, *arguments)

    def command(self, command: Command, *arguments: str) -> str:
        """Any other command, like kubectl's."""
        return self.typed(f"{command.name} {shlex.join(arguments)}", lambda: command(*arguments))

    def typed(self, line: str, run) -> str:
        """A line as somebody types it, with the output of what `run` does."""
        self._prompt(line)
        text = run()
        _print(text.rstrip())
        return text

    def look(self, *arguments: str) -> str:
        """A kubectl command that is not told, for checks."""
        return self._kubectl(*arguments)

    def console(self, act: str, answer: str) -> None:
        """What somebody does in the cloud's console, past Kubernetes, and how it ends."""
        _print(textwrap.indent(f"{act}\n{answer}", " " * 10).replace(" " * 10, "[console] ", 1))

    def check(self, holds, what: str) -> None:
        """Ends the story unless it holds."""
        if not holds:
            raise Failed(f"Step {len(self._shown)} did not come out as told. This does not hold: {what}")
        self.checked += 1
        _print(f"[checked] {what}")

    def summary(self) -> None:
        """What all steps have shown."""
        print("\nWhat this showed, each point checked against the cloud's true state:", flush=True)
        for number, shown in enumerate(self._shown, 1):
            print(textwrap.fill(shown, PROSE, initial_indent=f" {number:>2}. ", subsequent_indent="     "), flush=True)

    def _prompt(self, command: str) -> None:
        # A blank line, so that each command stands with its output.
        print(flush=True)
        _print(f"$ {command}")


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def _print(text: str) -> None:
    """Prints with a margin. A line that is too wide is folded, at blanks where it has some."""
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        folded = textwrap.wrap(line, WIDTH - len(MARGIN), subsequent_indent=indent, break_on_hyphens=False)
        for part in folded or [""]:
            print(f"{MARGIN}{part}".rstrip(), flush=True)
