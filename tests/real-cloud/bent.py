"""A simulated cloud that does something else than the simulator: a fault of it, a setting of it, or an answer that is changed on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from environment import SimulatedCloud
from operations import OPERATIONS


@dataclass
class Bend:
    """One thing that is different."""

    probe: str
    """The probe that has to find it."""
    label: str
    """The observation in which it has to be found."""
    operation: str = ""
    fault: dict | None = None
    """A fault of the simulator for one call, or with `always` for all."""
    always: bool = False
    nth: int = 1
    """Which call of the operation it is, of those that contain `when`."""
    when: str = ""
    """A text that a name or a value of the call contains."""
    settings: dict = field(default_factory=dict)
    twist: Callable[[dict, dict], dict] | None = None
    """What becomes of each answer: of the call and the answer."""
    before: Callable[[SimulatedCloud, dict], None] | None = None
    """What happens before the call."""

    def __str__(self) -> str:
        return f"{self.probe}: {self.label}"


class Bent(SimulatedCloud):
    """An account in which the bends are in force."""

    def __init__(self, bends, *arguments, **named):
        super().__init__(*arguments, **named)
        self.bends = bends
        self.after_write = lambda action, query: None
        """Comes after each call that writes, also after one that was refused."""
        self._counts = [0] * len(bends)
        for bend in bends:
            if bend.settings:
                self.settings(**bend.settings)
            if bend.always:
                self._post(bend, {})
            elif bend.before and not bend.operation:
                bend.before(self, {})

    def _post(self, bend: Bend, once: dict) -> None:
        rule = {"operation": bend.operation, "account": self.account, "fault": bend.fault, **once}
        self.control("POST", "/faults", rule)

    def client(self, product, region):
        return _Client(self, super().client(product, region))

    def _before(self, action: str, query: dict) -> None:
        for index, bend in enumerate(self.bends):
            told = bend.when in " ".join(f"{name}={value}" for name, value in query.items())
            if bend.operation != action or bend.always or not told:
                continue
            self._counts[index] += 1
            if self._counts[index] == bend.nth:
                if bend.before:
                    bend.before(self, query)
                if bend.fault:
                    self._post(bend, {"times": 1})

    def _after(self, action: str, query: dict, answer: dict) -> None:
        for bend in self.bends:
            if bend.operation == action and bend.twist:
                answer["body"] = bend.twist(query, answer["body"])


class _Client:
    def __init__(self, environment: Bent, client):
        self._environment, self._client = environment, client

    def call_api(self, shape, request, runtime):
        self._environment._before(shape.action, request.query)
        try:
            answer = self._client.call_api(shape, request, runtime)
        finally:
            if OPERATIONS[shape.action].writes:
                self._environment.after_write(shape.action, request.query)
        self._environment._after(shape.action, request.query, answer)
        return answer
