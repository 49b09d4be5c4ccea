"""The ways in which a suite meets Redis, and which of them are compared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Way:
    """How a suite is run: against `nodes` redis-servers, bare or `through` Ketch, with these `options`."""

    name: str
    nodes: int
    through: bool
    options: tuple = ()


DIRECT = Way("direct", 1, False)
ONE = Way("one", 1, True)
DIRECT_CLUSTER = Way("direct-cluster", 1, False, ("--cluster-mode",))
THREE = Way("three", 3, True, ("--cluster-mode",))

RESP2_DIRECT = Way("direct-resp2", 1, False, ("--protocol=2",))
RESP2 = Way("resp2", 1, True, ("--protocol=2",))
RESP3_DIRECT = Way("direct-resp3", 1, False, ("--protocol=3",))
RESP3 = Way("resp3", 1, True, ("--protocol=3",))

PAIRS = {
    "redis": {"one": (DIRECT, ONE), "three": (DIRECT_CLUSTER, THREE)},
    "redis-py": {"resp2": (RESP2_DIRECT, RESP2), "resp3": (RESP3_DIRECT, RESP3)},
}
"""Suite -> the name on the command line -> (the run to compare with, the run through Ketch)."""
