"""Each row of the table is a test: whose key each of the programs chooses in its environment."""

from __future__ import annotations

import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from string import Template

from cloud import Bystander, Cloud
from issuer import Issuer
from programs import FOLDER, PROGRAMS, Answer
from row import Refused, Row
from rows import ROWS

# The libraries wait one second for the metadata service, which on a busy machine may be too short. So a row that differs
# is tried again, and has to differ each time.
_TRIES = 3

# The rows that ran, and what each program chose.
_chosen: list[tuple[Row, dict[str, str]]] = []


class Identities(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bystander, cls.issuer = Bystander(), Issuer()

    def check(self, row: Row) -> None:
        for _ in range(_TRIES):
            answers = self.answers(row)
            if all(answer.identity == row.wanted(program) for program, answer in answers.items()):
                break
        _chosen.append((row, {program: answer.identity for program, answer in answers.items()}))
        for program, answer in answers.items():
            with self.subTest(program):
                self.assertEqual(answer.identity, row.wanted(program), answer.says)
        if isinstance(row.ours, Refused):
            self.assertIn(row.ours.says, answers["ecs-keeper"].says)

    def answers(self, row: Row) -> dict[str, Answer]:
        """What each program chooses in the row's environment."""
        home = tempfile.TemporaryDirectory(dir=FOLDER)
        self.addCleanup(home.cleanup)
        with Cloud(os.environ["SIMULATOR_BIN"], FOLDER, self.issuer, row.metadata, row.refusals) as cloud:
            words = {**cloud.words, "HOME": home.name}
            fill = lambda text: Template(text).safe_substitute(words)
            for path, content in row.files.items():
                file = Path(home.name, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(fill(content if isinstance(content, str) else json.dumps(content)))
            environment = {"HOME": home.name, **{variable: fill(value) for variable, value in row.variables.items()}}
            return {program: self.chosen(choose, environment, cloud) for program, choose in PROGRAMS.items()}

    def chosen(self, choose, environment: dict[str, str], cloud: Cloud) -> Answer:
        """With the place where a session was asked for, and with the proxy."""
        identity, says = choose(environment, cloud)
        if hosts := cloud.asked():
            identity += f" at {hosts}"
        if self.bystander.was_proxy():
            identity += " by the proxy"
        return Answer(identity, says)


class Table(unittest.TestCase):
    def test_it_is_as_long_as_promised_and_no_row_hides_another(self):
        self.assertGreaterEqual(len(ROWS), 60)
        self.assertEqual(len(ROWS), len({_test_name(row) for row in ROWS}))


def _test_name(row: Row) -> str:
    return "test_" + re.sub(r"\W+", "_", row.name.lower())


for _row in ROWS:
    setattr(Identities, _test_name(_row), lambda self, row=_row: self.check(row))


def tearDownModule():
    """Prints the table, with the reasons for the differences as notes."""
    notes: list[str] = []
    lines = [("", *PROGRAMS)]
    for row, chosen in sorted(_chosen, key=lambda ran: ROWS.index(ran[0])):
        cells = [row.name]
        for program, identity in chosen.items():
            differs = row.differences.get(program)
            if differs and differs.because not in notes:
                notes.append(differs.because)
            cells.append(f"{identity} [{notes.index(differs.because) + 1}]" if differs else identity)
        lines.append(tuple(cells))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip())
    for number, note in enumerate(notes, start=1):
        print(f"[{number}] {note}")
    alike = sum(not row.differences for row, _ in _chosen)
    print(f"{len(_chosen)} of {len(ROWS)} environments; in {alike} of them all choose the same.", flush=True)
