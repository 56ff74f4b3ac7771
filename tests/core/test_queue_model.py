"""The queues against a naive model, over any mix of handlers: what each handler is called with, and every account."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bowstring.core import inbox, queue, tasks
from bowstring.core.components import Executor, Guard, Strategy, on
from bowstring.core.messages import (
    Action,
    ActionClosed,
    ActionDone,
    ComponentFailed,
    Delivery,
    Event,
    Lagged,
    Message,
    Resumed,
)
from tests.core import model as naive
from tests.core.bots import FakeClock, queue_of
from tests.core.model import KINDS, Model, Msg, Script, Seen, Setting, Verdict, seen

TAGS = 4


class Item(Event, frozen=True, kw_only=True):
    tag: int

    def conflation_key(self) -> int:
        return self.tag


class Word(Item, frozen=True, kw_only=True):
    pass


class Mark(Item, frozen=True, kw_only=True):
    delivery: ClassVar[Delivery] = "latest"


class Tape(Item, frozen=True, kw_only=True):
    delivery: ClassVar[Delivery] = "recent"


class Job(Action, frozen=True, kw_only=True):
    tag: int

    @property
    def adds_risk(self) -> bool:
        return self.tag == naive.RISKY


class Failure(Exception):
    pass


EVENTS: dict[str, type[Item]] = {"Word": Word, "Mark": Mark, "Tape": Tape}


def content(message: Message) -> object:
    """What the model knows of a message besides its envelope."""
    match message:
        case Item() | Job():
            return message.tag
        case ActionClosed():
            return message.action, message.by
        case Lagged():
            return message.count, message.first, message.last
        case ComponentFailed():
            return message.component, message.halted
        case Resumed():
            return message.strategy, message.missed
        case _:
            raise AssertionError(message)


class World:
    """The real components, which follow their scripts and note their calls."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.clock = FakeClock()
        self.calls: list[Seen] = []
        self.heard: dict[str, list[Event]] = {"W": [], "S": [], "T": []}
        self.parked: list[asyncio.Future[None]] = []
        x = X(self) if setting.inadmissible is None else AdmittingX(self)
        self.queue = queue_of(W(self), G(self), H(self), x, Y(self), S(self), T(self), clock=self.clock)

    @property
    def states(self) -> list[Seen]:
        return [
            (
                account.name,
                account.role,
                (
                    account.published,
                    account.delivered,
                    account.conflated,
                    account.dropped,
                    account.waiting,
                    account.undelivered,
                ),
                account.halted,
            )
            for account in self.queue.accounts()
        ]

    def note(self, handler: str, message: Message) -> None:
        self.calls.append(seen(handler, message, content(message)))
        name = handler.split(".", maxsplit=1)[0]
        if name in self.heard and isinstance(message, Event) and handler != "T.second":
            self.heard[name].append(message)

    def follow(self, handler: str, message: Message) -> Any:
        """Do what the script of a handler says: the handler returns this."""
        tag = message.tag if isinstance(message, Item | Job) else 0
        script = self.setting.scripts[handler][tag]
        make = job if handler[0] in {"S", "T"} else event
        products = [make(product) for product in script.products]
        match script.style:
            case "def":
                return self._now(handler, message, script, products)
            case "generator":
                return self._generator(handler, message, script, products)
            case "async":
                return self._later(handler, message, script, products)
            case "asyncgen":
                return self._async_generator(handler, message, script, products)
            case "emit" if script.waits:
                return self._emit_later(handler, message, script, cast("list[Event]", products))
            case "emit":
                return self._emit(handler, message, script, cast("list[Event]", products))

    def _begin(self, handler: str, message: Message, script: Script) -> None:
        self.note(handler, message)
        if script.blocks:
            self.clock.at_ns += naive.BLOCK_NS

    async def _wait(self, script: Script) -> None:
        if script.waits:
            self.parked.append(asyncio.get_running_loop().create_future())
            await self.parked[-1]

    def _end(self, script: Script) -> None:
        if script.raises:
            raise Failure

    def _now(self, handler: str, message: Message, script: Script, products: Sequence[Message]) -> object:
        self._begin(handler, message, script)
        self._end(script)
        return {0: None, 1: products[0] if products else None}.get(len(products), products)

    def _generator(
        self, handler: str, message: Message, script: Script, products: Sequence[Message]
    ) -> Iterator[Message]:
        self._begin(handler, message, script)
        yield from products
        self._end(script)

    async def _later(self, handler: str, message: Message, script: Script, products: Sequence[Message]) -> object:
        self._begin(handler, message, script)
        await self._wait(script)
        self._end(script)
        return products

    async def _async_generator(
        self, handler: str, message: Message, script: Script, products: Sequence[Message]
    ) -> AsyncIterator[Message]:
        self._begin(handler, message, script)
        for product in products:
            yield product
        await self._wait(script)
        self._end(script)

    def _emit(self, handler: str, message: Message, script: Script, products: Sequence[Event]) -> None:
        self._begin(handler, message, script)
        for product in products:
            self.queue.publish(product)
        self._end(script)

    async def _emit_later(self, handler: str, message: Message, script: Script, products: Sequence[Event]) -> None:
        self._begin(handler, message, script)
        await self._wait(script)
        for product in products:
            self.queue.publish(product)
        self._end(script)


