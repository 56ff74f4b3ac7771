import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.errors import NotSent
from bowstring.core.maps import CollectorMap, ExecutorMap
from bowstring.core.messages import Action, ActionClosed, CollectorDown, Event
from bowstring.testing.simulation import EPOCH_NS
from bowstring.trading.messages import CancelOrder, PlaceOrder
from tests.core.bots import Bot, Do, Doer, Echo, FakeClock, Reader, Risk, Tick, Witness
from tests.core.lifecycle import Feed, feed_of, forever, live, stop_after


def double(event: Event) -> Event | None:
    """Map ticks to echoes of twice their number, and drop those of even ones."""
    assert isinstance(event, Tick)
    return Echo(n=2 * event.n) if event.n % 2 else None


def same(message: Any) -> Any:
    return message


class Ears(Reader):
    """Keeps ticks and echoes."""

    @property
    def numbers(self) -> list[tuple[type[Event], int]]:
        return [(type(event), event.n) for event in self.heard]

    @property
    def heard(self) -> list[Tick | Echo]:
        return [event for event in self.seen if isinstance(event, Tick | Echo)]


# --- collectors ------------------------------------------------------------------------------------------------------


def test_what_a_collector_emits_is_transformed_or_dropped() -> None:
    ears = Ears()

    live(CollectorMap(feed_of(*(Tick(n=n) for n in range(5))), double), ears)

    assert ears.numbers == [(Echo, 2), (Echo, 6)]


def test_the_time_of_receipt_is_carried_over() -> None:
    ears = Ears()

    live(CollectorMap(feed_of(Tick(n=1, received_ns=17), Tick(n=3), pause_s=1), double), ears)

    assert [event.received_ns for event in ears.heard] == [17, EPOCH_NS + 2_000_000_000]


def test_an_event_may_pass_as_it_is() -> None:
    ears, tick = Ears(), Tick(n=1)

    live(CollectorMap(feed_of(tick), same), ears)

    assert ears.heard[0] is tick


def test_the_collector_inside_has_the_name_and_the_clock_of_the_engine() -> None:
    found: list[tuple[str, int]] = []

    class Own(Collector):
        finite = True

        async def run(self, emit: Emit) -> None:
            found.append((self.name, self.clock.now_ns()))

    live(CollectorMap(Own(), same), CollectorMap(Own(), same))

    assert found == [("Own", EPOCH_NS), ("Own-2", EPOCH_NS)]


def test_a_map_of_a_finite_collector_is_finite_and_can_wait_until_its_events_are_handled() -> None:
    done: list[int] = []

    async def think(tick: Tick) -> None:
        await asyncio.sleep(1)
        done.append(tick.n)

    async def replay(emit: Emit) -> None:
        for n in range(1500):
            emit(Tick(n=n))
            await emit.drained()

    live(CollectorMap(Feed(replay, finite=True), same), Bot(think))

    assert done == list(range(1500))


@pytest.mark.parametrize("times", [1, 2])
def test_a_collector_whose_events_are_all_dropped_has_not_stalled(times: int) -> None:
    async def tick(emit: Emit) -> None:
        for n in range(100):
            emit(Tick(n=n))
            await asyncio.sleep(1)
        await forever()

    witness = Witness()
    collector: Collector = Feed(tick, stall_after_s=4)
    for _ in range(times):
        collector = CollectorMap(collector, lambda _event: None)

    live(collector, witness, course=stop_after(101))
    assert witness.of(CollectorDown) == []

    live(collector, witness, course=stop_after(110))
    assert witness.of(CollectorDown)[0].reason == "it stalled: nothing for 4 s"


def test_a_dropped_event_is_no_matter_to_an_emit_that_watches_for_no_stall() -> None:
    class Plain:
        def __init__(self) -> None:
            self.events: list[Event] = []

        def __call__(self, event: Event, /) -> None:
            self.events.append(event)

        async def drained(self) -> None: ...

    emit = Plain()
    mapped = CollectorMap(feed_of(Tick(n=0), Tick(n=1)), double)
    mapped.clock = FakeClock()
    asyncio.run(mapped.run(emit))

    assert emit.events == [Echo(n=2)]


def test_a_transform_that_raises_fails_the_collector_which_is_started_again() -> None:
    mistakes = iter([LookupError("once"), None, None, None])

    def transform(event: Event) -> Event | None:
        mistake = next(mistakes)
        if mistake is not None:
            raise mistake
        return event

    reader = Reader(name="reader")
    live(CollectorMap(feed_of(Tick(n=1), Tick(n=2)), transform), reader)

    assert [event.n for event in reader.seen if isinstance(event, Tick)] == [1, 2]
    assert [event.reason for event in reader.seen if isinstance(event, CollectorDown)] == ["once"]


