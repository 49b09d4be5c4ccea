"""Runs one unit of Redis's own suite, one way, and reads what became of its tests.

A test that hangs is given up: first by the copy of the suite itself (patch.tcl), and where that does not
see it, by killing the unit, which is then run again without the tests that are already judged.
"""

import os
import re
import time

import servers
from lines import STALLED, lines_of
from outcome import FAILED, HUNG, OK, Outcome, Unit

REPLY_LIMIT = 10
"""Seconds that a test may wait for one reply. The suite's own longest wait for a reply is shorter."""
SILENCE = 90
"""Seconds without a word from the suite after which its running test counts as hanging."""
UNIT_LIMIT = 900
"""Seconds for one unit."""
RESTARTS = 5
"""How often a unit is begun again after it was killed, or had ended in the middle."""

LEFT_OUT_UNITS = (
    # The inside of one server process.
    "aofrw", "shutdown", "maxmemory", "memefficiency", "oom-score-adj", "client-eviction", "limits",
    "replybufsize", "latency-monitor", "obuf-limits", "pendingquerybuf", "networking", "info", "wait",
    # What an operator sets up on a node, and Ketch for itself.
    "acl", "acl-v2", "auth", "tls",
    # Redis Cluster.
    "cluster", "cluster-scripting", "pubsubshard",
    # No tests in it.
    "printver",
)
LEFT_OUT_TAGS = ("slow", "needs:repl", "needs:save", "needs:local-process", "large-memory")

QUICK = {
    # Left out for their time: dump, geo, hyperloglog, type/list-3.
    "one": (
        "bitfield", "bitops", "expire", "functions", "info-command", "introspection", "introspection-2", "keyspace",
        "lazyfree", "multi", "other", "pause", "protocol", "pubsub", "quit", "scan", "scripting", "slowlog", "sort",
        "tracking", "type/hash", "type/incr", "type/list", "type/set", "type/stream", "type/stream-cgroups",
        "type/string", "type/zset", "violations",
    ),
    # Where it matters that there are several shards.
    "three": ("functions", "keyspace", "multi", "other", "pause", "pubsub", "scan", "sort", "tracking", "type/list"),
}
"""The units of `--quick`, by way."""

_SAID = re.compile(r"^\[(testing|ok|err|exception|\d+/\d+ done)\]: (.*)$")
_OTHER = re.compile(r"^\[\S+( done)?\]: |^Cleanup: |^Testing |^ +The End$|^!!! WARNING|^\*\*\* ")


def all_units(suite):
    """The units of this version that can run against a server which they did not start."""
    found = (path.relative_to(suite / "tests" / "unit") for path in (suite / "tests" / "unit").rglob("*.tcl"))
    names = sorted(str(path.with_suffix("")) for path in found)
    folders = ("moduleapi/", "cluster/")
    return [
        name for name in names
        if name not in LEFT_OUT_UNITS and not name.startswith(folders) and name != "type/list-common"
    ]


def node_settings(suite):
    """The configuration that the suite starts its own servers with, less what `servers` decides."""
    text = (suite / "tests" / "assets" / "default.conf").read_text()
    ours = re.compile(r"^(port|pidfile|dir|logfile|loglevel|save) .*$", re.MULTILINE)
    return ours.sub("", text) + '\nsave ""\n'


def run_unit(suite, name, way, options, in_band, binary):
    """Outcomes of the unit `name`; `options` are more words for the suite. With `in_band`, CONFIG and DEBUG
    go through Ketch like everything else."""
    unit, started = Unit(), time.monotonic()
    for _ in range(1 + RESTARTS):
        left = UNIT_LIMIT - (time.monotonic() - started)
        if left <= 0 or _run_once(suite, name, way, options, in_band, binary, unit, left):
            break
    unit.seconds = time.monotonic() - started
    return unit


def _run_once(suite, name, way, options, in_band, binary, unit, left):
    """Whether the unit came to its end."""
    with servers.stage(way, node_settings(suite), binary) as (port, nodes, ketch):
        around = " ".join(nodes.addresses()) if way.through and not in_band else ""
        command = [
            "tclsh8.6", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", port, "--single", f"unit/{name}",
            "--durable", "--baseport", servers.free_block() + 32, "--tags", " ".join(f"-{t}" for t in LEFT_OUT_TAGS),
            "--skipfile", _skipfile(suite, way, unit), *way.options, *options,
        ]
        env = {"COMPAT_NODES": around, "COMPAT_REPLY_LIMIT": str(REPLY_LIMIT), "TERM": "dumb"}
        reader = _Reader(unit)
        for line in lines_of(command, suite, env, SILENCE, left):
            if isinstance(line, str):
                reader.read(line)
            else:
                reader.end(HUNG if line is STALLED else FAILED)
        if ketch and ketch.ended() is not None:
            unit.outside.append(f"Ketch ended with code {ketch.ended()}")
    return reader.done


def _skipfile(suite, way, unit):
    """The tests that are judged already. Numbers of a repeated name are no part of what the suite knows."""
    path = suite / f"skip-{os.getpid()}-{way.name}"
    path.write_text("\n".join(re.sub(r" \(\d+\)$", "", name) for name in unit.tests))
    return path


class _Reader:
    """Reads the suite's lines:

        [testing]: NAME            (ours, see fetch.py)
        [ok]: NAME (3 ms)
        [err]: NAME in tests/unit/x.tcl, with the reason on the lines behind it
        [1/1 done]: unit/x (2 seconds)
    """

    def __init__(self, unit):
        self.unit = unit
        self.done = False
        self.running = {}
        self.error = None

    def read(self, line):
        said = _SAID.match(line)
        if not said:
            if self.error and line and not _OTHER.match(line):
                self._more(line)
            elif _OTHER.match(line):
                self.error = None
            return
        self.error = None
        what, text = said.groups()
        if what == "testing":
            self.running[text] = self.unit.begin(text)
        elif what == "ok":
            self._judge(re.sub(r" \(\d+ ms\)$", "", text), Outcome(OK))
        elif what == "err":
            self._failed(re.sub(r" in tests/\S+\.tcl$", "", text))
        elif what == "exception":
            self.unit.outside.append(text)
        else:
            self.done = True

    def _failed(self, name):
        if name in self.running:
            self.error = self._judge(name, Outcome(FAILED))
        else:
            self.unit.outside.append(name)

    def _judge(self, name, outcome):
        key = self.running.pop(name, None) or self.unit.begin(name)
        self.unit.tests[key] = outcome
        return outcome

    def _more(self, line):
        if "COMPAT-HANG" in line:
            self.error.status = HUNG
        # Three lines tell what happened; the rest is where in the suite.
        if self.error.detail.count("\n") < 3:
            self.error.detail += ("\n" if self.error.detail else "") + line[:400]

    def end(self, status):
        """The program has ended: what is still running has not passed."""
        for key in self.running.values():
            self.unit.tests[key] = Outcome(status, self.unit.outside[-1] if self.unit.outside else "")
        self.running.clear()
