"""What goes wrong in one simulated world: which faults there are in it, how often each strikes, and how often it did.

A world has some faults and not the others, each at a rate of its own: where everything fails at once, nothing gets far
enough to fail in an interesting way.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

MOST: dict[str, float] = {
    # a request to the venue
    "request not sent": 0.2,
    "request lost": 0.25,
    "request late": 0.4,
    "request waits in the gateway": 0.5,
    "connection reset under a request": 0.4,
    "connection reset at once": 0.1,
    "reply lost": 0.5,
    "reply late": 0.3,
    "reply twice": 0.3,
    "request rejected": 0.2,
    # a question to the venue
    "question slow": 0.5,
    "question fails": 0.3,
    "question unanswered": 0.15,
    "one question slow": 1.0,
    "renewal unanswered": 0.4,
    "replica behind": 0.8,
    # a report on the private stream
    "report dropped": 0.3,
    "fill dropped": 0.5,
    "report twice": 0.3,
    "report late": 0.3,
    # each some 0.5 s
    "stream breaks": 0.15,
    "stream falls silent": 0.08,
    "stream refused": 0.5,
    "venue down": 0.04,
    "venue restarts": 0.04,
    "venue's clock steps": 0.02,
    "venue ends an order": 0.15,
    "foreign order": 0.3,
    "strategy raises": 0.04,
    "loop blocked": 0.1,
    "process stopped": 0.04,
    "kill switch": 0.04,
    "alarm": 0.03,
    "stop": 0.1,
    "stop while the venue is down": 1.0,
    "stop while it starts": 0.5,
    "killed": 0.12,
    "second instance": 0.1,
    # each record or write of the journal, and each life
    "journal fails to record": 0.05,
    "journal fails to write": 0.02,
    "journal slow": 0.3,
    "crash": 1.0,
    "crash while it recovers": 1.0,
    "wall clock steps": 0.5,
    "long downtime": 1.0,
    "late orders untold": 1.0,
}
"""Every fault there is, with its greatest rate."""

SHARE = 0.4  # of worlds that have a given fault
SHARES = {
    "crash": 0.8,
    "stop while the venue is down": 0.8,
    "killed": 0.6,
    "crash while it recovers": 1.0,
    "long downtime": 0.8,
    "replica behind": 0.7,
    "fill dropped": 0.5,
    "loop blocked": 0.6,
    "one question slow": 0.6,
    "stop while it starts": 0.7,
    "connection reset under a request": 0.6,
    "renewal unanswered": 0.8,
}

SECRETIVE = 0.45  # of worlds
SECRETS = (
    "connection reset under a request", "report dropped", "replica behind", "crash while it recovers", "long downtime",
)  # fmt: skip
"""Faults that are at their greatest rate in some worlds: orders are at the venue, and nobody says so for long."""
BELATED = 0.15  # of worlds
UNTOLD = "late orders untold"
"""What there is in those worlds only: orders that were on their way when a bot died arrive, and no stream says so."""
HINDRANCES = (
    "question slow", "question fails", "question unanswered", "one question slow", "stream breaks",
    "stream falls silent", "stream refused", "venue down", "venue restarts", "long downtime", "stop", "kill switch",
    "stop while it starts", "renewal unanswered", "journal fails to record", "journal fails to write",
    "venue's clock steps", "request lost", "request not sent", "request rejected", "connection reset under a request",
    "connection reset at once",
)  # fmt: skip
"""What there is none of in these: orders are to be sent, and a recovery is to get as far as to wait for them."""
LINGERING = frozenset({"fill dropped"})
"""Faults that may go on when all others are over: nothing but the next reconciliation makes good for them."""
NOISE = ("request not sent", "request rejected", "venue down", "kill switch", "alarm")
"""What there is none of in these: many orders are to be in doubt."""


class Fate:
    """Draws whether a fault strikes; none does once it is ``healed``, but for those that are ``lingering``.

    ``struck`` counts those that did.
    """

    def __init__(self, seed: int, *, has_faults: bool = True) -> None:
        self.random = Random(f"{seed}/fate")
        self.struck: Counter[str] = Counter()
        self.healed = not has_faults
        self.lingering = frozenset[str]()
        self.rates = {fault: most * self._share(fault) for fault, most in MOST.items() if fault != UNTOLD}
        self.rates[UNTOLD] = 0.0
        if is_belated(seed):
            self.rates |= {fault: MOST[fault] for fault in (UNTOLD, "request late", "crash")}
            self.rates |= dict.fromkeys(HINDRANCES, 0.0)
        if is_secretive(seed):
            self.rates |= {fault: MOST[fault] for fault in SECRETS} | dict.fromkeys(NOISE, 0.0)

    def strikes(self, fault: str) -> bool:
        """Whether a fault strikes this time."""
        rate = 0.0 if self.healed and fault not in self.lingering else self.rates[fault]
        if not rate or self.random.random() >= rate:
            return False
        self.struck[fault] += 1
        return True

    def _share(self, fault: str) -> float:
        """How much of its greatest rate a fault has in this world."""
        there = self.random.random() < SHARES.get(fault, SHARE)
        return self.random.uniform(0.1, 1) if there else 0.0

    def first(self, faults: Sequence[str]) -> str:
        """The first of these faults that strikes; "": none."""
        return next((fault for fault in faults if self.strikes(fault)), "")


def is_secretive(seed: int) -> bool:
    """Whether it is a world of `SECRETS`."""
    return Random(f"{seed}/secrets").random() < SECRETIVE


def is_belated(seed: int) -> bool:
    """Whether it is a world where late orders are `UNTOLD`."""
    return Random(f"{seed}/hush").random() < BELATED