def event(product: int) -> Item:
    return EVENTS[KINDS[product % 3]](tag=product // 3)


def job(product: int) -> Job:
    return Job(tag=product // 3)


class W(Guard):
    def __init__(self, world: World) -> None:
        self.note_call = world.note

    @on(Event)
    def note(self, event: Event) -> None:
        self.note_call("W.note", event)


class H(Guard):
    def __init__(self, world: World) -> None:
        self.world = world

    @on(Job)
    def judge(self, action: Job) -> str | None:
        name = type(self).__name__
        self.world.note(f"{name}.judge", action)
        match self.world.setting.verdicts[name][action.tag]:
            case "pass":
                return None
            case "refuse":
                return "no"
            case "raise":
                raise Failure


class G(H):
    @on(Item)
    def look(self, item: Item) -> Any:
        return self.world.follow("G.first", item)


class Y(Executor):
    max_in_flight = 2
    capacity = 1

    def __init__(self, world: World) -> None:
        self.name = type(self).__name__[-1]
        self.world = world

    @on(Job)
    def do(self, action: Job) -> Any:
        return self.world.follow(f"{self.name}.do", action)


class X(Y):
    max_in_flight = 1

    @on(Word)
    def observe(self, word: Word) -> Any:
        return self.world.follow("X.observe", word)


class AdmittingX(X):
    def admit(self, actions: Sequence[Action]) -> None:
        self.world.calls.append(("X.admit", *(action.seq for action in actions)))
        assert self.world.setting.inadmissible is not None
        if any(isinstance(action, Job) and action.tag in self.world.setting.inadmissible for action in actions):
            raise Failure


class S(Strategy):
    def __init__(self, world: World) -> None:
        self.name = type(self).__name__
        self.follow = world.follow

    @on(Item)
    def first(self, item: Item) -> Any:
        return self.follow(f"{self.name}.first", item)

    @on(Lagged)
    def learn(self, lagged: Lagged) -> Any:
        return self.follow(f"{self.name}.lagged", lagged)

    @on(ActionClosed)
    def close(self, closed: ActionClosed) -> Any:
        return self.follow(f"{self.name}.closed", closed)


class T(S):
    @on(Tape)
    def second(self, tape: Tape) -> Any:
        return self.follow("T.second", tape)


ANY_STYLE = ("def", "generator", "async", "asyncgen", "emit")
BUT_EMIT = ("def", "generator", "async", "asyncgen")
STYLES: dict[str, tuple[Any, ...]] = {
    "W.note": ("def",),
    "G.first": ("def", "generator"),
    "X.observe": ANY_STYLE,
    "X.do": ANY_STYLE,
    "Y.do": ANY_STYLE,
    "S.first": BUT_EMIT,
    "T.first": BUT_EMIT,
    "T.second": BUT_EMIT,
}
QUIET_STYLES: dict[str, tuple[Any, ...]] = dict.fromkeys(("S.lagged", "S.closed", "T.lagged", "T.closed"), BUT_EMIT)


def rarely() -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * 15 + [True])


def scripts(handler: str, tag: int) -> st.SearchStrategy[Script]:
    """Draw a script; what it returns has lower tags, so everything ends."""
    if handler == "W.note":
        return st.just(Script())
    styles = STYLES.get(handler) or QUIET_STYLES[handler]
    size = min(2, tag)
    products = st.lists(st.integers(0, max(0, 3 * tag - 1)), min_size=size // 2, max_size=size).map(tuple)
    waits = st.sampled_from([False, False, True]) if "async" in styles else st.just(False)
    return st.builds(Script, st.sampled_from(styles), products, raises=rarely(), waits=waits, blocks=rarely())


def all_scripts(handler: str) -> st.SearchStrategy[list[Script]]:
    return st.tuples(*(scripts(handler, tag) for tag in range(TAGS))).map(list)


def settings_() -> st.SearchStrategy[Setting]:
    verdicts: st.SearchStrategy[list[Verdict]] = st.lists(
        st.sampled_from(("pass", "pass", "pass", "refuse", "raise")), min_size=TAGS, max_size=TAGS
    )
    return st.builds(
        Setting,
        st.fixed_dictionaries({handler: all_scripts(handler) for handler in (*STYLES, *QUIET_STYLES)}),
        st.fixed_dictionaries({"G": verdicts, "H": verdicts}),
        st.none() | st.frozensets(st.integers(0, TAGS - 1), max_size=1),
    )


events = st.tuples(st.sampled_from(KINDS), st.integers(0, TAGS - 1).map(lambda below: TAGS - 1 - below))
number = st.integers(0, 99)


class QueueMachine(RuleBasedStateMachine):
    """Each rule does something at the end of one pass of the loop, in the queue and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(inbox, "LOSSLESS_CAPACITY", naive.LOSSLESS_CAPACITY)
        self.patch.setattr(inbox, "MARKET_CAPACITY", naive.MARKET_CAPACITY)
        self.patch.setattr(tasks, "TURN_EVENTS", naive.TURN_EVENTS)
        self.patch.setattr(queue, "BACKLOG", naive.BACKLOG)
        logging.disable(logging.CRITICAL)
        self.loop = asyncio.SelectorEventLoop()
        self.unhandled: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: self.unhandled.append(context))

    @initialize(setting=settings_())
    def build(self, setting: Setting) -> None:
        self.world = World(setting)
        self.model = Model(setting, now_ns=self.world.clock.now_ns())

    @rule(items=st.lists(events, min_size=1, max_size=4))
    def publish(self, items: list[tuple[str, int]]) -> None:
        def real() -> None:
            for kind, tag in items:
                self.world.queue.publish(EVENTS[kind](tag=tag))

        def modelled() -> None:
            for kind, tag in items:
                self.model.publish(Msg(kind, tag))

        self.run_pass(real, modelled)

    @precondition(lambda self: self.model.parked)
    @rule(number=number, cancel=rarely())
    def end_a_wait(self, number: int, cancel: bool) -> None:
        number %= len(self.model.parked)

        def real() -> None:
            waited_for = self.world.parked.pop(number)
            if cancel:
                waited_for.cancel()
            else:
                waited_for.set_result(None)

        self.run_pass(real, lambda: self.model.resolve(number, cancel=cancel))

    @precondition(lambda self: any(sub.halted for sub in self.model.subs))
    @rule(number=number)
    def resume(self, number: int) -> None:
        halted = [sub.name for sub in self.model.subs if sub.halted]
        name = halted[number % len(halted)]

        def real() -> None:
            with suppress(KeyError):  # it goes on already, as it was to as soon as it could
                self.world.queue.resume(name)

        def modelled() -> None:
            with suppress(ValueError):
                self.model.resume(name)

        self.run_pass(real, modelled)

    @rule()
    def refuse_risk_or_not(self) -> None:
        def real() -> None:
            refusing = self.world.queue.actions.refusing_risk
            refusing.clear() if refusing else refusing.update(stop="stopping")

        def modelled() -> None:
            self.model.refusing_risk = not self.model.refusing_risk

        self.run_pass(real, modelled)

    @precondition(lambda self: any(work.waiting for work in self.model.works))
    @rule()
    def close_what_waits_for_executors(self) -> None:
        close = self.world.queue.actions.close_waiting
        self.run_pass(lambda: self.world.queue.turn(close, "over"), lambda: self.model.turn(self.model.close_waiting))

    @rule()
    def let_time_pass(self) -> None:
        self.run_pass(lambda: None, lambda: None)

    @invariant()
    def every_call_and_every_account_is_as_the_model_says(self) -> None:
        assert self.world.calls == self.model.calls
        assert self.world.states == self.model.states
        assert self.unhandled == []

    @invariant()
    def accounts_are_exact(self) -> None:
        for account in self.world.queue.accounts():
            gone = account.delivered + account.conflated + account.dropped + account.waiting + account.undelivered
            assert account.published == gone, account

    @invariant()
    def each_subscriber_hears_events_in_the_order_of_their_publication(self) -> None:
        order = {event.seq: place for place, event in enumerate(self.world.heard["W"])}
        for heard in self.world.heard.values():
            places = [order[event.seq] for event in heard if not isinstance(event, Lagged)]
            assert places == sorted(set(places))

    @invariant()
    def losses_are_told_before_anything_newer(self) -> None:
        for name in ("S", "T"):
            for lagged, later in zip(self.world.heard[name], self.world.heard[name][1:], strict=False):
                if isinstance(lagged, Lagged) and isinstance(later, Mark | Tape):
                    assert lagged.last < later.seq

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.loop.close()
            self.patch.undo()
            logging.disable(logging.NOTSET)

    def finish(self) -> None:
        """Let everything end, and look at how each action ended."""
        while self.model.parked or not self.model.is_quiet:
            if self.model.parked:
                self.end_a_wait(0, False)
            else:
                self.let_time_pass()
        self.every_call_and_every_account_is_as_the_model_says()
        self.accounts_are_exact()
        assert not self.model.is_behind
        self.loop.run_until_complete(self.world.queue.idle())
        self.every_action_is_closed_once_by_each_executor_or_by_who_refused_it()

    def every_action_is_closed_once_by_each_executor_or_by_who_refused_it(self) -> None:
        closings = Counter(
            (closed.action, closed.by) for closed in self.world.heard["W"] if isinstance(closed, ActionClosed)
        )
        assert set(closings.values()) <= {1}
        enders: dict[int, set[str]] = {}
        for action, by in closings:
            enders.setdefault(action, set()).add(by)
        assert all(by in ({"X", "Y"}, {"engine"}, {"G"}, {"H"}) for by in enders.values())
        judged = {call[2] for call in self.world.calls if str(call[0]).endswith((".judge", ".do"))}
        assert judged <= set(enders)
        done = [call[2] for call in self.world.calls if str(call[0]).endswith(".do")]
        succeeded = [closed for closed in self.world.heard["W"] if isinstance(closed, ActionDone)]
        assert len(succeeded) <= len(done)

    def run_pass(self, real: Callable[[], None], modelled: Callable[[], None]) -> None:
        """Let the loop make one pass, and do this at its end."""
        self.loop.call_soon(real)
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        self.model.run_pass(modelled)
        assert self.world.clock.now_ns() == self.model.now_ns


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=150, stateful_step_count=25)
