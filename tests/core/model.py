"""A naive model of the core's two queues: plain lists, and a list of callbacks where the event loop would be.

Given what each handler does, it foretells every call of every handler, with the message's envelope at that time, and
every account. It shares no code with the queues.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

EAGER = sys.version_info >= (3, 12)  # a task begins at once, else in the loop's next pass

LOSSLESS_CAPACITY = 5
MARKET_CAPACITY = 2
TURN_EVENTS = 4
TURN_NS = 5_000_000
BACKLOG = 5
BLOCK_NS = 6_000_000

KINDS = ("Word", "Mark", "Tape")
"""The events: lossless, of which the latest of a tag counts, of which the oldest go."""

RISKY = 1
"""Jobs of this tag add risk."""

Style = Literal["def", "generator", "async", "asyncgen", "emit"]
Verdict = Literal["pass", "refuse", "raise"]
Seen = tuple[object, ...]
"""A call: the handler, the type and content of its message, and the envelope."""


@dataclass(frozen=True)
class Script:
    """What a handler does with a message of one tag.

    A product is a number: of an event, the kind is its rest by 3 and the tag the quotient; of a job, that is the tag.
    """

    style: Style = "def"
    products: tuple[int, ...] = ()
    raises: bool = False
    waits: bool = False
    blocks: bool = False

    @property
    def is_async(self) -> bool:
        return self.style.startswith("async") or (self.style == "emit" and self.waits)


@dataclass(frozen=True)
class Setting:
    """What the components of an example do: scripts by handler and tag, and verdicts by guard and tag.

    The executor X does not admit jobs whose tag is in ``inadmissible``; None: it does not ask.
    """

    scripts: Mapping[str, Sequence[Script]]
    verdicts: Mapping[str, Sequence[Verdict]]
    inadmissible: frozenset[int] | None


@dataclass
class Msg:
    """A message and its envelope."""

    type: str
    tag: int = 0
    detail: object = None
    strategy: str = ""
    seq: int = 0
    cause: int = 0
    received_ns: int = 0
    depth: int = 0


Outcome = Sequence[int] | None
"""What a handler returned; None: it raised."""


@dataclass
class Sub:
    """A subscriber, with the handlers that it has for each type of event."""

    name: str
    role: str
    handlers: Mapping[str, Sequence[str]]
    halted: bool = False
    frozen: bool = False
    suspended: bool = False
    waiting: list[tuple[Msg, Sequence[str]]] = field(default_factory=list[tuple[Msg, Sequence[str]]])
    lost: list[int] = field(default_factory=list[int])
    published: int = 0
    delivered: int = 0
    conflated: int = 0
    dropped: int = 0
    undelivered: int = 0
    missed: int = 0

    @property
    def state(self) -> Seen:
        counts = self.published, self.delivered, self.conflated, self.dropped, len(self.waiting), self.undelivered
        return self.name, self.role, counts, self.halted


@dataclass
class Work:
    """An executor at work."""

    name: str
    max_in_flight: int
    capacity: int
    waiting: list[Msg] = field(default_factory=list[Msg])
    running: int = 0
    published: int = 0
    delivered: int = 0
    undelivered: int = 0

    @property
    def state(self) -> Seen:
        counts = self.published, self.delivered, 0, 0, len(self.waiting), self.undelivered
        return self.name, "executor", counts, False


class Budget:
    """A turn's worth of messages."""

    def __init__(self, model: "Model") -> None:
        self._model, self._deadline_ns, self._left = model, model.now_ns + TURN_NS, TURN_EVENTS

    def is_over(self) -> bool:
        self._left -= 1
        return self._left < 0 or self._model.now_ns > self._deadline_ns


def _handlers(name: str, *kinds: str) -> dict[str, list[str]]:
    closed = {kind: [f"{name}.closed"] for kind in ("ActionDone", "ActionRefused", "ActionFailed")}
    return {"Lagged": [f"{name}.lagged"], **closed} | {kind: [f"{name}.first"] for kind in kinds}