def test_a_transform_to_something_else_than_an_event_says_so() -> None:
    witness = Witness()

    live(CollectorMap(feed_of(Tick()), lambda _event: same(17)), witness, course=stop_after(0.05))

    reason = "emit(17): that is no Event; emit events, one at a time"
    assert [down.reason for down in witness.of(CollectorDown)] == [reason]


# --- executors -------------------------------------------------------------------------------------------------------


class Alert(Action, frozen=True, kw_only=True):
    """What strategies ask for, and no executor here knows."""

    n: int = 0


class Urgent(Do, frozen=True, kw_only=True):
    """A kind of `Do`."""


class Client(Bot):
    """Answers ticks, and keeps how its actions ended."""

    def __init__(self, react: Callable[[Tick], Any]) -> None:
        super().__init__(react)
        self.closings: list[tuple[str, str]] = []

    @on(ActionClosed)
    def note(self, closed: ActionClosed) -> None:
        self.closings.append((type(closed).__name__, closed.reason))


class Clerk(Doer):
    """Keeps what it is shown before it is asked to do it, and refuses that when the test says so."""

    def __init__(self, *, refusal: NotSent | None = None) -> None:
        super().__init__(name="clerk")
        self.shown: list[list[Action]] = []
        self._refusal = refusal

    def admit(self, actions: Sequence[Action]) -> None:
        self.shown.append(list(actions))
        if self._refusal is not None:
            raise self._refusal


def alert(tick: Tick) -> Alert:
    return Alert(n=tick.n)


def to_do(alert: Alert) -> Do | None:
    return Do(n=2 * alert.n) if alert.n % 2 else None


def numbers(actions: Sequence[Action]) -> list[tuple[type[Action], int]]:
    return [(type(action), action.n) for action in actions if isinstance(action, Do | Alert)]


def test_what_an_executor_is_asked_is_transformed_or_dropped() -> None:
    doer, client = Doer(), Client(alert)

    live(feed_of(*(Tick(n=n) for n in range(5))), client, ExecutorMap(doer, Alert, to_do))

    assert numbers(doer.given) == [(Do, 2), (Do, 6)]
    assert [kind for kind, _reason in client.closings] == ["ActionRefused", "ActionDone"] * 2 + ["ActionRefused"]
    assert client.closings[0][1] == "doer was given no action in its place"


def test_the_envelope_is_carried_over() -> None:
    asked: list[Action] = []
    doer = Doer()

    def keep(alert: Alert) -> Do | None:
        asked.append(alert)
        return to_do(alert)

    live(feed_of(Tick(n=1, received_ns=EPOCH_NS)), Client(alert), ExecutorMap(doer, Alert, keep))

    fields = ("seq", "cause", "received_ns", "depth", "strategy")
    given, wanted = ([getattr(action, field) for field in fields] for action in (doer.given[0], asked[0]))
    assert given == wanted
    assert doer.given[0].seq > doer.given[0].cause > 0
    assert doer.given[0].strategy == "bot"


def test_the_executor_inside_is_shown_what_it_will_be_asked() -> None:
    clerk = Clerk()

    live(feed_of(Tick(n=1)), Client(lambda _tick: [Alert(n=1), Risk(), Risk()]), ExecutorMap(clerk, Alert, to_do))

    assert [[type(action) for action in actions] for actions in clerk.shown] == [[Risk, Risk], [Do]]
    assert [type(action) for action in clerk.given] == [Do, Risk, Risk]


def test_what_the_executor_inside_does_not_admit_is_closed_as_failed() -> None:
    clerk, client = Clerk(refusal=NotSent("the disk is full")), Client(alert)

    live(feed_of(Tick(n=1)), client, ExecutorMap(clerk, Alert, to_do))

    assert client.closings == [("ActionFailed", "the disk is full")]
    assert [[type(action) for action in actions] for actions in clerk.shown] == [[Do]]
    assert clerk.given == []


def test_actions_of_other_types_reach_the_executor_as_they_are() -> None:
    doer = Doer()

    live(feed_of(Tick()), Client(lambda _tick: [Risk(), Do(n=1)]), ExecutorMap(doer, Do, lambda do: Do(n=do.n + 1)))

    assert [type(action) for action in doer.given] == [Risk, Do]
    assert numbers(doer.given) == [(Do, 2)]


def test_no_subtype_of_the_mapped_type_gets_around_the_transform() -> None:
    class Careful(Doer):
        @on(Urgent)
        def hurry(self, action: Urgent) -> None:
            self.given.append(action)

    doer = Careful()
    live(feed_of(Tick()), Client(lambda _tick: Urgent(n=1)), ExecutorMap(doer, Do, lambda do: Urgent(n=do.n + 1)))

    assert numbers(doer.given) == [(Urgent, 2)]


