"""Bare nodes, and Ketch in front of them: started for one unit, stopped after it.

Nothing here is shared between two units, so that a unit that breaks its server breaks itself only.
"""

import contextlib
import json
import pathlib
import random
import shutil
import socket
import tempfile
import time
import urllib.request

import children

START_LIMIT = 20.0
"""Seconds that a server has to come up. Generous: other work may be using the machine."""


def free_port():
    """A port that the system has just called free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_block():
    """The first of 32 ports for a test program to choose from: below those that systems give out by
    themselves, and each run somewhere else."""
    return random.randrange(300, 900) * 32


class Nodes:
    """`count` redis-servers in a folder of their own, with the configuration that Redis's suite starts its
    own servers with."""

    def __init__(self, folder, count, settings):
        self.folder = folder
        self.ports = []
        self.processes = []
        for number in range(count):
            self._start(number, settings)

    def _start(self, number, settings):
        port = free_port()
        home = self.folder / f"node{number + 1}"
        home.mkdir()
        lines = settings + f"\nport {port}\ndir {home}\npidfile {home}/pid\n"
        (home / "redis.conf").write_text(lines)
        with open(home / "log", "wb") as log:
            process = children.start(["redis-server", home / "redis.conf"], stdout=log, stderr=log, cwd=home)
        self.processes.append(process)
        self.ports.append(port)
        wait_for(f"redis-server on port {port}", lambda: answers_ping(port))

    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]

    def stop(self):
        children.stop(self.processes)


class Ketch:
    """One Ketch with one static pool, a shard a node, and keys placed by what stands in `{}`."""

    def __init__(self, binary, folder, nodes):
        self.port = free_port()
        self.admin = free_port()
        shards = "".join(
            f'[[pool.main.shard]]\nname = "shard{n + 1}"\nnodes = ["{address}"]\n'
            for n, address in enumerate(nodes.addresses())
        )
        config = folder / "ketch.toml"
        config.write_text(
            f'threads = 2\n[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[pool.main]\nlisten = "127.0.0.1:{self.port}"\nhash_tag = "{{}}"\n{shards}'
        )
        with open(folder / "ketch.log", "wb") as log:
            self.process = children.start([binary, "run", "-c", config], stdout=log, stderr=log, cwd=folder)
        wait_for("Ketch, with every shard writable", self._is_whole)

    def _is_whole(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Ketch ended with code {self.process.returncode}")
        url = f"http://127.0.0.1:{self.admin}/api/v1/snapshot"
        with urllib.request.urlopen(url, timeout=1) as reply:
            snapshot = json.load(reply)
        return all(shard["writable"] for shard in snapshot["pools"][0]["shards"])

    def ended(self):
        """The code that it ended with by itself, or None."""
        return self.process.poll()

    def stop(self):
        children.stop([self.process])


@contextlib.contextmanager
def stage(way, settings, binary):
    """The servers of one way, as (port to talk to, nodes, Ketch or None)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ketch-compat-"))
    nodes = ketch = None
    try:
        nodes = Nodes(folder, way.nodes, settings)
        if way.through:
            ketch = Ketch(binary, folder, nodes)
        yield (ketch.port if ketch else nodes.ports[0]), nodes, ketch
    finally:
        for started in (ketch, nodes):
            if started:
                started.stop()
        shutil.rmtree(folder, ignore_errors=True)


def answers_ping(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"


def wait_for(what, condition):
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"not up within {START_LIMIT:.0f} s: {what}")
