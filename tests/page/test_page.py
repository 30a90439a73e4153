"""Whether the page of `ecs-keeper audit --output html` is one: a real browser shows it, searches and sorts it, and prints it."""

import re
import unittest
import zlib

from browser import DARK, LIGHT, Browser
from report import EMPTY, HERE, HOSTILE, THERE, Reports, in_days, varied
from stage import Failed, eventually

# Rows that a page has at most.
MOST = 10_000
MACHINES = 12_000

A4 = (595, 842)
VERDICTS = ["Unprotected", "At risk", "Unknown", "Not applicable", "Protected"]

# The texts of one column, of the rows that are shown.
COLUMN = "Array.from(document.querySelectorAll('#targets tbody tr')).filter(row => row.getClientRects().length).map(row => row.cells[{}].textContent)"
VERDICT, ID, NAME = 0, 2, 3


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reports = Reports(cls)
        ignored = reports.folder / "ignore.yaml"
        ignored.write_text(f"[{{id: i-edge000001, reason: it may go, until: {in_days(6)}}}]")
        cls.account = reports.cloud.account(varied())
        cls.account.seed_scaling_group("asg-open", ["i-pool000001"])
        cls.page = reports.write(cls.account, f"--ignore={ignored}", regions=(HERE, THERE, EMPTY))
        many = reports.cloud.account([{"instanceId": "i-many", "count": MACHINES, "deletionProtection": True}, {"instanceId": "i-bare"}])
        cls.large = reports.write(many)
        cls.reports = reports
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.__exit__)

    def open(self, path, *, planted=False, **how):
        """The page. Unless something is planted in it, it has complained of nothing and fetched nothing when the test ends."""
        page = self.browser.open(path, **how)
        if not planted:
            self.addCleanup(self.quiet, page, path)
        return page

    def quiet(self, page, path):
        self.assertEqual(page.complaints(), [])
        self.assertEqual(page.requests(), [path.as_uri()])

    def shown(self, page, column):
        return page.ask(COLUMN.format(column))

    def targets(self):
        """How many there are, with the scaling group."""
        return len(self.account.instances()) + len(self.account.interfaces()) + 1

    def eventually(self, what, holds):
        if not (value := eventually(holds, patience=60)):
            raise Failed(f"It is not so that {what}.")
        return value

    def search(self, page, text):
        page.ask(f"(search => {{ search.value = {text!r}; search.dispatchEvent(new Event('input')) }})(document.getElementById('search'))")

    def test_it_is_shown_without_an_error_and_fetches_nothing(self):
        page = self.open(self.page)
        self.quiet(page, self.page)
        self.assertEqual(page.ask("document.title"), "What can be lost – ecs-keeper audit")
        self.assertEqual(page.ask("Array.from(document.querySelectorAll('.tile .verdict'), each => each.textContent)"), VERDICTS)
        verdicts = self.shown(page, VERDICT)
        self.assertEqual(len(verdicts), self.targets())
        worst_first = [next(number for number, known in enumerate(VERDICTS) if verdict.startswith(known)) for verdict in verdicts]
        self.assertEqual(worst_first, sorted(worst_first))

    def test_what_the_policy_forbids_is_a_complaint(self):
        # Otherwise no complaint would mean nothing.
        for planted in ("<script>document.title = 'owned'</script>", "<img src=http://127.0.0.1:9/x>", "<p style='color: red'>", "<p onclick='x()'>"):
            path = self.reports.folder / "planted.htm"
            path.write_text(self.page.read_text().replace("<footer>", f"{planted}<footer>"))
            page = self.open(path, planted=True)
            page.ask("document.querySelectorAll('p').forEach(each => each.click())")
            self.assertRegex(" ".join(page.complaints()), "Content Security Policy", planted)
            self.assertNotEqual(page.ask("document.title"), "owned")

    def test_what_strangers_wrote_is_text(self):
        page = self.open(self.page)
        names = self.shown(page, NAME)
        for name in HOSTILE:
            cut = name if len(name) <= 128 else name[:128]
            self.assertTrue([each for each in names if each.rstrip("…") == cut], name)
        self.assertEqual(page.ask("document.querySelectorAll('img, iframe, h1 ~ h1, [onerror], [onmouseover]').length"), 0)
        self.assertEqual(page.ask("document.scripts.length"), 1)
        self.assertEqual(page.ask("document.querySelectorAll('#targets').length"), 1)

    def test_search_shows_what_has_all_words_and_nothing_else(self):
        page = self.open(self.page)
        self.search(page, "HANGZHOU  payments")
        self.eventually("one row is shown", lambda: self.shown(page, ID) == ["i-bare"])
        self.assertRegex(page.ask("document.getElementById('shown').value"), r"^1 of \d+$")
        self.search(page, "</script>")
        self.eventually("the hostile rows are shown", lambda: set(self.shown(page, ID)) == {"i-hostile0", "i-hostile000001"})
        self.search(page, "")
        page.ask("(verdict => { verdict.value = 'at-risk'; verdict.dispatchEvent(new Event('change')) })(document.getElementById('verdict'))")
        self.assertEqual({verdict.split(maxsplit=2)[0] for verdict in self.eventually("some are at risk", lambda: self.shown(page, VERDICT))}, {"At"})

    def test_each_column_sorts_both_ways(self):
        page = self.open(self.page)
        for column in range(6):
            before = self.shown(page, column)
            click = f"document.querySelectorAll('#targets th button')[{column}].click()"
            state = f"document.querySelectorAll('#targets th')[{column}].getAttribute('aria-sort')"
            page.ask(click)
            once = (page.ask(state), self.shown(page, column))
            page.ask(click)
            twice = (page.ask(state), self.shown(page, column))
            self.assertEqual({once[0], twice[0]}, {"ascending", "descending"})
            self.assertNotEqual(once[1], twice[1])
            self.assertEqual(once[1], twice[1][::-1])
            self.assertEqual(sorted(once[1]), sorted(before), "nothing is lost")
        page.ask("document.querySelectorAll('#targets th button')[2].click()")
        ids = self.shown(page, ID)
        self.assertEqual(ids, sorted(ids))

    def test_it_names_what_ends_soon_and_not_what_ends_later(self):
        page = self.open(self.page)
        rows = page.ask("Array.from(document.querySelectorAll('.soon tbody tr'), row => Array.from(row.cells, cell => cell.innerText))")
        self.assertEqual([(row[1].split("\n")[0], row[2].split("\n")[0]) for row in rows], [("Automatic release time", "i-timed"), ("Ignored until", "i-edge000001")])
        self.assertIn("it may go", rows[1][1])

    def test_what_is_ignored_is_counted_and_comes_last_of_its_verdict(self):
        page = self.open(self.page)
        self.assertRegex(page.ask("document.querySelector('.tile').innerText"), "of which 1 ignored")
        others = page.ask("Array.from(document.querySelectorAll('.tile ~ .tile'), tile => tile.innerText).join()")
        self.assertNotIn("ignored", others)
        unprotected = [row for verdict, row in zip(self.shown(page, VERDICT), self.shown(page, ID)) if verdict.startswith("Unprotected")]
        self.assertEqual(unprotected[-1], "i-edge000001")

    def test_the_picture_shows_the_numbers(self):
        page = self.open(self.page)
        rows = page.ask(
            "Array.from(document.querySelectorAll('.regions tbody tr'), row => [Array.from(row.querySelectorAll('rect'), rect => +rect.getAttribute('width')),"
            " Array.from(row.querySelectorAll('.number'), cell => +cell.textContent)])"
        )
        self.assertEqual(len(rows), 5)
        for widths, numbers in rows:
            self.assertEqual(sum(widths), 1000)
            self.assertEqual(len(widths), sum(number > 0 for number in numbers[:-1]))
            self.assertEqual(sum(numbers[:-1]), numbers[-1])
        self.assertIn(f"Nothing listed: {EMPTY}", page.ask("document.body.innerText"))

    def test_a_region_that_can_not_be_read_is_told(self):
        account = self.reports.cloud.account([])
        refused = {"kind": "error", "code": "Forbidden.RAM"}
        self.reports.cloud.ask("POST", "/faults", {"operation": "DescribeInstances", "account": account.id, "fault": refused})
        page = self.open(self.reports.write(account, expected=1))
        self.assertIn("DescribeInstances failed with Forbidden.RAM", page.ask("document.querySelector('.incomplete').innerText"))
        text = page.ask("document.body.innerText")
        self.assertIn("None within 30 days among what was listed.", text)
        self.assertIn(f"Not all is known of: {HERE}", text)

    def test_without_scripts_everything_can_be_read(self):
        page = self.open(self.page, scripts=False)
        self.assertEqual(len(self.shown(page, ID)), self.targets())
        # What would do nothing is not there.
        self.assertEqual(page.ask("document.getElementById('controls').getClientRects().length"), 0)
        self.assertEqual(page.ask("document.querySelectorAll('button').length"), 0)

    def test_light_and_dark_differ(self):
        pages = {scheme: self.open(self.page, scheme=scheme) for scheme in (LIGHT, DARK)}
        luminance = {}
        for scheme, page in pages.items():
            colours = page.ask("['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name].match(/\\d+/g).map(Number))")
            luminance[scheme] = [sum(colour) for colour in colours]
        self.assertGreater(luminance[LIGHT][0], luminance[LIGHT][1] + 400)
        self.assertGreater(luminance[DARK][1], luminance[DARK][0] + 400)
        self.assertNotEqual(pages[LIGHT].picture(), pages[DARK].picture())

    def test_no_window_is_too_narrow(self):
        for width in (360, 768, 1280, 1920):
            page = self.open(self.page, size=(width, 900))
            self.assertLessEqual(page.ask("document.documentElement.scrollWidth"), width)
            hidden = "Array.from(document.querySelectorAll('.regions tbody td')).filter(cell => !cell.getClientRects().length).length"
            self.assertEqual(page.ask(hidden), 0, "the bar is a picture: its numbers are read beside it")

    def test_it_prints_on_a4_as_by_day(self):
        for scheme in (LIGHT, DARK):
            pages = Printed(self.open(self.page, scheme=scheme).pdf())
            self.assertGreater(len(pages.sizes), 1)
            self.assertEqual({tuple(round(side) for side in size) for size in pages.sizes}, {A4})
            self.assertGreater(pages.texts[0], 50)
            # Headings come again on each page, also those that can be clicked.
            self.assertEqual(pages.texts, Printed(self.open(self.page, scheme=scheme, scripts=False).pdf()).texts)

    def test_ten_thousand_rows_do_not_hang(self):
        page = self.open(self.large)
        self.assertEqual(page.ask("document.querySelectorAll('#targets tbody tr').length"), MOST)
        everything = 2 * (MACHINES + 1)
        self.assertIn(f"The worst 10,000. {everything - MOST:,} more are counted above, and not listed here: Unprotected 2,002, Protected 12,000. ", page.ask("document.querySelector('.targets').innerText"))
        self.assertEqual(page.ask(COLUMN.format(ID) + "[0]"), "i-bare", "the worst comes first")
        self.search(page, "no such target")
        self.eventually("none is shown", lambda: self.shown(page, ID) == [])
        self.assertEqual(page.ask("document.getElementById('shown').value"), f"0 of 10,000; {everything - MOST:,} more are not on this page")
        # It answers while it works: each question has a time-out.
        self.search(page, "i-bare")
        self.eventually("one row is shown", lambda: self.shown(page, ID) == ["i-bare"])
        self.search(page, "")
        self.eventually("all are shown", lambda: len(self.shown(page, ID)) == MOST)
        before = self.shown(page, ID)
        sort = "document.querySelectorAll('#targets th button')[2].click()"
        filtered = "(verdict => {{ verdict.value = '{}'; verdict.dispatchEvent(new Event('change')) }})(document.getElementById('verdict'))"
        for act in (sort, filtered.format("protected"), filtered.format("")):
            page.draw(act)
        self.assertEqual(self.shown(page, ID), sorted(before))
        self.assertGreater(len(Printed(page.pdf()).sizes), 100)


class Printed:
    """What there is in a PDF of Chromium's: the size of each page, and how many pieces of text are on it."""

    def __init__(self, pdf):
        objects = {int(number): body for number, body in re.findall(rb"\n(\d+) 0 obj\b(.*?)\nendobj", pdf, re.DOTALL)}
        pages = [body for body in objects.values() if re.search(rb"/Type\s*/Page\b", body)]
        boxes = [re.search(rb"/MediaBox\s*\[([^]]*)\]", page).group(1).split() for page in pages]
        self.sizes = [(float(right) - float(left), float(top) - float(bottom)) for left, bottom, right, top in boxes]
        contents = [objects[int(re.search(rb"/Contents\s+(\d+) 0 R", page).group(1))] for page in pages]
        drawn = [zlib.decompressobj().decompress(content.split(b"stream", 1)[1].lstrip(b"\r\n")) for content in contents]
        self.texts = [len(re.findall(rb"\bT[jJ]\b", each)) for each in drawn]


if __name__ == "__main__":
    unittest.main()