def test_the_nearest_handler_takes_what_was_mapped() -> None:
    taken: list[str] = []

    class Careful(Doer):
        @on(Action)
        def do_anything(self, action: Action) -> None:
            taken.append("anything")

        @on(Urgent)
        def hurry(self, action: Urgent) -> None:
            taken.append("urgent")

    live(feed_of(Tick()), Client(lambda _tick: Alert()), ExecutorMap(Careful(), Alert, lambda _alert: Urgent()))

    assert taken == ["urgent"]


@pytest.mark.parametrize("mapped", [Alert(), 17])
def test_a_transform_to_what_the_executor_does_not_handle_says_so(mapped: object) -> None:
    client = Client(alert)

    live(feed_of(Tick()), client, ExecutorMap(Doer(), Alert, lambda _alert: same(mapped)))

    reason = f"doer does not carry out {type(mapped).__name__}: map to what it handles"
    assert client.closings == [("ActionFailed", reason)]


def test_a_transform_that_raises_fails_the_action() -> None:
    client = Client(alert)

    live(feed_of(Tick()), client, ExecutorMap(Doer(), Alert, lambda alert: Do(n=1 // alert.n)))

    assert client.closings == [("ActionFailed", "integer division or modulo by zero")]


def test_the_executor_inside_lives_as_if_it_were_outside() -> None:
    diary: list[str] = []

    class Pager(Executor):
        max_in_flight = 1
        capacity = 1

        @on(Do)
        async def page(self, do: Do) -> Echo:
            diary.append("pages")
            await asyncio.sleep(1)
            return Echo(n=do.n)

        @on(Tick)
        def hear(self, tick: Tick) -> None:
            diary.append("hears a tick")

        async def start(self, emit: Emit) -> None:
            diary.append(f"{self.name} starts at {self.clock.now_ns() - EPOCH_NS}")
            diary.append(f"{type(self.engine).__name__} runs {', '.join(self.strategies)}")
            emit(Echo(n=0))

        async def stop(self) -> None:
            diary.append("stops")

    ears, client = Ears(), Client(lambda _tick: [Alert(n=1), Alert(n=3), Alert(n=5)])
    live(feed_of(Tick()), ears, client, ExecutorMap(Pager(), Alert, to_do))

    assert diary == [
        "Pager starts at 0",
        f"Engine runs {ears.name}, {client.name}",
        "hears a tick",
        "pages",
        "pages",
        "stops",
    ]
    assert ears.numbers == [(Echo, 0), (Tick, 0), (Echo, 2), (Echo, 6)]
    assert client.closings[0] == ("ActionRefused", "Pager is full: 1 actions wait")


class Venue(Executor):
    """Carries out the orders for one venue by keeping them."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.given: list[Action] = []

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> None:
        self.given.append(order)

    @on(CancelOrder)
    def cancel(self, order: CancelOrder) -> None:
        self.given.append(order)


def test_what_adds_risk_cannot_come_out_of_a_transformation_as_no_guard_would_see_it() -> None:
    def place(do: Do) -> PlaceOrder:
        return PlaceOrder(symbol="A/B", side="buy", quantity=Decimal(do.n), price=Decimal(1))

    venue, client = Venue("one"), Client(lambda _tick: Do(n=1))
    live(feed_of(Tick()), client, ExecutorMap(venue, Do, place))

    assert venue.given == []
    assert client.closings == [
        ("ActionRefused", "no guard has seen this PlaceOrder: return it from the strategy instead")
    ]


def test_a_map_of_an_executor_owns_its_venue() -> None:
    def only_small(order: PlaceOrder) -> PlaceOrder | None:
        return order if order.quantity < 1 else None

    class Trader(Strategy):
        @on(Tick)
        def trade(self, tick: Tick) -> list[Action]:
            half, one = Decimal("0.5"), Decimal(1)
            return [
                PlaceOrder(venue="two", symbol="A/B", side="buy", quantity=half, price=one),
                PlaceOrder(venue="two", symbol="A/B", side="buy", quantity=one, price=one),
                CancelOrder(venue="one", client_order_id="x"),
            ]

    venues = [Venue("one"), Venue("two")]
    live(feed_of(Tick()), Trader(), *(ExecutorMap(venue, PlaceOrder, only_small) for venue in venues))

    assert [type(action) for action in venues[0].given] == [CancelOrder]
    assert [getattr(action, "quantity", None) for action in venues[1].given] == [Decimal("0.5")]
