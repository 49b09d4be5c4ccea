"""Compares a run through Ketch with the bare one, by test name, and knows which differences are expected."""

import dataclasses
import pathlib
import tomllib

EXPECTED = pathlib.Path(__file__).with_name("expected.toml")


@dataclasses.dataclass
class Difference:
    """A test that passes on the bare server and not through Ketch. `reason` is the list's, or None."""

    unit: str
    test: str
    why: str
    reason: str | None


@dataclasses.dataclass
class Comparison:
    """One unit, two ways."""

    unit: str
    direct: int
    through: int
    differences: list

    def unexpected(self):
        return [difference for difference in self.differences if difference.reason is None]


class Expected:
    """tests/compat/expected.toml: `[[expected]]` with `suite`, `reason` and `tests`, a test being
    `unit: name`. A `*` at its end stands for any rest. `sometimes = true` says that they pass now and then."""

    def __init__(self, suite):
        rows = tomllib.loads(EXPECTED.read_text()).get("expected", [])
        self.exact, self.beginnings, self.sometimes = {}, [], set()
        for row in rows:
            if row["suite"] == suite:
                self._take(row)

    def _take(self, row):
        if row.get("sometimes"):
            self.sometimes.update(row["tests"])
        for test in row["tests"]:
            if test.endswith("*"):
                self.beginnings.append((test[:-1], row["reason"]))
            else:
                self.exact[test] = row["reason"]

    def reason(self, unit, test):
        whole = f"{unit}: {test}"
        if whole in self.exact:
            return self.exact[whole]
        return next((reason for beginning, reason in self.beginnings if whole.startswith(beginning)), None)


def compare(name, direct, through, expected):
    """`direct` and `through` are the outcomes of the unit `name`."""
    passed, still = direct.passed(), through.passed()
    differences = [
        Difference(name, test, through.why_not(test), expected.reason(name, test))
        for test in direct.tests if test in passed - still
    ]
    return Comparison(name, len(passed), len(passed & still), differences)


def listed_but_passed(units, expected):
    """Entries of the list whose test has passed through Ketch in every unit of this run: they can go."""
    passed = {f"{name}: {test}" for name, unit in units.items() for test in unit.passed()}
    return sorted(passed & set(expected.exact) - expected.sometimes)


def table(comparisons):
    """Counts a unit, and the sum."""
    width = max([len(c.unit) for c in comparisons] + [4])
    rows = [("unit", "direct", "through", "expected", "unexpected")]
    rows += [
        (c.unit, c.direct, c.through, len(c.differences) - len(c.unexpected()), len(c.unexpected()))
        for c in comparisons
    ]
    rows.append(("sum", *(sum(row[n] for row in rows[1:]) for n in range(1, 5))))
    return "\n".join(f"{row[0]:<{width}} {row[1]:>8} {row[2]:>8} {row[3]:>9} {row[4]:>11}" for row in rows)


def listing(comparisons):
    """Each difference on lines of its own: the test, then why, then the reason if it is expected."""
    out = []
    for comparison in comparisons:
        for d in comparison.differences:
            out.append(f"{d.unit}: {d.test}")
            out += [f"    {line}" for line in d.why.splitlines()]
            if d.reason:
                out.append(f"    expected: {d.reason}")
    return "\n".join(out)