class Model:
    """The model: guards W, G and H, executors X and Y, strategies S and T. W sees everything."""

    def __init__(self, setting: Setting, *, now_ns: int) -> None:
        everything = (*KINDS, "ActionDone", "ActionRefused", "ActionFailed", "ComponentFailed", "Resumed")
        self.guards = [
            Sub("W", "guard", {kind: ["W.note"] for kind in everything}),
            Sub("G", "guard", {kind: ["G.first"] for kind in KINDS}),
            Sub("H", "guard", {}),
        ]
        self.strategies = [
            Sub("S", "strategy", _handlers("S", *KINDS)),
            Sub("T", "strategy", _handlers("T", *KINDS) | {"Tape": ["T.first", "T.second"]}),
        ]
        self.works = [Work("X", max_in_flight=1, capacity=1), Work("Y", max_in_flight=2, capacity=1)]
        observers = [Sub("X", "observer", {"Word": ["X.observe"]}), Sub("Y", "observer", {})]
        self.subs = [*self.guards, *observers, *self.strategies]
        self.setting = setting
        self.now_ns = now_ns
        self.calls: list[Seen] = []
        self.parked: list[Callable[[bool], None]] = []
        self.refusing_risk = False
        self.is_quiet = True
        self._seq = 0
        self._active = False
        self._pending: list[Msg] = []
        self._agenda: list[Callable[[], None]] = []

    @property
    def states(self) -> list[Seen]:
        return [*(sub.state for sub in self.subs), *(work.state for work in self.works)]

    @property
    def is_behind(self) -> bool:
        inboxes = any(sub.waiting and not sub.halted for sub in self.subs)
        return bool(self._pending) or inboxes or any(work.waiting for work in self.works)

    def run_pass(self, last: Callable[[], None]) -> None:
        """Run what the loop has ready, then this."""
        ready, self._agenda = self._agenda, []
        for callback in (*ready, last):
            callback()
        self.is_quiet = not self._agenda

    def publish(self, msg: Msg) -> None:
        self._stamp(msg, received_ns=self.now_ns)
        if not self._active and not self._pending:
            self._active = True
            self._deliver(msg)
            if self._pending:
                self._drain()
            self._active = False
            return
        self._pending.append(msg)
        if len(self._pending) > BACKLOG and not self._active:
            self.turn(lambda: None)

    def turn(self, work: Callable[[], None]) -> None:
        assert not self._active
        self._active = True
        work()
        self._drain()
        self._active = False

    def resolve(self, number: int, *, cancel: bool) -> None:
        """End the wait of a handler."""
        wake = partial(self.parked.pop(number), cancel)
        self._agenda.append(wake)

    def resume(self, name: str) -> None:
        (sub,) = (sub for sub in self.subs if sub.name == name and sub.halted)
        if sub.frozen:
            self.turn(partial(self._renew, sub))
            return
        sub.halted = False
        self.turn(partial(self._go_on_resumed, sub))

    def close_waiting(self) -> None:
        for work in self.works:
            while work.waiting:
                work.undelivered += 1
                self._close("ActionFailed", work.waiting.pop(0), by=work.name)

    # Events

    def _stamp(self, msg: Msg, *, cause: int = 0, received_ns: int, depth: int = 0) -> None:
        self._seq += 1
        msg.seq, msg.cause, msg.received_ns, msg.depth = self._seq, cause, received_ns, depth

    def _reply(self, msgs: Sequence[Msg], cause: Msg, *, fresh: bool = False) -> None:
        for msg in msgs:
            if fresh:
                self._stamp(msg, cause=cause.seq, received_ns=self.now_ns)
            else:
                self._stamp(msg, cause=cause.seq, received_ns=cause.received_ns, depth=cause.depth + 1)
            self._pending.append(msg)

    def _drain(self) -> None:
        budget = Budget(self)
        while self._pending:
            if budget.is_over():
                self._agenda.append(partial(self.turn, lambda: None))
                return
            self._deliver(self._pending.pop(0))

    def _deliver(self, msg: Msg) -> None:
        for sub in self.subs:
            handlers = sub.handlers.get(msg.type, ())
            for_another = msg.strategy and sub.role == "strategy" and msg.strategy != sub.name
            if not handlers or for_another:
                continue
            sub.published += 1
            if sub.frozen:
                sub.undelivered += 1
                sub.missed += 1
            elif sub.halted or sub.suspended or sub.waiting:
                self._keep(sub, msg, handlers)
            else:
                sub.delivered += 1
                self._handle(sub, msg, handlers)

    def _keep(self, sub: Sub, msg: Msg, handlers: Sequence[str]) -> None:
        market = [entry for entry in sub.waiting if entry[0].type in {"Mark", "Tape"}]
        if msg.type not in {"Mark", "Tape"}:
            if len(sub.waiting) - len(market) == LOSSLESS_CAPACITY:
                sub.undelivered += 1
                sub.missed += 1
                sub.frozen = sub.role != "observer"
                if not sub.halted:
                    self._fail(sub, msg)
                return
        elif same := [entry for entry in market if msg.type == entry[0].type == "Mark" and msg.tag == entry[0].tag]:
            sub.waiting.remove(same[0])
            sub.conflated += 1
        elif len(market) == MARKET_CAPACITY:
            sub.waiting.remove(market[0])
            sub.dropped += 1
            sub.lost.append(market[0][0].seq)
        sub.waiting.append((msg, handlers))

    def _go_on_resumed(self, sub: Sub) -> None:
        self._catch_up(sub)
        self._tell_resumed(sub, missed=0)

    def _renew(self, sub: Sub) -> None:
        self._drain()
        if self._pending:
            self._agenda.append(partial(self.turn, partial(self._renew, sub)))
        elif sub.frozen:
            missed, sub.missed = sub.missed + len(sub.waiting), 0
            sub.undelivered += len(sub.waiting)
            sub.waiting.clear()
            sub.lost.clear()
            sub.halted = sub.frozen = False
            self._tell_resumed(sub, missed=missed)

    def _tell_resumed(self, sub: Sub, *, missed: int) -> None:
        if sub.role == "strategy":
            self.publish(Msg("Resumed", detail=(sub.name, missed), strategy=sub.name))

    def _catch_up(self, sub: Sub) -> None:
        budget = Budget(self)
        while sub.waiting and not sub.suspended and not sub.halted:
            if budget.is_over():
                self._agenda.append(partial(self.turn, partial(self._catch_up, sub)))
                return
            if sub.lost:
                lagged = Msg("Lagged", detail=(len(sub.lost), sub.lost[0], sub.lost[-1]))
                sub.lost.clear()
                self._stamp(lagged, received_ns=self.now_ns)
                self._handle(sub, lagged, sub.handlers.get("Lagged", ()))
            else:
                msg, handlers = sub.waiting.pop(0)
                sub.delivered += 1
                self._handle(sub, msg, handlers)

    def _fail(self, sub: Sub, cause: Msg) -> None:
        if sub.role != "observer" and cause.type != "Job":
            sub.halted = True
        elif cause.type == "ComponentFailed":
            return
        failed = Msg("ComponentFailed", detail=(sub.name, sub.halted))
        self._reply([failed], cause, fresh=sub.halted)

    # Handlers

    def _handle(self, sub: Sub, msg: Msg, handlers: Sequence[str]) -> None:
        for number, handler in enumerate(handlers):
            go_on = partial(self._go_on, sub, msg, handlers[number + 1 :])
            outcome, waits = self._call(handler, msg, go_on)
            sub.suspended = waits
            if waits or not self._take_outcome(sub, msg, outcome):
                return

    def _go_on(self, sub: Sub, msg: Msg, rest: Sequence[str], outcome: Outcome) -> None:
        sub.suspended = False
        if (outcome is None or not sub.halted) and self._take_outcome(sub, msg, outcome):
            self._handle(sub, msg, rest)
        self._catch_up(sub)

    def _take_outcome(self, sub: Sub, msg: Msg, outcome: Outcome) -> bool:
        if outcome is None:
            self._fail(sub, msg)
        elif sub.role == "strategy":
            self._act(sub, msg, outcome)
        else:
            self._reply([_event(product) for product in outcome], msg)
        return outcome is not None

    def _call(self, handler: str, msg: Msg, go_on: Callable[[Outcome], None]) -> tuple[Outcome, bool]:
        """Call a handler: its outcome, and whether it goes on later instead."""
        script = self.setting.scripts[handler][msg.tag]
        if not script.is_async:
            self._begin(handler, msg, script)
            return self._end(script), False
        if EAGER and not script.waits:
            self._begin(handler, msg, script)
            return self._end(script), False
        if EAGER:
            self._step(handler, msg, script, go_on)
        else:
            self._agenda.append(partial(self._step, handler, msg, script, go_on))
        return None, True

    def _step(self, handler: str, msg: Msg, script: Script, go_on: Callable[[Outcome], None]) -> None:
        """The first step of a task."""

        def end(cancelled: bool) -> None:
            outcome = None if cancelled else self._end(script)
            self._agenda.append(partial(self.turn, partial(go_on, outcome)))

        self._begin(handler, msg, script)
        if script.waits:
            self.parked.append(end)
        else:
            end(False)

    def _begin(self, handler: str, msg: Msg, script: Script) -> None:
        self.calls.append(seen(handler, msg, msg.detail or msg.tag))
        self.now_ns += BLOCK_NS * script.blocks

    def _end(self, script: Script) -> Outcome:
        if script.style == "emit":
            for product in script.products:
                self.publish(_event(product))
        if script.raises:
            return None
        return () if script.style == "emit" else script.products

    # Actions

    def _act(self, sub: Sub, cause: Msg, products: Sequence[int]) -> None:
        jobs = [Msg("Job", tag=product // 3, strategy=sub.name) for product in products]
        for job in jobs:
            self._stamp(job, cause=cause.seq, received_ns=cause.received_ns, depth=cause.depth)
        if self.setting.inadmissible is None:
            for job in jobs:
                if self._judge(job):
                    for work in self.works:
                        self._carry_out(work, job)
            return
        passed = [job for job in jobs if self._judge(job)]
        x, y = self.works
        admitted = not passed or self._admit(x, passed)
        for job in passed:
            if admitted:
                self._carry_out(x, job)
            self._carry_out(y, job)

    def _judge(self, job: Msg) -> bool:
        if self.refusing_risk and job.tag == RISKY:
            self._close("ActionRefused", job, by="engine")
            return False
        for guard in self.guards[1:]:
            verdict: Verdict = "refuse" if job.tag == RISKY else "pass"
            if not guard.halted:
                self.calls.append(seen(f"{guard.name}.judge", job, job.tag))
                verdict = self.setting.verdicts[guard.name][job.tag]
            if verdict == "raise":
                self._fail(guard, job)
            if verdict != "pass":
                self._close("ActionRefused", job, by=guard.name)
                return False
        return True

    def _admit(self, work: Work, jobs: Sequence[Msg]) -> bool:
        self.calls.append((f"{work.name}.admit", *(job.seq for job in jobs)))
        assert self.setting.inadmissible is not None
        if not any(job.tag in self.setting.inadmissible for job in jobs):
            return True
        for job in jobs:
            work.published += 1
            work.undelivered += 1
            self._close("ActionFailed", job, by=work.name)
        return False

    def _carry_out(self, work: Work, job: Msg) -> None:
        work.published += 1
        if not work.waiting and work.running < work.max_in_flight:
            self._do(work, job)
        elif len(work.waiting) < work.capacity:
            work.waiting.append(job)
        else:
            work.undelivered += 1
            self._close("ActionRefused", job, by=work.name)

    def _do(self, work: Work, job: Msg) -> None:
        work.delivered += 1
        outcome, waits = self._call(f"{work.name}.do", job, partial(self._complete, work, job))
        if waits:
            work.running += 1
        else:
            self._finish(work, job, outcome)

    def _complete(self, work: Work, job: Msg, outcome: Outcome) -> None:
        work.running -= 1
        self._finish(work, job, outcome, fresh=True)
        while work.waiting and work.running < work.max_in_flight:
            self._do(work, work.waiting.pop(0))

    def _finish(self, work: Work, job: Msg, outcome: Outcome, *, fresh: bool = False) -> None:
        if outcome is not None:
            self._reply([_event(product) for product in outcome], job, fresh=fresh)
        self._close("ActionFailed" if outcome is None else "ActionDone", job, by=work.name, fresh=fresh)

    def _close(self, how: str, job: Msg, *, by: str, fresh: bool = False) -> None:
        self._reply([Msg(how, detail=(job.seq, by), strategy=job.strategy)], job, fresh=fresh)


def _event(product: int) -> Msg:
    return Msg(KINDS[product % 3], tag=product // 3)


def seen(handler: str, message: object, content: object) -> Seen:
    """A call as it is compared; the message may be the model's or a real one."""
    envelope = [getattr(message, name) for name in ("seq", "cause", "received_ns", "depth")]
    return (handler, content, *envelope)
