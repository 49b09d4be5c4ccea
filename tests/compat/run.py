"""`make compat`: runs the suites that others wrote against bare redis-servers and through Ketch, and fails
if a test passes there and not here, unless expected.toml says why it cannot.

docs/compatibility.md tells what is run, what is left out, and how to read what this prints.
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import signal
import sys
import tempfile

import children
import compare
import fetch
import page
import redis_py
import tcl
from outcome import Kept
from ways import PAIRS

RESULTS = fetch.CACHE / "results"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/compat.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the subset that ends within ten minutes")
    parser.add_argument("--suite", choices=PAIRS, help="this one only")
    parser.add_argument("--way", choices=[way for pairs in PAIRS.values() for way in pairs], action="append",
                        help="this way only (may be given more than once)")
    parser.add_argument("--unit", action="append", help="this unit or file only (may be given more than once)")
    parser.add_argument("--only", action="append", help="this test only, by its name (of Redis's suite)")
    parser.add_argument("--in-band", action="store_true",
                        help="send CONFIG and DEBUG through Ketch, too, instead of to the nodes")
    parser.add_argument("--keep-direct", action="store_true",
                        help="compare with what the last bare runs gave, where they are kept")
    parser.add_argument("--docs", action="store_true", help="write the list of expected differences into the docs")
    parser.add_argument("--binary", default="target/debug/ketch", type=pathlib.Path, help="Ketch")
    return parser.parse_args()


class Redis:
    """Redis's own suite."""

    name = "redis"

    def __init__(self, args):
        self.args = args
        self.suite, version = fetch.redis_suite()
        self.title = f"the tests of {version}"
        self.everything, self.quick = tcl.all_units(self.suite), tcl.QUICK

    def run(self, unit, way):
        options = [word for test in self.args.only or () for word in ("--only", test)]
        return tcl.run_unit(self.suite, unit, way, options, self.args.in_band, self.args.binary)


class RedisPy:
    """redis-py's own tests."""

    name = "redis-py"

    def __init__(self, args):
        self.args = args
        self.suite, self.python = fetch.redis_py_suite()
        self.title = f"the tests of redis-py {fetch.redis_py_version()}"
        self.everything, self.quick = redis_py.all_units(self.suite), redis_py.QUICK

    def run(self, unit, way):
        options = [word for test in self.args.only or () for word in ("-k", test)]
        return redis_py.run_unit(self.suite, self.python, unit, way, options, self.args.binary)


def run_pair(suite, way_name, args):
    """Runs all units both ways; the comparisons."""
    direct, through = PAIRS[suite.name][way_name]
    units = suite.quick[way_name] if args.quick else suite.everything
    if args.unit:
        units = [unit for unit in suite.everything if unit in args.unit]
    # What single tests gave is no result of their unit.
    folder = pathlib.Path(tempfile.mkdtemp(dir=fetch.CACHE)) if args.only else RESULTS
    kept = {way: Kept(folder / f"{suite.name}-{way.name}.json") for way in (direct, through)}
    expected = compare.Expected(suite.name)
    fetch.say(f"{suite.title}, {direct.name} and {way_name}: {len(units)} units")
    comparisons = []
    for unit in units:
        wanted = [way for way in (direct, through) if not (args.keep_direct and way is direct and unit in kept[way].units)]
        # Side by side where time matters more than undisturbed servers.
        with concurrent.futures.ThreadPoolExecutor(len(wanted) if args.quick else 1) as at_once:
            for way, outcomes in zip(wanted, at_once.map(lambda way: suite.run(unit, way), wanted)):
                kept[way].put(unit, outcomes)
        one = compare.compare(unit, kept[direct].units[unit], kept[through].units[unit], expected)
        comparisons.append(one)
        seconds = [f"{kept[way].units[unit].seconds:.0f} s" for way in (direct, through)]
        fetch.say(f"{way_name} {unit}: {one.through} of {one.direct} ({' and '.join(seconds)})")
    report(suite, way_name, comparisons)
    passed = {unit: kept[through].units[unit] for unit in units}
    for test in compare.listed_but_passed(passed, expected):
        fetch.say(f"{way_name}: on the list of expected differences, but it passes: {test}")
    return comparisons


def report(suite, way_name, comparisons):
    """Prints the table and the unexpected names; all differences go to a file."""
    text = compare.table(comparisons)
    path = fetch.CACHE / f"{suite.name}-{way_name}.txt"
    path.write_text(f"{suite.title}, {way_name}\n\n{text}\n\n{compare.listing(comparisons)}\n")
    print(f"\n== {suite.title}, {way_name}\n{text}\n")
    for difference in (d for c in comparisons for d in c.unexpected()):
        print(f"differs: {way_name} {difference.unit}: {difference.test}")
    fetch.say(f"why each: {path.relative_to(fetch.ROOT)}")


def main():
    args = arguments()
    if args.docs:
        page.write()
        return 0
    args.binary = args.binary.resolve()
    if not args.binary.exists():
        sys.exit(f"compat: no {args.binary}: run cargo build first")
    for program in ("redis-server", "tclsh8.6"):
        if not shutil.which(program):
            sys.exit(f"compat: {program} is missing: run make setup")
    comparisons = []
    for kind in (Redis, RedisPy):
        if args.suite not in (None, kind.name):
            continue
        ways = [way for way in PAIRS[kind.name] if not args.way or way in args.way]
        if not ways:
            continue
        suite = kind(args)
        for way in ways:
            comparisons += run_pair(suite, way, args)
    passed = sum(c.through for c in comparisons)
    failed = sum(len(c.unexpected()) for c in comparisons)
    if not page.is_current():
        failed += 1
        fetch.say("docs/compatibility.md does not show expected.toml as it is: scripts/compat.sh --docs")
    # The form of cargo's own line: scripts/test.sh adds it up.
    print(f"\ntest result: {'FAILED' if failed else 'ok'}. {passed} passed; {failed} failed; "
          f"{sum(len(c.differences) - len(c.unexpected()) for c in comparisons)} expected")
    return 1 if failed else 0


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, children.kill_all_and_exit)
    try:
        sys.exit(main())
    except fetch.CannotFetch as why:
        sys.exit(f"compat: {why}")
