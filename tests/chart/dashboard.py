#!/usr/bin/env python3
"""Writes the chart's Grafana dashboard from the table below; with --check it only compares.

Of several thousand lines of JSON the table says what differs from panel to panel: what it shows, in which unit, and by which queries.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass

from generated import CHART, write_or_check

DASHBOARD = CHART / "files" / "dashboard.json"

# Grafana's grid, and the heights of its panels.
COLUMNS = 24
HEIGHTS = {"stat": 4, "table": 8, "timeseries": 8}

# What stands for selectors in the queries: of all that is chosen above the dashboard, and of what has neither account nor region.
SELECTORS = {"{@": '{job=~"$job",account=~"$account",region=~"$region"', "{%": '{job=~"$job",account=~"$account"', "{&": '{job=~"$job"'}


# The colour of a number, from which value on. Grafana's own default makes everything red from 80 on.
NEUTRAL = (("text", None),)
BAD_FROM_ONE = (("green", None), ("red", 1))
GOOD_FROM_ONE = (("red", None), ("green", 1))
# As the alert EcsKeeperEvidenceStale.
STALE = (("green", None), ("red", 900))


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` are the expressions by their legends; in a table, the legend is the name of the column of values."""

    title: str
    description: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"
    width: int = 8
    colours: tuple = NEUTRAL


def stat(title: str, description: str, expression: str, colours: tuple = NEUTRAL, unit: str = "short") -> Panel:
    """One number, as large as possible."""
    return Panel(title, description, unit, {title: expression}, "stat", 3, colours)


