"""What a probe is, and how one is carried out."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Callable, Iterator

from cloud import Failed, Lost, Outcome, Refused
from testbed import Testbed, Unsuitable


@dataclass(frozen=True)
class Probe:
    """A question to the cloud."""

    name: str
    question: str
    claimed: str
    """Which public page says something about it, and what."""
    story: Callable[[Testbed], Iterator[tuple[str, object]]]
    """The calls. It yields what is observed, each with a label."""
    slow: bool = False
    """Whether it takes more than half an hour."""


@dataclass(frozen=True)
class Observation:
    """A part of an answer, in words that are the same in each run."""

    label: str
    value: str
    message: str = ""
    """What the cloud says beside its code."""


@dataclass
class Answer:
    """What a probe has found."""

    probe: Probe
    observations: list[Observation] = field(default_factory=list)
    unasked: dict[str, str] = field(default_factory=dict)
    """What could not be asked, and why."""
    measured: dict[str, str] = field(default_factory=dict)
    """Figures, which differ from run to run."""


@dataclass(frozen=True)
class NotAsked:
    """In place of an observation: why there is none."""

    why: str


@dataclass(frozen=True)
class Measured:
    """In place of an observation: a figure."""

    value: str


PROBES: list[Probe] = []


def probe(question: str, claimed: str, slow: bool = False):
    """Makes a story a probe. Its name is that of the function."""

    def register(story):
        PROBES.append(Probe(story.__name__.replace("_", "-"), question, inspect.cleandoc(claimed), story, slow))
        return story

    return register


def ask(probe: Probe, bed: Testbed) -> Answer:
    """Tells the story of a probe."""
    answer = Answer(probe)
    try:
        for label, value in probe.story(bed):
            if isinstance(value, NotAsked):
                answer.unasked[label] = value.why
            elif isinstance(value, Measured):
                answer.measured[label] = value.value
            else:
                answer.observations.append(Observation(label, words(value), value.message if isinstance(value, Outcome) else ""))
    except Refused as error:
        # The story needed something and did not get it: that is an answer, too.
        answer.observations.append(Observation(f"the story ends with {error.action}", f"{error.status} {error.code}", error.message))
    except Unsuitable as error:
        answer.observations.append(Observation("the story ends", str(error)))
    except Lost as error:
        answer.unasked["the rest of the story"] = f"a call got no answer ({str(error).split(' ', 1)[0]})"
    except Failed:
        raise
    except Exception as error:  # Whatever an answer that is not like the documented one leads to.
        answer.observations.append(Observation("the story ends", f"an answer is not as documented ({type(error).__name__})", str(error)))
    return answer


def words(value) -> str:
    """An observation in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple, set)):
        return ", ".join(sorted(map(str, value))) or "nothing"
    return str(value)
