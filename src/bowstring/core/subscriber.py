"""A subscriber: one component as the queue sees it, with its inbox, accounts and latency histogram."""

import asyncio
from collections import deque
from typing import Literal

from msgspec import Struct

from bowstring.core.components import Component, Executor, Strategy
from bowstring.core.inbox import Call, Inbox
from bowstring.core.latency import BUCKETS, percentile_ns
from bowstring.core.messages import Action

Role = Literal["guard", "executor", "observer", "strategy"]
"""What a subscriber subscribes for. An executor's events are its ``observer`` part's, its actions the other's."""


class Targets:
    """The subscribers of one kind of event in the order of delivery, and how many such events were published."""

    __slots__ = ("entries", "published")

    def __init__(self, entries: "tuple[tuple[Subscriber, tuple[Call, ...]], ...]") -> None:
        self.entries = entries
        self.published = 0


class Account(Struct, frozen=True, kw_only=True):
    """Where every message for one subscriber went, and how old it was when its handler started.

    ``published == delivered + conflated + dropped + waiting + undelivered``, exactly, between any two deliveries.
    ``undelivered`` are the lossless ones for which there was no room, all after them until it was resumed, and what
    waited then. An age counts from the receipt of the outside event at the head of the chain, in ns.
    """

    name: str
    role: Role
    published: int
    delivered: int
    conflated: int
    dropped: int
    waiting: int
    undelivered: int
    halted: bool
    age_p50_ns: float
    age_p99_ns: float
    age_p999_ns: float


class Subscriber:
    """One component that is given events.

    ``blocked`` is the one question that the hot path asks: true while an async handler is suspended, while events
    wait, and when halted. While it is halted its inbox goes on taking events; once there was no room for a lossless
    one it is ``frozen``, so that it never holds what came after a gap. ``told_missed`` counts what is undelivered and
    was told as missed. ``ages`` is bumped at each delivery, so its sum
    is the number of deliveries. ``chained`` counts what it published in the chain of the outside event received at
    ``chain_ns``, during a backlog. Only a strategy has ``publishing``: what it returns are actions.
    """

    __slots__ = (
        "ages", "blocked", "chain_ns", "chained", "component", "frozen", "halted", "inbox", "name",
        "publishing", "role", "sources", "task", "told_missed", "undelivered",
    )  # fmt: skip

    def __init__(self, component: Component, *, role: Role) -> None:
        self.component = component
        self.name = component.name
        self.role: Role = role
        self.publishing = component.publishing if isinstance(component, Strategy) else None
        self.blocked = False
        self.halted = False
        self.frozen = False
        self.chain_ns = 0
        self.chained = 0
        self.task: asyncio.Future[object] | None = None
        self.inbox = Inbox()
        self.ages = [0] * BUCKETS
        self.undelivered = 0
        self.told_missed = 0
        self.sources: list[Targets] = []

    def settle(self) -> None:
        """Make ``blocked`` true to the state."""
        self.blocked = self.halted or self.task is not None or len(self.inbox) > 0

    def renew(self) -> int:
        """Go on after a gap, without what waits; returns how many events were missed since the last time."""
        self.undelivered += self.inbox.discard()
        missed = self.undelivered - self.told_missed
        self.told_missed = self.undelivered
        self.halted = self.frozen = False
        self.settle()
        return missed

    def account(self) -> Account:
        """The account as it stands."""
        return Account(
            name=self.name,
            role=self.role,
            published=sum(targets.published for targets in self.sources),
            delivered=sum(self.ages),
            conflated=self.inbox.conflated,
            dropped=self.inbox.dropped,
            waiting=len(self.inbox),
            undelivered=self.undelivered,
            halted=self.halted,
            age_p50_ns=percentile_ns(self.ages, 0.5),
            age_p99_ns=percentile_ns(self.ages, 0.99),
            age_p999_ns=percentile_ns(self.ages, 0.999),
        )


class Worker:
    """One executor that is given actions: up to ``max_in_flight`` at once, ``capacity`` more wait, in order.

    ``full`` is the one question that the hot path asks.
    """

    __slots__ = ("admits", "ages", "executor", "full", "name", "tasks", "undelivered", "waiting")

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.admits = type(executor).admit is not Executor.admit
        self.name = executor.name
        self.full = False
        self.tasks: dict[asyncio.Future[object], None] = {}  # no set: they are cancelled in order
        self.waiting: deque[tuple[Action, Call]] = deque()
        self.ages = [0] * BUCKETS
        self.undelivered = 0

    def settle(self) -> None:
        """Make ``full`` true to the state."""
        self.full = bool(self.waiting) or len(self.tasks) >= self.executor.max_in_flight

    def account(self) -> Account:
        """The account as it stands; ``undelivered`` are the refused ones."""
        return Account(
            name=self.name,
            role="executor",
            published=sum(self.ages) + len(self.waiting) + self.undelivered,
            delivered=sum(self.ages),
            conflated=0,
            dropped=0,
            waiting=len(self.waiting),
            undelivered=self.undelivered,
            halted=False,
            age_p50_ns=percentile_ns(self.ages, 0.5),
            age_p99_ns=percentile_ns(self.ages, 0.99),
            age_p999_ns=percentile_ns(self.ages, 0.999),
        )
