"""Runs a program and gives out its lines, with a limit on silence and on the whole."""

import os
import queue
import subprocess
import threading
import time

import children

STALLED = object()
"""Given out in place of a line when a limit was reached; the program has been killed by then."""


def lines_of(command, cwd, env, silence, limit):
    """Yields the lines of `command` until it ends, then its exit code; or STALLED when it said nothing for
    `silence` seconds or ran longer than `limit`. All that it started is killed at the end."""
    process = children.start(
        command, cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, said), daemon=True).start()
    deadline = time.monotonic() + limit
    try:
        while True:
            try:
                line = said.get(timeout=max(0.0, min(silence, deadline - time.monotonic())))
            except queue.Empty:
                yield STALLED
                return
            if line is None:
                yield process.wait()
                return
            yield line
    finally:
        children.kill(process)


def _pump(pipe, said):
    for line in pipe:
        said.put(line.decode(errors="replace").rstrip("\n"))
    said.put(None)

