"""Runs one file of redis-py's own tests, one way, and reads what became of its tests."""

import json
import pathlib
import time

import servers
from lines import STALLED, lines_of
from outcome import FAILED, HUNG, Outcome, Unit

TEST_LIMIT = 20
"""Seconds for one test: by pytest-timeout."""
SILENCE = 60
UNIT_LIMIT = 900
RESTARTS = 5

LEFT_OUT_MARKS = ("redismod", "onlycluster", "ssl", "graph", "cp_integration", "multidb_integration")
LEFT_OUT_FILES = (
    # They ask other servers: clusters, Sentinels, TLS, modules, many databases, a cloud.
    "test_cluster", "test_cluster_transaction", "test_sentinel", "test_sentinel_managed_connection", "test_ssl",
    "test_bloom", "test_json", "test_search", "test_search_aggregation", "test_search_querystring",
    "test_search_result", "test_timeseries", "test_vsets", "test_himport_integration", "test_update_cluster",
    "test_cwe_404", "test_credentials",
    # They ask no server at all.
    "test_backoff", "test_background", "test_command_parser", "test_command_policies", "test_crc",
    "test_data_structure", "test_defaults", "test_driver_info", "test_event", "test_exceptions", "test_helpers",
    "test_himport", "test_hash", "test_utils", "test_maint_notifications_handling",
)
FOLDERS = ("tests", "tests/test_asyncio")

QUICK = {
    "resp2": ("tests/test_pipeline", "tests/test_scripting", "tests/test_lock", "tests/test_monitor"),
    "resp3": ("tests/test_commands", "tests/test_pubsub", "tests/test_cache"),
}
"""The files of `--quick`, by way."""

NODE_SETTINGS = 'save ""\nenable-debug-command yes\nenable-protected-configs yes\n'

HERE = pathlib.Path(__file__).resolve().parent


def all_units(suite):
    """The files that are run, without `.py`."""
    found = (path for folder in FOLDERS for path in sorted((suite / folder).glob("test_*.py")))
    return [str(path.relative_to(suite).with_suffix("")) for path in found if path.stem not in LEFT_OUT_FILES]


def run_unit(suite, python, name, way, options, binary):
    """Outcomes of the file `name`; `options` are more words for pytest."""
    unit, started = Unit(), time.monotonic()
    for _ in range(1 + RESTARTS):
        left = UNIT_LIMIT - (time.monotonic() - started)
        if left <= 0 or _run_once(suite, python, name, way, options, binary, unit, left):
            break
    unit.seconds = time.monotonic() - started
    return unit


def _run_once(suite, python, name, way, options, binary, unit, left):
    """Whether pytest came to its end."""
    with servers.stage(way, NODE_SETTINGS, binary) as (port, _, ketch):
        command = [
            python, "-m", "pytest", f"{name}.py", "-q", "-p", "pytest_outcomes", "-p", "no:cacheprovider",
            f"--redis-url=redis://127.0.0.1:{port}/0", "--redis-mod-url=redis://127.0.0.1:1",
            f"--timeout={TEST_LIMIT}", "--timeout-method=signal", "-m", " and ".join(f"not {m}" for m in LEFT_OUT_MARKS),
            *(f"--deselect={name}.py::{test}" for test in unit.tests), *way.options, *options,
        ]
        reader = _Reader(unit, f"{name}.py::")
        for line in lines_of(command, suite, {"PYTHONPATH": str(HERE)}, SILENCE, left):
            if isinstance(line, str):
                reader.read(line)
            else:
                reader.end(HUNG if line is STALLED else FAILED)
        if ketch and ketch.ended() is not None:
            unit.outside.append(f"Ketch ended with code {ketch.ended()}")
    return reader.done


class _Reader:
    """Reads what the plugin pytest_outcomes says. A test's name is kept without its file."""

    def __init__(self, unit, file):
        self.unit = unit
        self.file = file
        self.done = False
        self.running = None
        self.last_line = ""

    def read(self, line):
        # It may stand behind something that a test has printed.
        at = line.find('{"compat":')
        if at < 0:
            self.last_line = line.strip() or self.last_line
            return
        said = json.loads(line[at:])
        name = said.get("test", "").removeprefix(self.file)
        match said["compat"]:
            case "begin":
                self.running = name
            case "failed":
                status = HUNG if "Timeout" in said["why"] else FAILED
                self.unit.tests[name] = Outcome(status, said["why"])
            case "ok" | "skipped" as status:
                # A test whose setting up or tearing down failed has not passed.
                self.unit.tests.setdefault(name, Outcome(status))
            case "outside":
                self.unit.outside.append(said["why"])
            case "end":
                self.done = said["code"] in (0, 1, 5)

    def end(self, status):
        """Pytest has ended. Where it did so by itself but not in order, its last line tells why, and
        another attempt would tell the same."""
        if self.done:
            return
        if self.running is None:
            self.unit.outside.append(self.last_line[-300:])
            self.done = True
        else:
            self.unit.tests[self.running] = Outcome(status, "pytest ended here")
