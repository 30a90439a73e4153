"""The automatic release time of an instance: setting it, taking it away, what is shown."""

from __future__ import annotations

from probe import probe
from resources import LIFETIME, clock

from .shapes import MISSING, shape


def _shown(bed, instance_id: str):
    (item,) = bed.resources.instances([instance_id])
    return item.get("AutoReleaseTime", MISSING)


def _back(bed, instance_id: str) -> None:
    """What a run's instance has, so that it does not outlive the run."""
    bed.auto_release(instance_id, AutoReleaseTime=clock(hours=LIFETIME))


@probe(
    "How is an automatic release time shown, and what becomes of its seconds?",
    """The text of the SDK: seconds are cut off. An English page: rounded to the nearest minute. Terraform's provider: shown without
    seconds.""",
)
def automatic_release_is_shown(bed):
    instance_id = bed.instance()
    minute = clock(minutes=90)[:16]
    yield "setting it to the 59th second of a minute", bed.auto_release(instance_id, AutoReleaseTime=f"{minute}:59Z")
    bed.environment.wait_until(lambda: str(_shown(bed, instance_id)).startswith(minute), 9)
    shown = _shown(bed, instance_id)
    yield "how it is shown", shape(shown)
    yield "its minute", "the one that was asked for" if str(shown).startswith(minute) else "another"
    _back(bed, instance_id)


@probe(
    "Does leaving AutoReleaseTime out take the automatic release away, and is that accepted where there is none?",
    "The page of ModifyInstanceAutoReleaseTime: without it, automatic release is off. Nothing is said of the second.",
)
def automatic_release_is_cancelled(bed):
    instance_id = bed.instance()
    yield "shown before", shape(_shown(bed, instance_id))
    yield "leaving it out", bed.auto_release(instance_id)
    bed.environment.wait_until(lambda: _shown(bed, instance_id) in ("", None, MISSING), 60)
    yield "shown afterwards", shape(_shown(bed, instance_id))
    yield "leaving it out once more", bed.auto_release(instance_id)
    _back(bed, instance_id)


@probe(
    "Does an empty AutoReleaseTime take the automatic release away?",
    "No page says it. Tools of others send it.",
)
def automatic_release_that_is_empty(bed):
    instance_id = bed.instance()
    yield "an empty value", bed.auto_release(instance_id, AutoReleaseTime="")
    bed.environment.wait_until(lambda: _shown(bed, instance_id) in ("", None, MISSING), 9)
    yield "shown afterwards", shape(_shown(bed, instance_id))
    _back(bed, instance_id)


@probe(
    "With which code is an automatic release time refused that is too early?",
    "The page has InvalidAutoReleaseTime.Malformed, and half an hour as the least.",
)
def automatic_release_that_is_early(bed):
    instance_id = bed.instance()
    yield "in ten minutes", bed.auto_release(instance_id, AutoReleaseTime=clock(minutes=10))
    yield "in 33 minutes", bed.auto_release(instance_id, AutoReleaseTime=clock(minutes=33))
    _back(bed, instance_id)
