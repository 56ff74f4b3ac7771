"""The action queue: every action is judged by all guards, carried out, and closed exactly once per executor."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, cast

from msgspec.structs import force_setattr

from bowstring.core.clock import Clock
from bowstring.core.errors import Expired, PublishError, Refused
from bowstring.core.inbox import Call
from bowstring.core.messages import (
    Action,
    ActionClosed,
    ActionDone,
    ActionExpired,
    ActionFailed,
    ActionRefused,
    Event,
    Message,
    Together,
)
from bowstring.core.routing import Plan, Wiring
from bowstring.core.subscriber import Subscriber, Worker
from bowstring.core.tasks import FAILURES, as_list, awaitable, start

LATE = "the event loop did not run for a second or longer"
NEVER_NS = 1 << 63

_CLOSINGS: dict[type[Exception], type[ActionClosed]] = {Expired: ActionExpired, Refused: ActionRefused}

Passed = tuple[Worker, Call, Action]
"""What no guard refused, and who is to carry it out."""

Group = Sequence[Action]
"""The members of a `Together`."""

log = logging.getLogger(__name__)


class Events(Protocol):
    """What the action queue needs of the event queue."""

    next_seq: Callable[[], int]
    maybe_behind: bool

    def reply(self, events: Iterable[Event], *, cause: Message, fresh: bool = False) -> None:
        """Publish what an action caused."""
        ...

    def fail(self, subscriber: Subscriber, error: BaseException, *, cause: Message) -> None:
        """Tell that a guard raised."""
        ...

    def turn(self, work: Callable[..., None], *args: object) -> None:
        """Do some work that publishes, then deliver what it published."""
        ...


class ActionQueue:
    """Actions on their way from strategies through guards to executors.

    While ``refusing_risk`` is not empty, actions that add risk are refused: it says who does so, and why. Any thread
    may add to it. So are they from ``late_from_ns`` on, on the monotonic clock, which the loop's heartbeat puts off.
    """

    def __init__(self, wiring: Wiring, events: Events, *, clock: Clock) -> None:
        self.refusing_risk: dict[str, str] = {}
        self.late_from_ns = NEVER_NS
        self._wiring = wiring
        self._events = events
        self._next_seq = events.next_seq
        self._clock = clock
        self._monotonic_ns = clock.monotonic_ns
        self._epoch_ns = clock.epoch_ns
        self._plans: dict[type, Plan] = {}
        self._group_plans: dict[type, Plan] = {}
        self._groups: Sequence[Group] | None = None  # of the actions at hand, if any are in one
        self._closings: dict[int, ActionClosed] = {}  # of these actions
        self._silent = wiring.strategies_without(ActionDone)

    def act(self, strategy: Subscriber, actions: Sequence[Action], cause: Event) -> None:  # noqa: PLR0912, PLR0915
        """Publish a strategy's actions: all are checked and stamped, then judged and carried out, in the order given.

        Raises `PublishError` when one cannot be published; then none is. It is long as it is hot: to judge in a
        function of its own takes some 5 % more time from an event to its action.
        """
        plans = self._plans
        told = False
        passed: list[Passed] | None = None
        for action in actions:
            plan = plans.get(action.__class__)
            if plan is None or action.seq:
                if isinstance(action, Together):
                    self._act_together(strategy, actions, cause)
                    return
                plan = self._check(action)
            if plan.sole_venue and not getattr(action, "venue"):  # noqa: B009  # it has one, by its plan
                force_setattr(action, "venue", plan.sole_venue)
            if plan.told:
                told = True
            if plan.admitted:
                passed = []
            force_setattr(action, "seq", self._next_seq())
            force_setattr(action, "cause", cause.seq)
            force_setattr(action, "received_ns", cause.received_ns)
            force_setattr(action, "strategy", strategy.name)
            if cause.depth:
                force_setattr(action, "depth", cause.depth)
        if told and strategy.publishing is not None:
            strategy.publishing(actions)
        for action in actions:
            plan = plans[action.__class__]
            targets = plan.targets if plan.venues is None else plan.find(action)
            if not targets:
                self._failed_unheard(action, plan.missing(action))
                continue
            if self._monotonic_ns() >= self.late_from_ns:
                self.refusing_risk.setdefault("watchdog", LATE)
            if self.refusing_risk and action.adds_risk:
                self._close(ActionRefused, action, by="engine", reason="; ".join(self.refusing_risk.values()))
                continue
            for guard, judge in plan.guards:
                try:
                    reason = self._unfit(guard, action) if guard.halted else judge(action)
                except FAILURES as error:
                    self._events.fail(guard, error, cause=action)
                    reason = f"{guard.name} raised {error!r}"
                if reason is not None:
                    self._close(ActionRefused, action, by=guard.name, reason=_reason(guard, reason))
                    break
            else:
                for worker, call in targets:
                    if passed is None:
                        self._carry_out(worker, call, action)
                    else:
                        passed.append((worker, call, action))
        if passed:
            self._admit(passed)

    def _act_together(self, strategy: Subscriber, actions: Sequence[Action], cause: Event) -> None:
        """Publish actions with groups among them, whose members take their places."""
        groups: list[Group] = []
        unfolded: list[Action] = []
        for action in actions:
            if isinstance(action, Together):
                groups.append(self._unfold(action))
                unfolded += groups[-1]
            else:
                if not groups:  # it was stamped before the first group was seen
                    force_setattr(action, "seq", 0)
                unfolded.append(action)
        self._plans, self._group_plans = self._group_plans, self._plans
        self._groups = groups
        try:
            self.act(strategy, unfolded, cause)
        finally:
            self._plans, self._group_plans = self._group_plans, self._plans
            self._groups = None
            self._closings.clear()

    def _unfold(self, together: Together) -> "Group":
        group, number = list(together.actions), self._next_seq()
        for action in group:
            if isinstance(action, Together):
                raise PublishError("a Together is in a Together: put all actions into one")
            if isinstance(cast("object", action), Action):  # what is none is told as elsewhere
                force_setattr(action, "group", number)
        return group

    def _all_or_none(self, passed: Sequence[Passed], groups: Iterable[Group]) -> list[Passed]:
        """Close the members of a group that has lost one; returns what passes."""
        through = {action.seq for _worker, _call, action in passed}
        for group in groups:
            lost = next((action for action in group if action.seq not in through), None)
            if lost is None:
                continue
            closing = self._closings[lost.seq]
            why = f"{closing.action_type} {lost.seq} did not: {closing.reason}"
            for action in group:
                if action.seq in through:
                    through.discard(action.seq)
                    self._close(ActionRefused, action, by=closing.by, reason=f"all were to pass, and {why}")
        return [one for one in passed if one[2].seq in through]

    def _admit(self, passed: Sequence[Passed]) -> None:
        """Show each executor all that is coming to it at once, then carry out what it can have."""
        if self._groups is not None:
            passed = self._all_or_none(passed, self._groups)
        coming: dict[Worker, list[Action]] = {}
        refused: set[Worker] = set()
        for worker, _call, action in passed:
            if worker.admits:
                coming.setdefault(worker, []).append(action)
        for worker, own in coming.items():
            try:
                worker.executor.admit(own)
            except FAILURES as error:
                refused.add(worker)
                worker.undelivered += len(own)
                for action in own:
                    self._failed(worker, action, error)
        for worker, call, action in passed:
            if worker not in refused:
                self._carry_out(worker, call, action)

    def close_waiting(self, reason: str) -> None:
        """Close what waits for an executor as failed: it will not be carried out."""
        for worker in self._wiring.workers:
            while worker.waiting:
                action, _call = worker.waiting.popleft()
                worker.undelivered += 1
                self._close(ActionFailed, action, by=worker.name, reason=reason)

    def _failed_unheard(self, action: Action, reason: str) -> None:
        log.warning("%s %d of %s: %s", type(action).__name__, action.seq, action.strategy, reason)
        self._close(ActionFailed, action, by="engine", reason=reason)

    def _unfit(self, guard: Subscriber, action: Action) -> str | None:
        return f"{guard.name} failed and was not resumed" if action.adds_risk else None

    def _wait(self, worker: Worker, call: Call, action: Action) -> None:
        if len(worker.waiting) < worker.executor.capacity:
            worker.waiting.append((action, call))
            self._events.maybe_behind = True
            return
        worker.undelivered += 1
        reason = f"{worker.name} is full: {len(worker.waiting)} actions wait"
        self._close(ActionRefused, action, by=worker.name, reason=reason)

    def _carry_out(self, worker: Worker, call: Call, action: Action) -> None:
        if worker.full:
            self._wait(worker, call, action)
            return
        worker.ages[(self._monotonic_ns() - action.received_ns + self._epoch_ns).bit_length()] += 1
        try:
            result = call(action)
        except FAILURES as error:
            self._failed(worker, action, error)
            return
        if result is not None or action.strategy not in self._silent:
            self._take_result(worker, action, result)

    def _take_result(self, worker: Worker, action: Action, result: object) -> None:
        try:
            work = awaitable(result)
            if work is None:
                self._done(worker, action, result)
                return
            task = start(work)
        except FAILURES as error:
            self._failed(worker, action, error)
            return
        if task.done():
            self._outcome(worker, action, task)
            return
        worker.tasks[task] = None
        worker.settle()
        task.add_done_callback(partial(self._events.turn, self._complete, worker, action))

    def _complete(self, worker: Worker, action: Action, task: "asyncio.Future[object]") -> None:
        """Take the outcome of an action that took time, and begin those that waited for it."""
        worker.tasks.pop(task, None)
        self._outcome(worker, action, task, fresh=True)
        while worker.waiting and len(worker.tasks) < worker.executor.max_in_flight:
            waiting, call = worker.waiting.popleft()
            worker.full = False
            self._carry_out(worker, call, waiting)
        worker.settle()

    def _outcome(self, worker: Worker, action: Action, task: "asyncio.Future[object]", *, fresh: bool = False) -> None:
        try:
            self._done(worker, action, task.result(), fresh=fresh)
        except FAILURES as error:
            self._failed(worker, action, error, fresh=fresh)

    def _done(self, worker: Worker, action: Action, result: object, *, fresh: bool = False) -> None:
        if result is not None:
            self._events.reply(as_list(result), cause=action, fresh=fresh)
        if action.strategy not in self._silent:
            self._close(ActionDone, action, by=worker.name, fresh=fresh)

    def _failed(self, worker: Worker, action: Action, error: BaseException, *, fresh: bool = False) -> None:
        kind = next((kind for error_type, kind in _CLOSINGS.items() if isinstance(error, error_type)), ActionFailed)
        log.warning("%s: %s %d: %r", worker.name, type(action).__name__, action.seq, error)
        self._close(kind, action, by=worker.name, reason=str(error) or repr(error), fresh=fresh)

    def _close(
        self, kind: type[ActionClosed], action: Action, *, by: str, reason: str = "", fresh: bool = False
    ) -> None:
        closing = kind(
            strategy=action.strategy, action=action.seq, action_type=type(action).__name__, by=by, reason=reason
        )
        if self._groups is not None:
            self._closings[action.seq] = closing
        self._events.reply([closing], cause=action, fresh=fresh)
        if kind is not ActionDone:
            try:
                self._events.reply(action.closed_unexecuted(closing), cause=action, fresh=fresh)
            except FAILURES as error:
                log.error("%s.closed_unexecuted: failed, %r", type(action).__name__, error, exc_info=error)

    def _check(self, action: object) -> Plan:
        if not isinstance(action, Action):
            raise PublishError(f"{action!r} is no Action: a strategy returns actions, an iterable of them, or None")
        if action.seq:
            raise PublishError(f"{type(action).__name__} {action.seq} is published a second time: make a new one")
        plan = self._plans[type(action)] = self._wiring.plan(type(action))
        if self._groups is not None:
            plan.admitted = True  # nothing is carried out before all are judged
        return plan


def _reason(guard: Subscriber, returned: object) -> str:
    if isinstance(returned, str):
        return returned
    return f"{guard.name} returned {returned!r}: a guard returns the reason to refuse, or None"
