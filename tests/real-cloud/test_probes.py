"""Whether the probes find what is different, and nothing where nothing is."""

from __future__ import annotations

import pytest
from bends import BENDS
from conftest import REGION, bed_of, left_in
from environment import SimulatedCloud, Watch
from operations import MARKET, OPERATIONS, policy
from probe import PROBES, ask
from real_cloud import INSTANCES, INTERFACES, SLOW_INSTANCES, SLOW_INTERFACES, tell_all
from report import Placeholders, differences, render

by_name = {each.name: each for each in PROBES}
known = {}


@pytest.fixture
def expected(control):
    """What the simulator answers to a probe that is asked alone."""

    def answer(name, region):
        if (name, region) not in known:
            zone = f"{region}-h" if region == "cn-hangzhou" else f"{region}a"
            bed = bed_of(SimulatedCloud(Watch(), control, region=region, zone=zone))
            known[name, region] = ask(by_name[name], bed)
            bed.resources.remove_all()
        return known[name, region]

    return answer


def test_two_equal_clouds_differ_in_nothing_and_only_what_the_policy_allows_is_called(environment, control):
    user = {"userName": "ecs-keeper", "policies": [policy()]}
    control("POST", f"/accounts/{environment.account}/users", user)
    real = bed_of(environment)
    answers = list(tell_all(PROBES, real))
    assert not real.resources.remove_all() and left_in(environment) == {}
    called = control("GET", f"/log/counts?account={environment.account}")
    other = bed_of(SimulatedCloud(Watch(), control, region=environment.region, zone=environment.zone))
    expected = list(tell_all(PROBES, other))
    report = render(list(zip(answers, expected)), place={}, placeholders=Placeholders())
    assert report.startswith("# No differences"), report
    assert "(not reached)" not in report and "Not asked" not in report, report
    for answer in answers:
        assert answer.observations, answer.probe.name
        assert not [item for item in answer.observations if item.label.startswith("the story ends")], answer
    assert {name for name, operation in OPERATIONS.items() if name not in MARKET and not operation.free} == set(called)
    assert all(each.name in report.split("## As the simulator has it")[1] for each in PROBES), "a name is no secret"
    # What is said before it begins.
    instances, interfaces = (called[name]["mutations"] for name in ("RunInstances", "CreateNetworkInterface"))
    assert instances <= INSTANCES + SLOW_INSTANCES and instances + interfaces <= INTERFACES + SLOW_INTERFACES


@pytest.mark.parametrize("bend", BENDS, ids=str)
def test_what_is_different_is_found(bend, bent, expected, control):
    straight = expected(bend.probe, REGION)
    environment = bent(bend)
    bed = bed_of(environment)
    answer = ask(by_name[bend.probe], bed)
    found = differences(answer, straight)
    assert bend.label in {each.label for each in found}, (answer, found)
    control("DELETE", f"/faults?account={environment.account}")
    environment.settings(transitionMillis=1000)
    assert not bed.resources.remove_all() and left_in(environment) == {}


def test_each_probe_has_something_that_it_must_find():
    assert {bend.probe for bend in BENDS} == set(by_name)


@pytest.mark.parametrize("refusal", ["nameAndDescriptionOnly", "invalidType"])
def test_a_region_without_retention_of_primary_interfaces_is_no_difference(bent, expected, refusal):
    environment = bent(region="me-east-1")
    environment.settings(primaryRefusal=refusal)
    answer = ask(by_name["flag-of-a-primary-interface"], bed_of(environment))
    found = differences(answer, expected("flag-of-a-primary-interface", "me-east-1"))
    assert [each.label for each in found] == ([] if refusal == "nameAndDescriptionOnly" else ["retaining it"])
