"""ActionTrail: who has switched protection off."""

from __future__ import annotations

from cloud import ACCEPTED
from probe import Measured, NotAsked, probe
from resources import clock

from .shapes import MISSING, member, shape

# Seconds until an event can be seen: ten minutes, says the page on limits.
LATE = 900
POLL = 30


def _look(bed, *conditions: tuple[str, str], size: int = 50):
    attributes = [{"Key": key, "Value": value} for key, value in conditions]
    return bed.cloud.attempt("LookupEvents", LookupAttribute=attributes, MaxResults=size)


def _wait_for(bed, conditions, request_id: str):
    """The event of a call, once it is there, and how long that took."""
    waited = 0
    while True:
        outcome = _look(bed, *conditions)
        events = outcome.body.get("Events", []) if outcome.accepted else []
        event = next((item for item in events if item.get("requestId") == request_id), None)
        if event or waited >= LATE or not outcome.accepted:
            return event, waited, outcome
        bed.environment.wait(POLL)
        waited += POLL


@probe(
    "What does ActionTrail record of switching release protection off?",
    "The page on the structure of events. No page has an event of ModifyInstanceAttribute with DeletionProtection.",
)
def event_of_a_change(bed):
    instance_id = bed.instance()
    bed.protect(instance_id)
    call = bed.protect(instance_id, on=False)
    yield "switching it off", call
    request_id = call.body.get("RequestId")
    conditions = (("ResourceName", instance_id), ("EventName", "ModifyInstanceAttribute"))
    event, waited, outcome = _wait_for(bed, conditions, request_id)
    yield "LookupEvents", outcome
    yield "the event has the RequestId of the call", event is not None
    if event is None:
        return
    yield "seconds until it was there", Measured(f"at most {waited}")
    parameter = member(event, "requestParameters.DeletionProtection")
    yield "requestParameters.DeletionProtection is", shape(parameter)
    yield "it says", str(parameter).lower() if parameter is not MISSING else None
    yield "eventType", event.get("eventType")
    yield "eventRW", event.get("eventRW")
    yield "serviceName", event.get("serviceName")
    yield "eventTime is", shape(event.get("eventTime"))
    yield "resourceName is the id of the instance", event.get("resourceName") == instance_id
    yield "resourceType", event.get("resourceType")
    yield "errorCode is", shape(event.get("errorCode", MISSING))
    for path in ("userIdentity.type", "userIdentity.userName", "sourceIpAddress", "userAgent", "requestParameterJson"):
        yield f"{path} is", shape(member(event, path))


@probe(
    "Does ResourceName find an event that names several resources by one of them?",
    "The page on events: resourceName joins the ids with commas. Whether a condition matches one of them is not said.",
)
def event_of_several_resources(bed):
    bed.instance()
    first, second = bed.interface(), bed.interface()
    call = {"ResourceType": "eni", "ResourceId": [first, second], "Tag": bed.cloud.tags}
    request_id = bed.cloud.call("TagResources", **bed.region, **call)["RequestId"]
    event, _, outcome = _wait_for(bed, (("ServiceName", "Ecs"), ("EventName", "TagResources")), request_id)
    yield "LookupEvents by name", outcome
    if event is None:
        yield "LookupEvents by one of the ids", NotAsked("the event is not there by its name either")
    else:
        found = _look(bed, ("ResourceName", first), ("EventName", "TagResources"))
        yield "LookupEvents by one of the ids", found
        yield "it finds the event", any(item.get("requestId") == request_id for item in found.body.get("Events", []))
    bed.discard(first, second)


@probe(
    "How long may the span of LookupEvents be, and how far back may it begin?",
    "The page on limits: 90 days are kept. A note of somebody else: TimeRangeExceeded beyond 30 days.",
)
def span_of_a_look_up(bed):
    for name, start, end in (("29 days", 29, 0), ("32 days", 32, 0), ("a day, 100 days ago", 100, 99)):
        times = {"StartTime": clock(days=-start), "EndTime": clock(days=-end, minutes=-1)}
        yield name, bed.cloud.attempt("LookupEvents", **times, MaxResults=1)
    yield "a start and no end", bed.cloud.attempt("LookupEvents", StartTime=clock(days=-1), MaxResults=1)


@probe(
    "What do a key that is unknown and a pair of keys that is not listed do?",
    "The page on limits lists keys and pairs, and does not say what others do.",
)
def conditions_of_a_look_up(bed):
    yield "an unknown key", _look(bed, ("Colour", "blue"), size=1)
    bed.protect(bed.instance(), on=False)
    bed.environment.wait_until(lambda: _look(bed, ("EventRW", "Write"), size=1).body.get("Events"), LATE, POLL)
    pair = _look(bed, ("EventName", "ModifyInstanceAttribute"), ("EventRW", "Write"))
    yield "a pair that is not listed", pair
    if pair.text == ACCEPTED and pair.body["Events"]:
        others = {item.get("eventName") for item in pair.body["Events"]} - {"ModifyInstanceAttribute"}
        yield "what counts of it", "the second alone" if others else "at least the first"


@probe(
    "How many events does LookupEvents answer if MaxResults does not say it?",
    "Not documented.",
)
def page_of_a_look_up(bed):
    instance_id = bed.instance()
    for _ in range(6):
        bed.protect(instance_id)
        bed.protect(instance_id, on=False)

    def most():
        events = _look(bed, ("EventName", "ModifyInstanceAttribute")).body.get("Events", [])
        return len(events) if len(events) > 10 else 0

    most = bed.environment.wait_until(most, LATE, POLL)
    outcome = bed.cloud.attempt("LookupEvents", LookupAttribute=[{"Key": "EventName", "Value": "ModifyInstanceAttribute"}])
    yield "without MaxResults", outcome
    if outcome.accepted:
        count = len(outcome.body["Events"])
        yield "how many come", count if count < most else NotAsked("there are not more events than come without it")
