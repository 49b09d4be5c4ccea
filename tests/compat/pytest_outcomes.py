"""A plugin of pytest: says on standard output, one JSON line a test, what begins and what became of it.

Loaded by `-p pytest_outcomes`. Lines and not a report at the end, so that a run that has to be killed still
tells what it had done.
"""

import json
import sys


def _say(what, **more):
    sys.__stdout__.write(json.dumps({"compat": what, **more}) + "\n")
    sys.__stdout__.flush()


def pytest_runtest_logstart(nodeid):
    _say("begin", test=nodeid)


def pytest_runtest_logreport(report):
    if report.failed:
        _say("failed", test=report.nodeid, why=_last_line(report))
    elif report.skipped:
        _say("skipped", test=report.nodeid)
    elif report.when == "call":
        _say("ok", test=report.nodeid)


def pytest_collectreport(report):
    if report.failed:
        _say("outside", why=str(report.longrepr)[-300:])


def _last_line(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return f"{report.when}: {text[:600]}"


def pytest_sessionfinish(exitstatus):
    _say("end", code=int(exitstatus))