ROWS = {
    "Overview": [
        stat("Leaders", "Replicas that lead. It is 1, or 0 for some seconds while the lead changes hands.", "sum(ecs_keeper_leader{&})", GOOD_FROM_ONE),
        stat("Unprotected", "Targets whose flag is off, those included that are only observed.", 'sum(ecs_keeper_targets{@,verdict="Unprotected"})', BAD_FROM_ONE),
        stat("Unknown", "Targets of which ecs-keeper can't tell at present.", 'sum(ecs_keeper_targets{@,verdict="Unknown"})', BAD_FROM_ONE),
        stat("At risk", "Targets that can be lost although their flag is protected.", "sum(ecs_keeper_targets_at_risk{@})"),
        stat("Exceptions", "Exceptions in force: instances that are left unprotected for a time.", "sum(ecs_keeper_exceptions{@})"),
        stat("Free interfaces", "Retained network interfaces that are on no instance.", "sum(ecs_keeper_free_interfaces{@})"),
        stat("Stalled objects", "Objects whose condition Stalled is True: somebody must act.", "sum(ecs_keeper_objects_stalled{&})", BAD_FROM_ONE),
        stat(
            "Oldest evidence",
            "Age of the oldest evidence of all scopes. Scopes that this leader has not swept completely yet are left out.",
            "max(time() - (ecs_keeper_evidence_timestamp_seconds{@} > 0))",
            STALE,
            "s",
        ),
    ],
    "Targets": [
        Panel(
            "Scopes",
            "Targets of each account and region now, by verdict. A target that several objects select counts once for each of them.",
            "short",
            {"Targets": "sum by (account, region, kind, verdict) (ecs_keeper_targets{@})"},
            "table",
        ),
        Panel("Verdicts", "Targets by verdict.", "short", {"{{kind}} {{verdict}}": "sum by (kind, verdict) (ecs_keeper_targets{@})"}),
        Panel(
            "Objects",
            "Objects by status and reason of their domain condition, Protected or Retained.",
            "short",
            {"{{kind}} {{status}} {{reason}}": "sum by (kind, status, reason) (ecs_keeper_objects{&}) > 0"},
        ),
        Panel(
            "Targets at risk",
            "Targets that can be lost although their flag is protected. The condition AtRisk of the objects names the risks.",
            "short",
            {"{{kind}} {{account}} {{region}}": "sum by (kind, account, region) (ecs_keeper_targets_at_risk{@})"},
        ),
        Panel(
            "Lost targets",
            "Targets that are gone or no longer selected. Those of the type Warning were to be protected and could have been.",
            "short",
            {"{{kind}} {{reason}} {{type}}": "sum by (kind, reason, type) (increase(ecs_keeper_targets_lost_total{&}[$__rate_interval]))"},
        ),
        Panel(
            "Circuit breaker",
            "1 while too many targets have vanished or lost their flag at once. Then nothing is unprotected, and nothing counts as gone.",
            "short",
            {"{{account}} {{region}}": "max by (account, region) (ecs_keeper_circuit_breaker{@})"},
        ),
    ],
    "Exceptions and survivors": [
        Panel(
            "Exceptions in force",
            "Instances that objects leave unprotected for a time.",
            "short",
            {"{{account}} {{region}}": "sum by (account, region) (ecs_keeper_exceptions{@})"},
            width=12,
        ),
        Panel(
            "Free interfaces by phase",
            "Retained network interfaces that are on no instance. Available: it has outlived its instance. Detached: it is not known to have.",
            "short",
            {"{{account}} {{region}} {{phase}}": "sum by (account, region, phase) (ecs_keeper_free_interfaces{@})"},
            width=12,
        ),
    ],
    "Evidence": [
        Panel(
            "Age of the evidence",
            "Time since the newest complete sweep began, and the age from which evidence is stale: targets are Unknown then.",
            "s",
            {
                "{{account}} {{region}}": "max by (account, region) (time() - (ecs_keeper_evidence_timestamp_seconds{@} > 0))",
                "{{account}} {{region}} limit": "max by (account, region) (ecs_keeper_evidence_max_age_seconds{@})",
            },
            width=12,
        ),
        Panel(
            "Duration of sweeps",
            "Duration of complete sweeps: nine of ten take less.",
            "s",
            {
                "{{account}} {{region}} {{resource}}": "histogram_quantile(0.9, sum by (account, region, resource, le) "
                "(rate(ecs_keeper_sweep_duration_seconds_bucket{@}[$__rate_interval])))"
            },
            width=12,
        ),
    ],
    "Calls of the cloud": [
        Panel(
            "Calls per minute",
            "Calls by operation, whatever their outcome. Compare them with the account's quotas and with the budgets of the configuration.",
            "cpm",
            {"{{account}} {{region}} {{operation}}": "60 * sum by (account, region, operation) (rate(ecs_keeper_cloud_calls_total{@}[$__rate_interval]))"},
        ),
        Panel(
            "Budgets",
            "Calls that the budgets have left. A budget that stays at 0 makes sweeps or writes slower.",
            "short",
            {"{{account}} {{region}} {{resource}} {{sort}}": "min by (account, region, resource, sort) (ecs_keeper_budget_calls{@})"},
        ),
        Panel(
            "Throttled calls",
            "Calls that the cloud refused because of its quotas, which others in the account use, too.",
            "short",
            {
                "{{account}} {{region}} {{operation}}": "sum by (account, region, operation) "
                '(increase(ecs_keeper_cloud_calls_total{@,outcome="Throttled"}[$__rate_interval]))'
            },
        ),
        Panel(
            "Failed calls",
            "Calls that were not answered as asked, by the class of the error. GivenUp: the term or the process ended first.",
            "short",
            {
                "{{operation}} {{outcome}}": "sum by (operation, outcome) "
                '(increase(ecs_keeper_cloud_calls_total{@,outcome!="Answered"}[$__rate_interval]))'
            },
        ),
        Panel(
            "Duration of calls",
            "Duration of calls by operation: nine of ten take less.",
            "s",
            {
                "{{operation}}": "histogram_quantile(0.9, sum by (operation, le) "
                "(rate(ecs_keeper_cloud_call_duration_seconds_bucket{@}[$__rate_interval])))"
            },
        ),
        Panel(
            "Waiting writes",
            "Targets with a pending write of their flag.",
            "short",
            {"{{account}} {{region}} {{resource}}": "sum by (account, region, resource) (ecs_keeper_writes_waiting{@})"},
        ),
    ],
    "Drift and repair": [
        Panel(
            "Repairs",
            "Flags that somebody had changed and that were seen to be right again after a write of ecs-keeper.",
            "short",
            {"{{flag}}": "sum by (flag) (increase(ecs_keeper_repair_duration_seconds_count{@}[$__rate_interval]))"},
        ),
        Panel(
            "Time of repairs",
            "From when a changed flag was seen until it was seen to be right again, in the time range of the dashboard: half of the repairs, and "
            "nineteen of twenty, took less.",
            "s",
            {
                f"{{{{flag}}}} {quantile}": f"histogram_quantile({quantile}, sum by (flag, le) "
                "(increase(ecs_keeper_repair_duration_seconds_bucket{@}[$__range])))"
                for quantile in (0.5, 0.95)
            },
        ),
        Panel(
            "Writes of flags",
            "Writes by the value written, and by outcome.",
            "short",
            {"{{flag}} {{value}} {{outcome}}": "sum by (flag, value, outcome) (increase(ecs_keeper_flag_writes_total{@}[$__rate_interval]))"},
        ),
        Panel(
            "Attribution",
            "Flags that somebody else had switched off, by what ActionTrail says of it, and how many are yet to be asked about. Empty unless "
            "attribution is on.",
            "short",
            {
                "{{outcome}}": "sum by (outcome) (increase(ecs_keeper_attributions_total{@}[$__rate_interval])) > 0",
                "Waiting": "sum(ecs_keeper_attributions_waiting{%})",
            },
        ),
    ],
    "Credentials": [
        Panel(
            "Sources",
            "The sources of each account's credentials, and the role that they are a session of. Access keys have none.",
            "short",
            {"Replicas": "count by (account, source, role) (ecs_keeper_credentials_info{%})"},
            "table",
        ),
        Panel(
            "Time until sessions end and are renewed",
            "If a session is not renewed in time, its renewal fails; the log says why. Access keys do not end.",
            "s",
            {
                "{{account}} {{source}} ends": "min by (account, source) (ecs_keeper_credentials_expiry_timestamp_seconds{%} - time())",
                "{{account}} {{source}} renewal": "min by (account, source) (ecs_keeper_credentials_renewal_timestamp_seconds{%} - time())",
            },
        ),
        Panel(
            "Failures",
            "Failed attempts to obtain or to renew credentials, by the class of the error.",
            "short",
            {"{{account}} {{source}} {{class}}": "sum by (account, source, class) (increase(ecs_keeper_credentials_failures_total{%}[$__rate_interval]))"},
        ),
    ],
    "The operator": [
        Panel(
            "Changes of leader",
            "How often a replica has become the leader.",
            "short",
            {"Terms": "sum(increase(ecs_keeper_leader_terms_total{&}[$__rate_interval]))"},
        ),
        Panel(
            "Patches and Events",
            "What ecs-keeper writes to the API server, by outcome.",
            "short",
            {
                "{{kind}} {{patched}} {{outcome}}": "sum by (kind, patched, outcome) (increase(ecs_keeper_patches_total{&}[$__rate_interval]))",
                "Event {{outcome}}": "sum by (outcome) (increase(ecs_keeper_events_total{&}[$__rate_interval]))",
            },
        ),
        Panel(
            "Failed watches",
            "Watches of the API server that failed and were restarted.",
            "short",
            {"{{resource}}": "sum by (resource) (increase(ecs_keeper_watch_failures_total{&}[$__rate_interval]))"},
        ),
        Panel("Memory", "Resident memory of each replica.", "bytes", {"{{pod}}": "process_resident_memory_bytes{&}"}),
        Panel("Processor", "Processor time of each replica.", "percentunit", {"{{pod}}": "rate(process_cpu_seconds_total{&}[$__rate_interval])"}),
        Panel(
            "Versions",
            "Replicas by the version of the program.",
            "short",
            {"Replicas": "count by (version) (ecs_keeper_build_info{&})"},
            "table",
        ),
    ],
}

