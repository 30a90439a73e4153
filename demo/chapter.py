"""What the stories have in common: somebody who tells, a cloud account, and acts past the operator."""

from __future__ import annotations

from stage import INSTANCES, NAMESPACE, Account, Failed, Kind, Refused, eventually
from teller import Teller

# Seconds between two listings. Short, so that nobody has to wait; the default is 10 s.
SWEEP = 2

IN = ("-n", NAMESPACE)


class Chapter:
    """All steps of a story, in order: each stands on what those before it left behind."""

    def __init__(self, tell: Teller, account: Account, check_operator):
        self._tell = tell
        self._account = account
        self._check_operator = check_operator

    def _release(self, instance: str, refused: str | None = None) -> None:
        """A release in the console, and what the cloud must say to it."""
        code = None
        answer = "Released."
        try:
            self._account.release(instance)
        except Refused as refusal:
            code, answer = refusal.code, str(refusal)
        self._tell.console(f"Release: {instance}", answer)
        self._tell.check(code == refused, f"the cloud's code is {refused}." if refused else "the cloud did not refuse.")

    def _two_more_sweeps(self, kind: Kind = INSTANCES) -> None:
        """Waits until a third listing begins, so that two have gone by: what has not happened by then was not going to."""
        goal = len(self._account.listings(kind=kind)) + 3
        if not self._eventually(lambda: len(self._account.listings(kind=kind)) >= goal):
            raise Failed("The operator has stopped listing the region.")

    def _eventually(self, condition, **pace):
        return eventually(condition, check=self._check_operator, **pace)


def names(things: set[str]) -> str:
    """A few names as they stand in a sentence."""
    *others, last = sorted(things)
    return f"{', '.join(others)} and {last}" if others else last
