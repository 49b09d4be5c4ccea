"""The processes that a run has started: none of them outlives it, whatever ends it."""

import os
import signal
import subprocess

_started = set()


def start(command, **options):
    """As `subprocess.Popen`, in a session of its own, so that what it starts itself can be ended with it."""
    process = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
    _started.add(process)
    return process


def stop(processes):
    """Asks them to end, and ends them where they do not."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        kill(process)


def kill(process):
    """Ends it with all that it has started."""
    _started.discard(process)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def kill_all_and_exit(number, _frame):
    """A handler of signals."""
    for process in list(_started):
        kill(process)
    os._exit(128 + number)
