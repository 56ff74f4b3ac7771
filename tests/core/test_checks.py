"""Tests of what an engine says about lists with the wrong things in them, and about components that cannot work."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from typing import Any

import pytest

from bowstring.core.components import Collector, Component, Emit, Executor, Guard, Strategy
from bowstring.core.engine import Engine
from bowstring.core.errors import WiringError
from bowstring.core.maps import CollectorMap
from tests.core.bots import Bot, Doer, Reader, Tick, Witness
from tests.core.lifecycle import Feed, feed_of, forever


class Venue:
    """Hands components out, and is none."""

    def quotes(self) -> Collector:
        return Feed(forever)


class Named:
    """Is no component, and shows itself at length."""

    def __repr__(self) -> str:
        return "x" * 200


def complaint(**given: Any) -> str:
    """What an engine says of such lists."""
    with pytest.raises(WiringError) as refused:
        Engine(**given)
    return str(refused.value)


VENUES = "what a venue's methods return is one, as in venue.quotes(...) or venue.executor()"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"strategies": [Bot]}, "strategies: Bot is a class: write Bot(...)"),
        ({"collectors": [Venue().quotes]}, "collectors: quotes is a function: write quotes(...)"),
        ({"collectors": [Venue()]}, f"collectors: Venue(...) is no Collector: {VENUES}"),
        ({"executors": [Venue()]}, f"executors: Venue(...) is no Executor: {VENUES}"),
        ({"executors": [Bot()]}, "executors: Bot(...) is no Executor: put it into strategies=[...]"),
        ({"strategies": [Doer()]}, "strategies: Doer(...) is no Strategy: put it into executors=[...]"),
        ({"guards": [Bot()]}, "guards: Bot(...) is no Guard: put it into strategies=[...]"),
        ({"collectors": [Witness()]}, "collectors: Witness(...) is no Collector: put it into guards=[...]"),
        ({"strategies": [feed_of()]}, "strategies: Feed(...) is no Strategy: put it into collectors=[...]"),
        (
            {"strategies": ["bot"]},
            "strategies: 'bot' is no Strategy: make a class below Strategy, and give an object of",
        ),
        ({"guards": [Named()]}, f"guards: {'x' * 77}... is no Guard: make a class below Guard"),
        ({"collectors": feed_of()}, "collectors=Feed(...) is no list: write collectors=[...]"),
        ({"strategies": Bot}, "strategies=Bot is no list: write strategies=[...]"),
        ({"executors": None}, "executors=None is no list: write executors=[...]"),
    ],
)
def test_what_does_not_belong_into_a_list_is_named_with_what_to_write(given: dict[str, Any], expected: str) -> None:
    assert complaint(**given).startswith(expected)


def test_a_list_may_be_any_iterable() -> None:
    engine = Engine(strategies=(Bot(name=name) for name in "ab"), guards={Witness()})

    assert [account.name for account in engine.accounts()] == ["Witness", "timers", "a", "b", "timers"]


@pytest.mark.parametrize("name", [7, None, lambda: "bot"])
def test_a_name_that_is_no_string_is_named(name: Any) -> None:
    bot = Bot()
    bot.name = name

    assert complaint(strategies=[bot]) == f'Bot.name is {name!r}: give a string, name = "..."'


# --- async -----------------------------------------------------------------------------------------------------------


class Plain(Collector):
    def run(self, emit: Emit) -> None:  # type: ignore[override]  # that is the test
        emit(Tick())


class Unannotated(Collector):
    def run(self, emit):  # type: ignore[no-untyped-def]  # that is the test
        emit(Tick())


class Yielding(Collector):
    async def run(self, emit: Emit) -> AsyncIterator[Tick]:  # type: ignore[override]  # that is the test
        yield Tick()


class PlainlyYielding(Collector):
    def run(self, emit: Emit) -> Iterator[Tick]:  # type: ignore[override]  # that is the test
        yield Tick()


class PlainBot(Bot):
    def start(self) -> None:  # type: ignore[override]  # that is the test
        pass


class PlainGuard(Witness):
    def start(self) -> None:  # type: ignore[override]  # that is the test
        pass


class PlainStart(Doer):
    def start(self, emit: Emit) -> None:  # type: ignore[override]  # that is the test
        pass


class PlainStop(Doer):
    def stop(self) -> None:  # type: ignore[override]  # that is the test
        pass


@pytest.mark.parametrize(
    ("parameter", "component", "expected"),
    [
        ("collectors", Plain(), "Plain.run is a plain def: write `async def run`"),
        ("collectors", Unannotated(), "Unannotated.run is a plain def: write `async def run`"),
        ("collectors", Yielding(), "Yielding.run yields, so it would never run: publish with `emit(event)` instead"),
        ("collectors", PlainlyYielding(), "PlainlyYielding.run yields, so it would never run: publish with"),
        ("strategies", PlainBot(), "PlainBot.start is a plain def: write `async def start`"),
        ("guards", PlainGuard(), "PlainGuard.start is a plain def: write `async def start`"),
        ("executors", PlainStart(), "PlainStart.start is a plain def: write `async def start`"),
        ("executors", PlainStop(), "PlainStop.stop is a plain def: write `async def stop`"),
    ],
)
def test_a_method_that_lacks_its_async_is_named(parameter: str, component: Component, expected: str) -> None:
    assert complaint(**{parameter: [component]}).startswith(expected)


class Delegating(Collector):
    def run(self, emit: Emit) -> Awaitable[None]:  # type: ignore[override]  # it is awaited as any other
        return forever()


def logged(work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    def call(*arguments: Any) -> Any:
        return work(*arguments)

    return call


class Decorated(Collector):
    @logged
    async def run(self, emit: Emit) -> None:
        await forever()


class Callback:
    def __call__(self, emit: Emit) -> Awaitable[None]:
        return forever()


class Assigned(Collector):
    run = Callback()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # it is awaited too


@pytest.mark.parametrize(
    "collector", [Delegating(), Decorated(), Assigned(), CollectorMap(Delegating(), lambda event: event)]
)
def test_what_is_awaited_need_not_be_async_itself(collector: Collector) -> None:
    Engine(collectors=[collector])


# --- stalls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0, -1.0, float("nan"), float("inf"), "5"])
def test_a_stall_that_could_not_be_told_from_none_is_refused(after_s: Any) -> None:
    expected = f"Feed.stall_after_s is {after_s!r}: give seconds above 0, or None for no limit"

    assert complaint(collectors=[Feed(forever, stall_after_s=after_s)]) == expected


def test_a_stall_may_be_told_after_any_time() -> None:
    Engine(collectors=[Feed(forever, stall_after_s=after_s) for after_s in (None, 1, 0.5)])


@pytest.mark.parametrize(
    ("parameter", "component"), [("strategies", Strategy()), ("guards", Guard()), ("executors", Executor())]
)
def test_a_component_that_does_as_its_base_does_is_as_it_should_be(parameter: str, component: Component) -> None:
    assert "handles nothing" in complaint(**{parameter: [component]})


def warnings_about(caplog: pytest.LogCaptureFixture, *brought: Collection[str] | None, asked: set[str]) -> list[str]:
    """What an engine warns of, with collectors that bring these symbols and a strategy that asks for some."""
    collectors, bot = [feed_of() for _ in brought], Bot()
    for collector, symbols in zip(collectors, brought, strict=True):
        collector.symbols = symbols
    bot.symbols = asked
    Engine(collectors=collectors, strategies=[bot, Reader()])
    return caplog.messages


def test_a_symbol_that_no_collector_brings_is_warned_of_with_the_nearest_that_one_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warnings = warnings_about(
        caplog, {"BTC/USDT"}, ["ETH/BTC"], (), asked={"BTC/USDT", "BTC/USTD", "eth/btc", "DOGE/EUR:XYZ"}
    )

    assert warnings == [
        "bot.symbols has BTC/USTD, which no collector brings; did you mean BTC/USDT?",
        "bot.symbols has DOGE/EUR:XYZ, which no collector brings",
        "bot.symbols has eth/btc, which no collector brings; did you mean ETH/BTC?",
    ]


@pytest.mark.parametrize("brought", [(), ({"BTC/USDT"}, None)])
def test_where_not_all_collectors_tell_their_symbols_nothing_is_warned_of(
    brought: tuple[Collection[str] | None, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings_about(caplog, *brought, asked={"BTC/USTD"}) == []
