"""What became of each test of one unit, on its way to the comparison."""

import dataclasses
import json

OK = "ok"
FAILED = "failed"
HUNG = "hung"
SKIPPED = "skipped"


@dataclasses.dataclass
class Outcome:
    """`detail` is what the suite said about a test that did not pass."""

    status: str
    detail: str = ""


class Unit:
    """The outcomes of one unit by test name. A name that comes twice in a unit gets ` (2)` behind it."""

    def __init__(self):
        self.tests = {}
        self.outside = []
        """Errors between the tests, which may have kept those behind them from being run."""
        self.seconds = 0.0
        self._begun = {}

    def begin(self, name):
        """The key under which this occurrence of `name` is kept."""
        times = self._begun[name] = self._begun.get(name, 0) + 1
        return name if times == 1 else f"{name} ({times})"

    def passed(self):
        return {name for name, outcome in self.tests.items() if outcome.status == OK}

    def why_not(self, name):
        """One line about a test that did not pass."""
        outcome = self.tests.get(name)
        if outcome is None:
            before = f", after: {self.outside[-1]}" if self.outside else ""
            return f"not reached{before}"
        return f"{outcome.status}: {outcome.detail}" if outcome.detail else outcome.status

    def as_json(self):
        tests = {name: [outcome.status, outcome.detail] for name, outcome in self.tests.items()}
        return {"tests": tests, "outside": self.outside, "seconds": round(self.seconds, 1)}

    @staticmethod
    def from_json(kept):
        unit = Unit()
        unit.tests = {name: Outcome(*pair) for name, pair in kept["tests"].items()}
        unit.outside, unit.seconds = kept["outside"], kept["seconds"]
        return unit


class Kept:
    """The outcomes of one way in a file, unit by unit, so that a later run can compare with them."""

    def __init__(self, path):
        self.path = path
        self.units = {}
        self._read()

    def _read(self):
        if self.path.exists():
            self.units = {name: Unit.from_json(kept) for name, kept in json.loads(self.path.read_text()).items()}

    def put(self, name, unit):
        # Another run may have put something there since.
        self._read()
        self.units[name] = unit
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({name: kept.as_json() for name, kept in self.units.items()}, indent=1))