# What can be chosen above the dashboard, from the values of a label; without a choice, everything is shown.
VARIABLES = {
    "job": ("Job", "label_values(ecs_keeper_build_info, job)"),
    "account": ("Account", 'label_values(ecs_keeper_targets{job=~"$job"}, account)'),
    "region": ("Region", 'label_values(ecs_keeper_targets{job=~"$job",account=~"$account"}, region)'),
}

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def generated() -> str:
    """The text that the dashboard ought to have."""
    dashboard = {
        "uid": "ecs-keeper",
        "title": "ecs-keeper",
        "description": "What ecs-keeper protects in Alibaba Cloud, what it can't, and how it works.",
        "tags": ["ecs-keeper"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), *itertools.starmap(_variable, VARIABLES.items())]},
        "panels": list(_panels()),
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _datasource() -> dict:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(name: str, labelled: tuple[str, str]) -> dict:
    label, query = labelled
    every = {"includeAll": True, "allValue": ".*", "multi": True, "current": {"text": ["All"], "value": ["$__all"]}}
    # 2: when the time range changes.
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 1, **every}


def _panels():
    """All panels in their places: row by row, from left to right."""
    numbers = itertools.count(1)
    y = 0
    for title, panels in ROWS.items():
        yield {"id": next(numbers), "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, y, COLUMNS, 1)}
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            yield {"id": next(numbers), "gridPos": _place(x, y, panel.width, HEIGHTS[panel.kind]), **_shown(panel)}
            x, height = x + panel.width, max(height, HEIGHTS[panel.kind])
        y += height


def _place(x: int, y: int, width: int, height: int) -> dict:
    return {"x": x, "y": y, "w": width, "h": height}


def _shown(panel: Panel) -> dict:
    once = {"instant": True, "range": False} if panel.kind != "timeseries" else {"range": True}
    table = {"format": "table"} if panel.kind == "table" else {}
    targets = [
        {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": _expression(text), "legendFormat": legend, **once, **table}
        for n, (legend, text) in enumerate(panel.queries.items())
    ]
    shown = {"type": panel.kind, "title": panel.title, "description": panel.description, "datasource": SOURCE}
    steps = [{"color": colour, "value": value} for colour, value in panel.colours]
    shown["fieldConfig"] = {"defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []}
    shown["targets"] = targets
    if panel.kind == "table":
        (column,) = panel.queries
        shown["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": column}}}]
    return shown


def _expression(text: str) -> str:
    for short, selector in SELECTORS.items():
        text = text.replace(short, selector)
    return text


def main(arguments: list[str]) -> int:
    """Runs as the command line says."""
    return write_or_check(DASHBOARD, generated(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
