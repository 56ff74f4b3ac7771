"""What both journals promise, and that they remember the same of the same life."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent
from bowstring.trading.journal.file import JournalFile
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Cursor, Journal, News
from bowstring.trading.messages import (
    Balance,
    GuardState,
    MismatchSettled,
    OperatorDecision,
    ReconcileMismatch,
    ReplaceOrder,
    RiskStateChanged,
)
from bowstring.trading.new_orders import NewOrder
from tests.trading.journal.orders import SIZE, SYMBOL, VENUE, fill, known, order, position, told

CLOCK = Clock()
Make = Callable[[Path], Journal]
MAKERS: dict[str, Make] = {
    "memory": lambda _path: MemoryJournal(),
    "process": JournalFile,
    "power": lambda path: JournalFile(path, durability="power"),
}


@pytest.fixture(params=MAKERS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    made = MAKERS[request.param](tmp_path / "bot.journal")
    made.open(CLOCK)
    yield made
    made.close()


def record(journal: Journal, *orders: NewOrder) -> None:
    """Put orders on record, however long that takes."""

    async def main() -> None:
        pending = journal.record(orders)
        if pending is not None:
            await pending

    asyncio.run(main())


def test_what_is_recorded_is_pending_until_something_is_told_of_it(journal: Journal) -> None:
    record(journal, order("a"), order("b"))

    assert [(one.client_order_id, one.status) for one in journal.recall(VENUE).live] == [
        ("a", "pending"),
        ("b", "pending"),
    ]


def test_an_order_is_recalled_as_it_was_told_last(journal: Journal) -> None:
    record(journal, order())
    update = told(order(), "open", filled="0.00000002", reason="half \ud800 a pair")
    journal.write([update])

    (live,) = journal.recall(VENUE).live
    assert (live.status, live.filled, live.venue_order_id, live.time_ns) == ("open", Decimal("2E-8"), "77", 5)
    assert (live.quantity, live.price, live.strategy) == (SIZE, Decimal("65000.10"), "bidder")


def test_an_id_that_was_used_is_refused_with_all_that_came_with_it(journal: Journal) -> None:
    record(journal, order("a"))
    with pytest.raises(NotSent, match="client order id a was used before: an intent is sent at most once"):
        record(journal, order("b"), order("a"))
    with pytest.raises(NotSent, match="client order id c was used before"):
        record(journal, order("c"), order("c"))
    record(journal, order("d"))

    assert [one.client_order_id for one in journal.recall(VENUE).live] == ["a", "d"]


def test_the_same_id_at_another_venue_is_another_order(journal: Journal) -> None:
    record(journal, order(), order(venue="kraken"))
    journal.write([told(order(venue="kraken"), "open")])

    assert [one.status for one in journal.recall(VENUE).live] == ["pending"]
    assert [one.status for one in journal.recall("kraken").live] == ["open"]


def test_a_replacement_is_an_order_of_its_own(journal: Journal) -> None:
    replacement = ReplaceOrder(
        strategy="bidder",
        venue=VENUE,
        symbol=SYMBOL,
        side="buy",
        client_order_id="a",
        new_client_order_id="b",
        quantity=SIZE,
        price=Decimal(1),
    )
    record(journal, replacement)
    with pytest.raises(NotSent, match="c is to replace an order that is not known"):
        record(journal, replace(replacement, new_client_order_id="c", side=None))

    assert [one.client_order_id for one in journal.recall(VENUE).live] == ["b"]


def test_orders_that_have_ended_are_recalled_in_the_order_in_which_they_did(journal: Journal) -> None:
    record(journal, order("a"), order("b"), order("c"))
    journal.write([told(order("c"), "cancelled"), told(order("a"), "filled")])
    journal.write([told(order("c"), "filled")])

    remembered = journal.recall(VENUE)
    assert [(one.client_order_id, one.status) for one in remembered.finished] == [("c", "filled"), ("a", "filled")]
    assert [one.client_order_id for one in remembered.live] == ["b"]


def test_an_order_that_lives_again_is_live(journal: Journal) -> None:
    record(journal, order())
    journal.write([told(order(), "failed")])
    journal.write([told(order(), "open")])

    remembered = journal.recall(VENUE)
    assert ([one.status for one in remembered.live], remembered.finished) == (["open"], [])


def test_what_is_told_of_an_order_that_is_not_on_record_is_left_out(journal: Journal) -> None:
    journal.write([told(order("stranger"), "open"), fill(order("stranger"))])
    record(journal, order("stranger"))

    remembered = journal.recall(VENUE)
    assert [one.status for one in remembered.live] == ["pending"]
    assert (remembered.trades, remembered.filled.get("stranger", 0)) == ([], 0)


def test_a_fill_that_is_told_twice_counts_once(journal: Journal) -> None:
    record(journal, order("a"), order("b"))
    journal.write([fill(order("a"), "1"), fill(order("a"), "2")])
    journal.write([fill(order("a"), "1", quantity="9")])

    remembered = journal.recall(VENUE)
    assert sorted(remembered.trades) == [("a", "a-1"), ("a", "a-2")]
    assert remembered.filled["a"] == Decimal("0.00000004")


def test_fills_are_summed_to_the_last_digit(journal: Journal) -> None:
    record(journal, order())
    journal.write([fill(order(), "1", quantity="123456789012345678901234567890")])
    journal.write([fill(order(), "2", quantity="0.000000000000000001")])

    assert journal.recall(VENUE).filled["a"] == Decimal("123456789012345678901234567890.000000000000000001")


def test_positions_cursors_mismatches_and_guards_are_remembered_as_they_were_last(journal: Journal) -> None:
    journal.write([position("1"), position("-0.1"), position("2", strategy="other"), position("3", venue="kraken")])
    journal.write([Cursor(venue=VENUE, time_ns=1), Cursor(venue=VENUE, time_ns=2), Cursor(venue="kraken", time_ns=3)])
    journal.write([ReconcileMismatch(venue=VENUE, symbol=symbol, reason=symbol) for symbol in ("A/B", "C/D")])
    journal.write([ReconcileMismatch(venue=VENUE, symbol="A/B", reason="again")])
    journal.write([MismatchSettled(venue=VENUE, symbol="C/D"), MismatchSettled(venue=VENUE, symbol="E/F")])
    journal.write([GuardState(guard="loss", state="1"), GuardState(guard="loss", state="2")])

    remembered = known(journal)
    assert remembered.positions == {("bidder", SYMBOL, Decimal("-0.1")), ("other", SYMBOL, Decimal(2))}
    assert (remembered.cursor_ns, remembered.mismatches) == (2, {"A/B": "again"})
    assert remembered.guards == {"loss": "2"}
    assert journal.recall("nowhere").cursor_ns == 0


def test_the_latest_state_of_risk_is_in_force_at_once(journal: Journal) -> None:
    assert journal.risk.state == "active"
    halted = RiskStateChanged(state="halted", reason="why", by="me", time_ns=4)
    journal.write([halted, OperatorDecision(operator="me", what="kill", reason="why")])

    assert journal.risk == halted


def test_what_is_no_matter_of_record_is_left_out(journal: Journal) -> None:
    before = known(journal)
    journal.write([Balance(venue=VENUE, currency="BTC", free=Decimal(1), locked=Decimal(0))])

    assert known(journal) == before


# One life, two journals

VENUES = st.sampled_from((VENUE, "kraken"))
SYMBOLS = st.sampled_from(("A/B", "C/D"))
TEXTS = st.text(max_size=4)
ORDERS = st.builds(order, st.sampled_from("abcdef"), venue=VENUES)
STATUSES = st.sampled_from(("unknown", "failed", "open", "rejected", "expired", "cancelled", "filled"))
AMOUNTS = st.decimals("0", "1000000", places=8).map("{:f}".format)
NEWS = st.one_of(
    st.builds(told, ORDERS, STATUSES, filled=AMOUNTS, reason=TEXTS),
    st.builds(fill, ORDERS, st.sampled_from("12"), quantity=AMOUNTS),
    st.builds(position, AMOUNTS, venue=VENUES, strategy=st.sampled_from("xy")),
    st.builds(Cursor, venue=VENUES, time_ns=st.integers(1, 2**62)),
    st.builds(ReconcileMismatch, venue=VENUES, symbol=SYMBOLS, reason=TEXTS),
    st.builds(MismatchSettled, venue=VENUES, symbol=SYMBOLS),
    st.builds(RiskStateChanged, state=st.sampled_from(("active", "reducing", "halted")), reason=TEXTS, by=TEXTS),
    st.builds(GuardState, guard=SYMBOLS, state=TEXTS),
)


class Restart(Struct, frozen=True):
    """The bot ends, and is started again."""


Step = tuple[NewOrder, ...] | list[News] | Restart
STEPS = st.one_of(
    st.lists(ORDERS, min_size=1, max_size=3).map(tuple),
    st.lists(NEWS, min_size=1, max_size=4),
    st.builds(Restart),
)


@given(steps=st.lists(STEPS, max_size=40))
def test_the_file_remembers_what_memory_does_over_restarts_too(steps: Sequence[Step]) -> None:
    memory = MemoryJournal()
    with TemporaryDirectory() as folder:
        file = JournalFile(Path(folder, "bot.journal"), threads=False)
        file.open(CLOCK)
        for step in steps:
            assert _take(memory, step) == _take(file, step)
        assert [known(file, venue) for venue in (VENUE, "kraken")] == [
            known(memory, venue) for venue in (VENUE, "kraken")
        ]
        file.close()


def _take(journal: Journal, step: Step) -> str:
    """Go on with a journal's life; returns what went wrong."""
    try:
        if isinstance(step, Restart):
            if isinstance(journal, JournalFile):
                journal.close()
                journal.open(CLOCK)
        elif isinstance(step, tuple):
            journal.record(step)
        else:
            journal.write(step)
    except NotSent as refused:
        return str(refused)
    return ""
