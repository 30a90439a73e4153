"""How the story is told: headings, plain words, commands as a user would type them, and what is checked behind them."""

from __future__ import annotations

import shlex
import sys
import textwrap

from stage import ROOT, Failed, Kubectl

WIDTH = 100
MARGIN = "   "


class Teller:
    """Tells step by step, and remembers for the end what each step has shown."""

    def __init__(self, kubectl: Kubectl):
        self._kubectl = kubectl
        self._shown: list[str] = []

    def step(self, title: str, shows: str) -> None:
        """Begins a step; `shows` is what the summary will say of it."""
        self._shown.append(shows)
        heading = f"{len(self._shown)}. {title}"
        print(f"\n\033[1m{heading}\033[0m" if sys.stdout.isatty() else f"\n{heading}", flush=True)

    def say(self, text: str) -> None:
        """A paragraph."""
        _print(textwrap.fill(" ".join(text.split()), WIDTH - len(MARGIN)))

    def show(self, path: str) -> None:
        """A file of the repository."""
        self._prompt(f"cat {path}")
        _print((ROOT / path).read_text().rstrip())

    def kubectl(self, *arguments: str) -> str:
        """A kubectl command with its real output, which is also the answer."""
        self._prompt(shlex.join(["kubectl", *arguments]))
        text = self._kubectl(*arguments)
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
        _print(f"[checked] {what}")

    def summary(self) -> None:
        """What all steps have shown."""
        print("\nWhat this showed, each point checked against the cloud's true state:", flush=True)
        for number, shown in enumerate(self._shown, 1):
            print(textwrap.fill(shown, WIDTH, initial_indent=f" {number:>2}. ", subsequent_indent="     "), flush=True)

    def _prompt(self, command: str) -> None:
        # A blank line, so that each command stands with its output.
        print(flush=True)
        _print(f"$ {command}")


def _print(text: str) -> None:
    """Prints with a margin. A line that is too wide is folded, at blanks where it has some."""
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        folded = textwrap.wrap(line, WIDTH - len(MARGIN), subsequent_indent=indent, break_on_hyphens=False)
        for part in folded or [""]:
            print(f"{MARGIN}{part}".rstrip(), flush=True)
