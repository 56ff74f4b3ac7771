"""One session after the other: nothing is missed, nothing is refused, and answers on the old one still count."""

import asyncio

import pytest

from bowstring.core.errors import Disconnected
from bowstring.trading.gateway import BalanceReport
from tests.venues.binance.account_facts import FILL, NEW, POSITION, SHUTDOWN, told
from tests.venues.binance.fake_account import SILENCE, FakeAccount
from tests.venues.binance.test_gateway import ORDER, REF, Bench, account, ended, named, streaming

__all__ = ["account"]  # the fixture

OLD, NEW_ONE = 0, 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.sessions.OVERLAP_S", 0.2)


async def gone_over(bench: Bench) -> None:
    """Wait until the new session is in use, while an answer is pending on the old one."""
    async with asyncio.timeout(10):
        while bench.gateway.keeps_order:
            await bench.gateway.time_ns()


async def test_before_the_venue_ends_a_session_there_is_the_next(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await account.send(told(SHUTDOWN))
        placed = 0
        while not account.sockets[OLD].closed:
            placed += 1
            await bench.gateway.place(named(f"a-{placed}"))
        assert bench.ended is None
        await bench.gateway.place(named("last"))

    assert placed > 5
    assert account.opened == 2
    assert len(account.orders) == placed + 1
    assert account.count()["POST /api/v3/order"] == 0


async def test_a_session_is_replaced_after_23_hours(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.sessions.ROTATE_AFTER_S", 0.1)
    async with streaming(account) as bench:
        await account.until(lambda: account.opened >= 3)
        assert bench.ended is None


async def test_an_order_is_not_kept_until_the_old_session_has_answered(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.queue("order.place", SILENCE)
        pending = bench.gateway.place(ORDER)
        await account.send(told(SHUTDOWN))
        await gone_over(bench)
        await bench.gateway.place(named("a-2"))
        late = '{"id":2,"status":200,"result":{"symbol":"BTCUSDT","orderId":9,"clientOrderId":"a-1",'
        await account.send(late + '"executedQty":"0","status":"NEW"}}', to=OLD)
        report = await pending
        await asyncio.sleep(0)

        assert (report.client_order_id, report.venue_order_id) == ("a-1", "9")
        assert bench.gateway.keeps_order


async def test_what_both_sessions_tell_of_a_balance_counts_once_and_the_newest_stays(account: FakeAccount) -> None:
    earlier = POSITION.replace('"u":1564034571073', '"u":1564034571072').replace('"f":"1.5"', '"f":"1"')
    async with streaming(account) as bench:
        await account.send(told(SHUTDOWN))
        await account.until(lambda: account.opened == 2)
        await account.until(lambda: account.count()["userDataStream.subscribe.signature"] == 2)
        await bench.gateway.place(ORDER)  # whose answer proves that the new session is in use
        await account.send(told(POSITION), to=NEW_ONE)
        await bench.until(2)
        await account.send(told(earlier), to=OLD)
        await account.send(told(POSITION), to=OLD)
        await account.send(told(NEW), to=OLD)
        await bench.until(3)

    balances = [(r.currency, str(r.free)) for r in bench.reports if isinstance(r, BalanceReport)]
    assert balances == [("ETH", "10000.000000"), ("BTC", "1.5")]


async def test_during_the_overlap_both_are_heard(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await account.send(told(SHUTDOWN))
        await account.until(lambda: account.count()["userDataStream.subscribe.signature"] == 2)
        await account.send(told(FILL), to=OLD)
        await account.send(told(FILL), to=NEW_ONE)
        reports = await bench.until(4)

    assert reports[:2] == reports[2:]


async def test_without_a_new_session_the_old_one_stays(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.sessions.ROTATE_AGAIN_S", 0.1)
    async with streaming(account) as bench:
        account.refuses = True
        await account.send(told(SHUTDOWN))
        await account.until(lambda: account.refused >= 2)
        assert (await bench.gateway.place(ORDER)).status == "open"
        account.refuses = False
        await account.until(lambda: account.opened == 2)
        assert bench.ended is None


@pytest.mark.parametrize("which", [OLD, NEW_ONE])
async def test_when_one_ends_during_the_overlap_something_may_be_missing(account: FakeAccount, which: int) -> None:
    async with streaming(account) as bench:
        await account.send(told(SHUTDOWN))
        await account.until(lambda: account.count()["userDataStream.subscribe.signature"] == 2)
        await bench.gateway.place(ORDER)
        await account.hang_up(of=which)
        await ended(bench)

        assert isinstance(bench.ended, Disconnected)
        assert (await bench.gateway.cancel(REF)).status == "cancelled"  # over REST


async def test_an_old_session_that_ends_late_takes_only_its_answers_with_it(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bowstring.venues.binance.sessions.OVERLAP_S", 0.0)
    async with streaming(account) as bench:
        account.queue("order.place", SILENCE)
        pending = bench.gateway.place(ORDER)
        await account.send(told(SHUTDOWN))
        await gone_over(bench)
        await account.hang_up(of=OLD)
        with pytest.raises(Disconnected, match="the outcome is unknown"):
            await pending
        assert (await bench.gateway.place(named("a-2"))).status == "open"

        assert bench.ended is None
