"""The list of expected differences as docs/compatibility.md shows it: written from expected.toml, and compared
with it by each run, so that the two cannot drift apart."""

import tomllib

import compare
import fetch

PAGE = fetch.ROOT / "docs" / "compatibility.md"
MARK = "<!-- expected: written by scripts/compat.sh --docs -->\n"


def is_current():
    return PAGE.read_text() == _written()


def write():
    PAGE.write_text(_written())


def _written():
    before, mark, _ = PAGE.read_text().partition(MARK)
    assert mark, f"{PAGE} has no line {MARK}"
    rows = tomllib.loads(compare.EXPECTED.read_text())["expected"]
    return before + mark + "".join(_row(row) for row in rows)


def _row(row):
    sometimes = " They do pass now and then." if row.get("sometimes") else ""
    tests = "".join(f"- `{test}`\n" for test in row["tests"])
    return f"\n**{row['suite']}**: {row['reason']}{sometimes}\n\n{tests}"
