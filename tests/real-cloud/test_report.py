"""What may be shown to anybody, and what may not."""

from __future__ import annotations

import pytest
from probe import Answer, Observation, Probe
from report import Placeholders, differences, render

ASKED = Probe("asked", "What is it?", "The page.", lambda bed: iter(()))


def answer(*pairs, unasked=None, message=""):
    return Answer(ASKED, [Observation(label, value, message) for label, value in pairs], unasked=unasked or {})


@pytest.mark.parametrize(
    "secret",
    [
        "i-bp1example0123456789",
        "eni-2zeexample0000001",
        "vsw-bp1s5fnvk4gn2tws0624q",
        "sg-bp15ed6xe1yxeycg7ov3",
        "asg-bp1ffogfdauy0jw0rb0t",
        "1234567890123456",
        "0A1B2C3D-1111-2222-3333-444455556666",
        "172.16.0.7",
        "203.0.113.0/24",
        "2001:db8::1",
        "2001:db8:1:2:3:4:5:6",
        "00:16:3e:0a:0b:0c",
        "LTAI5tExampleKey1234",
        "STS.NExampleAccessKeyId",
        "20261201T101500Z-1a2b3c4d",
        "AQIBIAAAAAEncodedDiagnosticMessage0123",
    ],
)
def test_no_secret_stays(secret):
    for text in (secret, f"There is no {secret}.", f'"{secret}"', f"<{secret}>", f"a={secret}&b", f"({secret}, x)"):
        shown = Placeholders()(text)
        assert secret not in shown and "-1>" in shown, shown


@pytest.mark.parametrize(
    "text",
    [
        "403 InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc",
        "404 InvalidAccessKeyId.NotFound",
        "Region: cn-hangzhou",
        "Instance type: ecs.u1-c1m1.large",
        "requestParameters.DeletionProtection is a boolean",
        "2026-02-28 at 12:30, version 2022-02-22",
        "## automatic-release-with-retained-interfaces",
    ],
)
def test_what_is_no_secret_stays(text):
    assert Placeholders()(text) == text


def test_the_same_secret_has_the_same_placeholder():
    shown = Placeholders({"vsw-mine": "vswitch"})("i-aaaaaa1 and i-bbbbbb2, i-aaaaaa1 in vsw-mine")
    assert shown == "<id-1> and <id-2>, <id-1> in <vswitch>"


def test_messages_of_the_cloud_are_shown_without_ids():
    real = answer(("deleting it", "403 Denied"), message="i-bp1example0123456789 of 1234567890123456 is busy | now")
    report = render([(real, answer(("deleting it", "accepted")))], place={"Region": "cn-hangzhou"}, placeholders=Placeholders())
    assert report.startswith("# 1 difference between")
    assert "| deleting it | accepted | 403 Denied |" in report
    assert "The cloud says with 403 Denied: <id-1> of <account-1> is busy \\| now" in report


def test_what_was_not_asked_is_no_difference_and_is_said():
    real = answer(("a", "1"), unasked={"b": "it was too late"})
    simulated = answer(("a", "1"), ("b", "2"))
    assert differences(real, simulated) == []
    assert "* asked, b: it was too late" in render([(real, simulated)], place={}, placeholders=Placeholders())


def test_a_story_that_ends_early_is_a_difference():
    real, simulated = answer(("a", "1"), ("the story ends with X", "403 Y")), answer(("a", "1"), ("b", "2"))
    assert [(each.label, each.simulated, each.real) for each in differences(real, simulated)] == [
        ("b", "2", "(not reached)"),
        ("the story ends with X", "(not reached)", "403 Y"),
    ]
