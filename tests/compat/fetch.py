"""Fetches the suites that others wrote into target/compat: Redis's by apt-get, redis-py's by pip.

Each is fetched once and kept there. Nothing of either is ever committed.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / "target" / "compat"


class CannotFetch(Exception):
    """Why, and what would help."""


def say(text):
    print(f"compat: {text}", flush=True)


# ---- Redis's suite ------------------------------------------------------------------------------


def redis_suite():
    """A patched copy of the suite that belongs to this machine's redis-server: its folder, and its version.
    It is made once for each way to patch, so that several runs at a time do not disturb each other."""
    archive = _redis_archive()
    version = re.search(r"redis_(.*)\.orig", archive.name).group(1)
    patch = [pathlib.Path(__file__).read_bytes(), (HERE / "patch.tcl").read_bytes()]
    patched_by = hashlib.sha256(b"".join(patch)).hexdigest()[:8]
    suite = CACHE / f"suite-{version}-{patched_by}"
    if not suite.exists():
        unpacked = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
        with tarfile.open(archive) as packed:
            packed.extractall(unpacked, [m for m in packed.getmembers() if m.name.startswith(f"redis-{version}/tests/")])
        _patch(unpacked / f"redis-{version}")
        (unpacked / f"redis-{version}").rename(suite)
        unpacked.rmdir()
    return suite, f"redis-{version}"


def _redis_archive():
    folder = CACHE / "redis-source"
    found = sorted(folder.glob("redis_*.orig.tar.gz"))
    if not found:
        _apt_get_source(folder)
        found = sorted(folder.glob("redis_*.orig.tar.gz"))
    if not found:
        raise CannotFetch("the source package of redis holds no redis_*.orig.tar.gz")
    return found[-1]


def _apt_get_source(folder):
    """By apt-get with a list and folders of its own: the machine's lists stay as they are, and it needs
    no root."""
    if not shutil.which("apt-get"):
        raise CannotFetch("Redis's suite comes by apt-get source, and there is no apt-get here")
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / "apt" / part).mkdir(parents=True, exist_ok=True)
    sources = folder / "apt" / "sources.list"
    sources.write_text("".join(f"deb-src {line}\n" for line in _archives()))
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "apt" / "lists",
        "Dir::Cache": folder / "apt" / "cache",
        # Else it tries to become a user who may not write here.
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-q", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    say("fetching the list of source packages, then the source package of redis (3 MB), by apt-get")
    for step in (["update"], ["source", "--download-only", "redis"]):
        done = subprocess.run(apt + step, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotFetch(f"apt-get {step[0]}: {done.stdout[-500:]}{done.stderr[-1000:]}")


def _archives():
    """Where this machine has its binary packages from: their sources are there, too."""
    form = "$(SITE) $(RELEASE) $(COMPONENT)"
    asked = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    lines = subprocess.run(asked, capture_output=True, text=True).stdout.splitlines()
    if not lines:
        raise CannotFetch("apt-get indextargets names no archive; is anything in /etc/apt/sources.list.d?")
    return sorted(set(lines))


def _patch(suite):
    """Has the copy source patch.tcl after its helpers, and say which test it begins."""
    helper = suite / "tests" / "test_helper.tcl"
    text = helper.read_text()
    text = _replace(text, "if {$::client} {\n", "source tests/support/patch.tcl\nif {$::client} {\n")
    begins = 'set ::active_clients_task($fd) "(IN PROGRESS) $data"'
    text = _replace(text, begins, f'puts "\\[testing\\]: $data"\n        {begins}')
    helper.write_text(text)
    shutil.copy(HERE / "patch.tcl", suite / "tests" / "support")
    # A few tests call these by this path.
    (suite / "src").mkdir()
    for program in ("redis-cli", "redis-benchmark"):
        if found := shutil.which(program):
            (suite / "src" / program).symlink_to(found)


def _replace(text, old, new):
    if text.count(old) != 1:
        raise CannotFetch(f"this version of the suite has no line to patch: {old.strip()}")
    return text.replace(old, new)


# ---- redis-py's suite ---------------------------------------------------------------------------

# What its tests import, beside redis itself. Tests that need more skip themselves.
REDIS_PY_NEEDS = (
    "pytest", "pytest-asyncio", "pytest-timeout", "numpy", "pybreaker", "redis-entraid", "aiohttp", "xxhash",
    "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http",
)


def redis_py_version():
    """The one that Ketch's own client tests use."""
    text = (ROOT / "scripts" / "requirements.txt").read_text()
    return re.search(r"^redis==(\S+)$", text, re.MULTILINE).group(1)


def redis_py_suite():
    """The folder of redis-py's source distribution, and a Python that has it and pytest."""
    version = redis_py_version()
    folder = CACHE / "redis-py"
    suite, python = folder / f"redis-{version}", folder / "venv" / "bin" / "python"
    ready = folder / f"ready-{version}"
    if ready.exists():
        return suite, python
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"fetching redis-py {version} as source, and what its tests need, by pip")
    _run([sys.executable, "-m", "venv", folder / "venv"])
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", folder, f"redis=={version}"])
    archive = folder / f"redis-{version}.tar.gz"
    _run([*pip, "install", archive, *REDIS_PY_NEEDS])
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    # The installed package is the one that is tested.
    os.rename(suite / "redis", suite / "redis.kept")
    ready.touch()
    return suite, python


def _run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotFetch(f"{command[0]} {command[2]} ...: {done.stderr[-2000:]}")
