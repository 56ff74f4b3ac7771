import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from bowstring.core.components import Component, Emit, Executor, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import Action, ActionRefused, ComponentFailed
from bowstring.testing.simulation import simulate
from bowstring.trading.messages import CancelOrder, OrderUpdate, PlaceOrder
from bowstring.trading.strategy import Strategy as TradingStrategy
from tests.core.bots import Bot, Do, Doer, Echo, Risk, Tick, Witness
from tests.core.lifecycle import (
    Course,
    Diary,
    Feed,
    Keeper,
    Trader,
    cancel_after,
    engine_of,
    feed_of,
    forever,
    keeping,
    left_over,
    live,
    now_s,
    outcome,
    stop_after,
    stubborn,
    tick_and_wait,
)

# --- stop ------------------------------------------------------------------------------------------------------------


class Venue(Executor):
    """Carries out orders by keeping them."""

    venue = "venue"

    def __init__(self) -> None:
        self.given: list[Action] = []

    @on(Action)
    def carry_out(self, action: Action) -> None:
        self.given.append(action)


class Orderly(TradingStrategy):
    """Places and cancels an order at each tick, and keeps what becomes of it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @on(Tick)
    def trade(self, tick: Tick) -> Iterator[Action]:
        order = PlaceOrder(symbol="A/B", side="buy", quantity=Decimal(1), price=Decimal(1))
        yield order
        yield CancelOrder(client_order_id="an order of before")

    @on(OrderUpdate)
    def note_order(self, update: OrderUpdate) -> None:
        self.told.append(f"{update.status}: {update.reason}")

    @on(ActionRefused)
    def note_refusal(self, refused: ActionRefused) -> None:
        self.told.append(f"{refused.action_type} refused by {refused.by}: {refused.reason}")


@pytest.mark.parametrize("course", [stop_after(1.5), cancel_after(1.5)])
def test_from_its_stop_on_new_risk_is_refused_and_the_rest_goes_on(course: Course) -> None:
    venue, bot = Venue(), Orderly()

    async def tell_last(emit: Emit) -> None:
        emit(Tick())
        try:
            await forever()
        finally:
            emit(Tick())

    outcome(Feed(tell_last), bot, venue, course=course)

    assert [type(action) for action in venue.given] == [PlaceOrder, CancelOrder, CancelOrder]
    assert bot.told == [
        "PlaceOrder refused by engine: the engine is stopping",
        "refused: the engine is stopping",
    ]


def test_new_risk_is_refused_from_the_very_call_of_stop() -> None:
    engines: list[Engine] = []
    doer = Doer()

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        engines.append(engine)

    def stop(tick: Tick) -> None:
        engines[0].stop()

    live(feed_of(Tick()), Bot(stop, name="stopper"), Bot(lambda _tick: [Risk(), Do()]), doer, course=course)

    assert [type(action) for action in doer.given] == [Do]


def test_the_first_reason_to_stop_is_told() -> None:
    diary = Diary()

    async def course(engine: Engine, running: "asyncio.Future[None]") -> None:
        await asyncio.sleep(1)
        engine.stop("the first")
        engine.stop("the second")

    live(Trader(diary), course=course)

    assert diary.entries == ["trader starts", "trader hears: the first", "trader stops"]


async def later(*results: Any) -> list[Any]:
    await asyncio.sleep(0.5)
    return list(results)


async def one_by_one(*results: Any) -> AsyncIterator[Any]:
    for result in results:
        await asyncio.sleep(0.1)
        yield result


RETURNING: dict[str, Callable[[Action], Any]] = {
    "one": lambda action: action,
    "an iterator": lambda action: iter([action]),
    "awaited": later,
    "an async iterator": one_by_one,
}


@pytest.mark.parametrize("how", RETURNING)
def test_last_actions_are_carried_out_however_they_are_returned(how: str) -> None:
    doer = Doer()

    live(Trader(Diary(), stop=lambda: RETURNING[how](Do())), Trader(Diary(), name="other"), doer, course=stop_after(1))

    assert [(action.strategy, type(action)) for action in doer.given] == [("trader", Do)]


def test_an_executor_that_is_quick_has_carried_out_last_actions_when_it_stops() -> None:
    diary = Diary()

    class Quick(Doer):
        async def stop(self) -> None:
            diary.note("stops")

    async def send(do: Do) -> None:
        await asyncio.sleep(0.2)
        diary.note("sent")

    live(Trader(Diary(), stop=Do), Quick(send), course=stop_after(1))

    assert diary.entries == ["sent", "stops"]


def test_last_actions_that_take_time_are_given_it() -> None:
    done: list[float] = []

    async def send(do: Do) -> None:
        await asyncio.sleep(3)
        done.append(now_s())

    live(Trader(Diary(), stop=Do), Doer(send), course=stop_after(1))

    assert done == [4]


async def overdue() -> Do:
    await asyncio.sleep(2)
    return Do()


async def broken() -> Do:
    raise ValueError("no books")


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (lambda: 1 // 0, "integer division or modulo by zero"),
        (broken, "no books"),
        (overdue, "culprit did not stop within 1 s"),
        (lambda: [Do(), "done"], "'done' is no Action: a strategy returns actions, an iterable of them, or None"),
    ],
)
def test_a_strategy_that_fails_to_stop_is_told_and_the_others_stop_in_order(
    stop: Callable[[], Any], reason: str
) -> None:
    diary, doer, witness = Diary(), Doer(), Witness()

    live(
        Trader(diary, name="culprit", stop=stop),
        Trader(diary, stop=lambda: Do(n=7)),
        Keeper(diary),
        doer,
        witness,
        course=stop_after(1),
    )

    assert [(failed.component, failed.reason) for failed in witness.of(ComponentFailed)] == [("culprit", reason)]
    assert [action.strategy for action in doer.given] == ["trader"]
    assert diary.entries[-1] == "keeper stops"


def test_a_halted_strategy_has_no_say_in_the_stop() -> None:
    diary = Diary()

    class Doomed(Trader):
        @on(Tick)
        def trade(self, tick: Tick) -> None:
            raise ValueError("no books")

    live(feed_of(Tick()), Doomed(diary, name="doomed"), Trader(diary))

    assert "doomed stops" not in diary.entries
    assert diary.entries[-1] == "trader stops"


def test_a_strategy_stops_when_its_last_handler_is_through() -> None:
    diary = Diary()

    class Thinker(Trader):
        @on(Echo)
        async def think(self, echo: Echo) -> None:
            await asyncio.sleep(0.2)
            diary.note("thought")

    async def tell_last(emit: Emit) -> None:
        try:
            await forever()
        finally:
            emit(Echo())

    live(Feed(tell_last), Thinker(diary), course=stop_after(1))

    assert diary.entries[-3:] == ["thought", "trader hears: asked to stop", "trader stops"]


def test_executors_that_fail_to_stop_are_named_and_the_others_stop() -> None:
    diary = Diary()

    def failing(name: str, error: BaseException) -> Keeper:
        async def fail() -> None:
            raise error

        return Keeper(diary, name=name, stop=fail)

    ended_s, error = outcome(
        failing("one", OSError("no route")),
        failing("two", StopIncomplete("order 1 may be alive")),
        failing("three", TimeoutError()),
        failing("four", asyncio.CancelledError()),
        Keeper(diary, name="five", stop=forever),
        Keeper(diary),
        course=stop_after(1),
    )

    assert isinstance(error, StopIncomplete)
    assert str(error).split("; ") == [
        "one: no route",
        "two: order 1 may be alive",
        "three: TimeoutError()",
        "four: it was cancelled from within",
        "five did not stop within 7 s",
    ]
    assert diary.entries[-1] == "keeper stops"
    assert ended_s == 8


def test_a_run_that_is_cancelled_stops_in_order_first() -> None:
    diary = Diary()

    ended_s, error = outcome(
        keeping(diary), Trader(diary), Keeper(diary, stop=lambda: asyncio.sleep(2)), course=cancel_after(1)
    )

    assert isinstance(error, asyncio.CancelledError)
    assert ended_s == 3
    assert diary.entries[-4:] == ["feed ends", "trader hears: cancelled", "trader stops", "keeper stops"]


def test_a_run_that_was_cancelled_says_what_it_left_behind() -> None:
    async def fail() -> None:
        raise StopIncomplete("order 1 may be alive")

    _, error = outcome(Keeper(Diary(), stop=fail), course=cancel_after(1))

    assert isinstance(error, StopIncomplete)


def test_suspended_handlers_are_cancelled_and_what_waited_is_closed() -> None:
    ended: list[str] = []

    async def think(tick: Tick) -> None:
        try:
            await forever()
        finally:
            ended.append("strategy")

    async def work(do: Do) -> None:
        try:
            await forever()
        finally:
            ended.append("executor")

    doer, witness = Doer(work), Witness()
    doer.max_in_flight = 1
    ended_s = live(
        Feed(tick_and_wait),
        Bot(think),
        Bot(lambda _tick: [Do(), Do()], name="other"),
        doer,
        witness,
        course=stop_after(1),
    )

    assert ended == ["strategy", "executor"]
    stopped = ("ActionFailed", "doer", "the engine has stopped")
    assert witness.closings == [*[stopped] * 5, ("ActionFailed", "doer", "CancelledError()")]
    assert ended_s == pytest.approx(10.4)


def test_a_handler_that_begins_in_answer_to_a_cancellation_is_cancelled_too() -> None:
    begun: list[str] = []

    async def repair(failed: ComponentFailed) -> None:
        begun.append(failed.component)
        try:
            await forever()
        finally:
            await asyncio.sleep(0.05)

    class Repairer(Strategy):
        @on(ComponentFailed)
        def repair(self, failed: ComponentFailed) -> Any:
            return repair(failed)

    live(Feed(tick_and_wait), Bot(forever), Repairer(), course=stop_after(1))

    assert begun == ["bot"]


Place = Callable[[Callable[..., Awaitable[Any]]], Sequence[Component]]

PLACES: dict[str, Place] = {
    "a collector": lambda work: [Feed(work, name="culprit")],
    "a strategy's stop": lambda work: [Trader(Diary(), name="culprit", stop=work)],
    "a strategy's handler": lambda work: [Feed(tick_and_wait), Bot(work, name="culprit")],
    "an executor's stop": lambda work: [Keeper(Diary(), name="culprit", stop=work)],
    "an executor's handler": lambda work: [Feed(tick_and_wait), Bot(lambda _tick: Do()), Doer(work, name="culprit")],
}


@pytest.mark.parametrize("what", PLACES)
def test_whatever_ignores_its_cancellation_the_stop_ends_in_time_and_names_it(what: str) -> None:
    ended_s, error = outcome(*PLACES[what](stubborn), course=stop_after(1), tidy=False)

    assert isinstance(error, StopIncomplete)
    assert "culprit" in str(error)
    assert ended_s == pytest.approx(10.5)


def test_even_if_everything_does_the_stop_ends_in_time() -> None:
    components = [component for make in PLACES.values() for component in make(stubborn)]
    for n, component in enumerate(components):
        component.name = f"component {n}"

    ended_s, error = outcome(*components, course=stop_after(1), tidy=False)

    assert all(name in str(error) for name in ("component 0", "component 1", "component 3", "component 4"))
    assert ended_s == pytest.approx(10.5)


@pytest.mark.parametrize("what", ["a collector", "a strategy's stop", "an executor's handler"])
def test_what_takes_its_time_to_clean_up_but_ends_is_not_left_behind(what: str) -> None:
    async def clean_up(*_args: object) -> None:
        await stubborn(for_s=6)

    ended_s = live(*PLACES[what](clean_up), course=stop_after(1))

    assert ended_s == pytest.approx(7 if what == "a strategy's stop" else 6, abs=1)


@pytest.mark.parametrize("what", [*PLACES, "a start"])
def test_a_second_cancellation_is_immediate(what: str) -> None:
    slow: dict[str, Sequence[Component]] = {"a start": [Keeper(Diary(), start=forever, stop=forever)]}

    components = slow.get(what) or PLACES[what](forever)
    ended_s, error = outcome(*components, Keeper(Diary(), stop=forever), course=cancel_after(1, 0.5), tidy=False)

    assert isinstance(error, asyncio.CancelledError)
    assert ended_s == 1.5


def test_after_a_second_cancellation_everything_is_cancelled() -> None:
    async def main() -> None:
        components = [component for make in PLACES.values() for component in make(forever)]
        for n, component in enumerate(components):
            component.name = f"component {n}"
        running = asyncio.ensure_future(engine_of(*components).run())
        await cancel_after(1, 0.5)(Engine(), running)
        await asyncio.sleep(0.001)
        assert left_over() == []

    simulate(main())
