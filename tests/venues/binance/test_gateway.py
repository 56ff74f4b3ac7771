"""The gateway against a server on loopback that checks what it gets, and answers what a test says."""

import asyncio
import logging
import re
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs

from bowstring.core.clock import Clock
from bowstring.core.errors import BadMessage, BowstringError, Disconnected, NotSent, Rejected
from bowstring.net.budget import WeightBudget
from bowstring.net.websocket import WebSocket
from bowstring.trading.gateway import BalanceReport, FillReport, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance import Binance
from bowstring.venues.binance.gateway import BinanceGateway, OrdersOver
from bowstring.venues.binance.order_requests import placing
from bowstring.venues.binance.order_results import parse_order
from bowstring.venues.binance.session import Session
from bowstring.venues.binance.signing import Ed25519Signer, Keys, Stamp
from bowstring.venues.binance.venue import Mode
from bowstring.venues.binance.venue_time import VenueTime
from tests.net.peer import TEXT, Peer, frame, serving
from tests.venues.binance.account_facts import BALANCE_UPDATE, FILL, NEW, POSITION, TERMINATED, told
from tests.venues.binance.facts import BTC
from tests.venues.binance.fake_account import KEY, SECRET, SECRETS, SILENCE, FakeAccount, error, keys

ORDER = PlaceOrder(
    symbol="BTC/USDT", client_order_id="a-1", side="buy", quantity=Decimal("0.5"), price=Decimal("100.10")
)
REF = OrderRef(symbol="BTC/USDT", client_order_id="a-1")
PLACE, REPLACE = "POST /api/v3/order", "POST /api/v3/order/cancelReplace"


@pytest.fixture
async def account() -> AsyncIterator[FakeAccount]:
    async with FakeAccount() as fake:
        yield fake


def gateway_to(
    account: FakeAccount, *, orders_over: OrdersOver = "ws", ws_api_url: str | None = None
) -> BinanceGateway:
    venue = Binance(
        "local",
        rest_url=account.rest_url,
        ws_url=account.rest_url.replace("http", "ws"),
        ws_api_url=ws_api_url,
        instruments=[BTC],
    )
    return venue.gateway(keys=keys(), orders_over=orders_over)


class Bench:
    """A gateway that is open, with its stream if a test wants it; ``reports`` are what that brought."""

    def __init__(self, gateway: BinanceGateway) -> None:
        self.gateway = gateway
        self.reports: list[Report] = []
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.ended: BaseException | None = None
        self._changed = asyncio.Event()

    def report(self, report: Report) -> None:
        self.reports.append(report)
        self._changed.set()

    async def until(self, count: int) -> list[Report]:
        async with asyncio.timeout(10):
            while len(self.reports) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.reports

    async def stream(self) -> None:
        try:
            await self.gateway.stream(self.report, self.ready.set)
        except BowstringError as error:
            self.ended = error
        self.over.set()


@asynccontextmanager
async def streaming(account: FakeAccount, *, orders_over: OrdersOver = "ws") -> AsyncGenerator[Bench]:
    bench = Bench(gateway_to(account, orders_over=orders_over))
    await bench.gateway.open()
    async with asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(bench.stream())
        async with asyncio.timeout(10):
            await bench.ready.wait()
        try:
            yield bench
        finally:
            stream.cancel()
            await asyncio.wait({stream})
            await bench.gateway.close()


def named(client_order_id: str, **changes: Any) -> PlaceOrder:
    return structs.replace(ORDER, client_order_id=client_order_id, **changes)


def sent_params(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in params if name not in ("apiKey", "signature", "timestamp", "recvWindow")}


# --- one connection --------------------------------------------------------------------------------------------------


async def test_an_order_is_one_frame_in_the_callers_stack_and_its_answer_a_report(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        answer = bench.gateway.place(ORDER)
        assert bench.gateway.keeps_order
        report = await answer

    assert report == OrderReport(
        client_order_id="a-1", status="open", venue_order_id="1", time_ns=1_700_000_000_002_000_000
    )
    (sent,) = account.asked("order.place")
    assert sent_params(sent) == placing(ORDER, "BTCUSDT")
    assert sent["recvWindow"] == 2000
    assert account.count()["POST /api/v3/order"] == 0


async def test_a_cancel_follows_its_order_and_names_it_as_well_as_it_can(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        placed = [bench.gateway.place(ORDER), bench.gateway.place(named("a-2"))]
        by_name = await bench.gateway.cancel(REF)
        number = (await placed[1]).venue_order_id
        by_number = await bench.gateway.cancel(
            OrderRef(symbol="BTC/USDT", client_order_id="a-2", venue_order_id=number)
        )

    assert (by_name.client_order_id, by_name.status) == ("a-1", "cancelled")
    assert (by_number.client_order_id, by_number.status) == ("a-2", "cancelled")
    assert [sent_params(sent) for sent in account.asked("order.cancel")] == [
        {"symbol": "BTCUSDT", "origClientOrderId": "a-1"},
        {"symbol": "BTCUSDT", "orderId": 2},
    ]


async def test_a_replace_is_answered_with_the_new_order(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await bench.gateway.place(ORDER)
        report = await bench.gateway.replace(REF, named("a-2", price=Decimal(101)))

    assert (report.client_order_id, report.status, report.venue_order_id) == ("a-2", "open", "2")
    assert list(account.open_orders) == ["a-2"]


async def test_events_are_told_as_they_come(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await account.send(told(NEW))
        await account.send(told(FILL))
        await account.send(told(BALANCE_UPDATE))
        await account.send(told(POSITION))
        reports = await bench.until(5)

    assert [type(report) for report in reports] == [OrderReport, FillReport, OrderReport, BalanceReport, BalanceReport]


async def test_with_an_ed25519_key_the_session_is_logged_on_and_orders_need_no_signature(account: FakeAccount) -> None:
    signer = Ed25519Signer(Ed25519PrivateKey.generate())
    session = await session_to(account, stamp=Stamp(Keys(KEY, signer=signer), window_ms=5000))
    await session.open(account.ws_api_url)
    report = await session.send("order.place", placing(ORDER, "BTCUSDT"), kind="write", read=parse_order)
    await session.close()

    assert report.status == "open"
    assert list(account.count()) == ["session.logon", "userDataStream.subscribe", "order.place"]
    assert not {"apiKey", "signature"} & account.asked("order.place")[0].keys()


# --- what an answer proves -------------------------------------------------------------------------------------------

NO = [
    (400, error(-2010, "Account has insufficient balance for requested action."), "-2010"),
    (400, error(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"), "-1013"),
    (401, error(-2015), "-2015"),
    (429, error(-1003, "Too much request weight used", serverTime=1000, retryAfter=3000), "-1003"),
    (429, error(-1015, "Too many new orders"), "-1015"),
    (418, error(-1003, "Way too much request weight used"), "-1003"),
    (429, "<html>", ""),
]
UNKNOWN: list[tuple[int, object]] = [
    (500, error(-1000)),
    (503, error(-1008)),
    (503, error(-2010)),
    (400, error(-1006)),
    (400, error(-1007, "Timeout waiting for response from backend server. Send status unknown")),
    (408, error(-1013)),
    (403, "blocked by a firewall"),
    (400, None),
    (302, error(-1013)),
    (200, {"symbol": "BTCUSDT"}),
    (200, None),
]


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
@pytest.mark.parametrize(("status", "body", "code"), NO)
async def test_no_is_a_rejection(
    account: FakeAccount, status: int, body: object, code: str, orders_over: OrdersOver
) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        for method in ("order.place", "POST /api/v3/order"):
            account.queue(method, (status, body))
        with pytest.raises(Rejected) as rejected:
            await bench.gateway.place(ORDER)

    assert rejected.value.code == code
    assert account.orders == {}


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
@pytest.mark.parametrize(("status", "body"), UNKNOWN)
async def test_everything_else_leaves_the_outcome_unknown(
    account: FakeAccount, status: int, body: object, orders_over: OrdersOver
) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        for method in ("order.place", "POST /api/v3/order"):
            account.queue(method, (status, body))
        with pytest.raises((Disconnected, BadMessage)):
            await bench.gateway.place(ORDER)

    assert account.count()["order.place"] + account.count()["POST /api/v3/order"] == 1


CANCELLED: dict[str, object] = {"cancelResult": "SUCCESS"}
KEPT: dict[str, object] = {"cancelResult": "FAILURE", "cancelResponse": error(-2011)}
FAILED: dict[str, object] = {"newOrderResult": "FAILURE", "newOrderResponse": error(-2010, "would match")}
PARTIAL: list[tuple[int, dict[str, object], type[Exception] | None]] = [
    (400, KEPT | {"newOrderResult": "NOT_ATTEMPTED"}, Rejected),
    (409, CANCELLED | FAILED, None),
    (409, CANCELLED | {"newOrderResult": "FAILURE", "newOrderResponse": error(-1007)}, Disconnected),
    (409, CANCELLED | {"newOrderResult": "SUCCESS"}, Disconnected),
    (409, {}, Disconnected),
]


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
@pytest.mark.parametrize(("status", "data", "failure"), PARTIAL)
async def test_a_replace_that_failed_is_what_was_said_of_the_new_order(
    account: FakeAccount,
    status: int,
    data: dict[str, object],
    failure: type[Exception] | None,
    orders_over: OrdersOver,
) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        for method in ("order.cancelReplace", "POST /api/v3/order/cancelReplace"):
            account.queue(method, (status, error(-2022 if status == 400 else -2021, "no", **data)))
        (outcome,) = await asyncio.gather(bench.gateway.replace(REF, named("a-2")), return_exceptions=True)

    if failure is None:
        assert isinstance(outcome, OrderReport)
        assert (outcome.client_order_id, outcome.status) == ("a-2", "rejected")
        assert outcome.reason.endswith("no would match (-2010)" if orders_over == "rest" else "(-2021)")
    else:
        assert isinstance(outcome, failure)


async def test_a_limit_is_obeyed_by_all_who_share_the_key(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.queue("order.place", (429, error(-1003, "Too much", serverTime=1000, retryAfter=61_000)))
        with pytest.raises(Rejected):
            await bench.gateway.place(ORDER)
        with pytest.raises(NotSent, match=r"the server asked to wait: nothing for (60|59)\."):
            await bench.gateway.place(ORDER)
        with pytest.raises(NotSent, match="the server asked to wait"):
            await bench.gateway.cancel(REF)

    assert account.count()["order.place"] == 1


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_too_many_orders_keep_no_cancel_waiting(account: FakeAccount, orders_over: OrdersOver) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        await bench.gateway.place(ORDER)
        for method in ("order.place", "POST /api/v3/order"):
            account.queue(method, (429, error(-1015, "Too many new orders")))
        with pytest.raises(Rejected):
            await bench.gateway.place(named("a-2"))
        with pytest.raises(NotSent, match="the server asked to wait"):
            await bench.gateway.place(named("a-2"))

        assert (await bench.gateway.cancel(REF)).status == "cancelled"


# --- what ends a session ---------------------------------------------------------------------------------------------


async def test_a_lost_connection_leaves_what_is_pending_unknown_and_ends_the_stream(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.queue("order.place", SILENCE)
        answer = bench.gateway.place(ORDER)
        await account.until(lambda: account.asked("order.place"))
        await account.hang_up()
        with pytest.raises(Disconnected, match=r"order\.place: .* closed with 1001; the outcome is unknown"):
            await answer
        await ended(bench)

    assert isinstance(bench.ended, Disconnected)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('{"id":1,"status":200,"result":{"sym', "a message could not be read"),
        (told(FILL.replace('"t":77', '"t":-1')), "a message could not be read"),
        (told(TERMINATED), "the venue ended the subscription to user data"),
        ('{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}', r"Invalid API-key \(-2015\)"),
    ],
)
async def test_what_may_hide_a_report_ends_the_stream(account: FakeAccount, message: str, reason: str) -> None:
    async with streaming(account) as bench:
        account.queue("order.place", SILENCE)
        answer = bench.gateway.place(ORDER)
        await account.send(message)
        with pytest.raises(Disconnected, match=rf"{reason}.*; the outcome is unknown"):
            await answer
        await ended(bench)


async def test_an_answer_to_nobody_and_an_unknown_event_are_no_harm(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await account.send('{"id":4711,"status":200,"result":{}}')
        await account.send(told('{"e":"somethingNew"}'))
        await account.send(told(NEW))
        await bench.until(1)

        assert bench.ended is None


async def test_a_connection_that_fell_silent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.session.IDLE_AFTER_S", 0.1)
    monkeypatch.setattr("bowstring.venues.binance.session.ANSWER_TIMEOUT_S", 0.1)

    async def fall_silent(peer: Peer) -> None:
        await peer.upgrade()
        await peer.read_frame()
        peer.write(frame(TEXT, b'{"id":1,"status":200,"result":{"subscriptionId":0}}'))
        await peer.read_end()

    async with FakeAccount() as account, serving(fall_silent) as url:
        session = await session_to(account, stamp=Stamp(keys(), window_ms=2000))
        await session.open(url)
        answer = session.send("order.place", placing(ORDER, "BTCUSDT"), kind="write", read=parse_order)
        with pytest.raises(Disconnected, match=r"silent for 0.1 s, and for 0.1 s after a probe"):
            await session.closed()
        with pytest.raises(Disconnected, match="the outcome is unknown"):
            await answer


async def stop_reading(peer: Peer) -> None:
    await peer.upgrade()
    await peer.read_frame()
    peer.stop_reading()
    peer.write(frame(TEXT, b'{"id":1,"status":200,"result":{"subscriptionId":0}}'))
    await asyncio.sleep(60)


async def test_what_a_peer_does_not_read_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeAccount() as account, serving(stop_reading) as url:
        session = await session_to(account, stamp=Stamp(keys(), window_ms=2000))
        await session.open(url)
        send = partial(session.send, "order.place", placing(ORDER, "BTCUSDT"), kind="write", read=parse_order)
        answers: list[asyncio.Future[OrderReport]] = []
        with pytest.raises(NotSent, match=r"bytes wait for the peer to read"):
            answers.extend(send() for _ in range(100_000))
        assert not session.can_send
        await session.close()

    assert session.unanswered() == []


async def test_what_cannot_be_read_is_noticed_even_before_the_connection_is_there() -> None:
    async def send_at_once(peer: Peer) -> None:
        await peer.upgrade(tail=frame(TEXT, b"{"))
        await peer.read_end()

    async with FakeAccount() as account, serving(send_at_once) as url:
        session = await session_to(account, stamp=Stamp(keys(), window_ms=2000))
        with pytest.raises((Disconnected, NotSent)):
            await session.open(url)


async def test_a_failed_write_leaves_the_outcome_unknown(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(socket: WebSocket, text: bytes) -> None:
        raise Disconnected("writing failed, the outcome is unknown")

    async with streaming(account) as bench:
        monkeypatch.setattr(WebSocket, "send", fail)
        with pytest.raises(Disconnected, match="the outcome is unknown"):
            await bench.gateway.place(ORDER)
        monkeypatch.undo()


async def test_nothing_is_sent_by_a_session_that_was_not_opened(account: FakeAccount) -> None:
    session = await session_to(account, stamp=Stamp(keys(), window_ms=2000))
    with pytest.raises(NotSent, match="test: not connected"):
        await session.send("order.place", placing(ORDER, "BTCUSDT"), kind="write", read=parse_order)
    await session.close()


async def test_an_answer_that_nobody_waits_for_any_more_is_no_harm(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        given_up = [bench.gateway.place(ORDER), bench.gateway.place(ORDER)]
        for answer in given_up:
            answer.cancel()
        assert (await bench.gateway.place(named("a-3"))).status == "open"
        assert bench.ended is None


async def test_requests_without_an_answer_are_bounded(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.venues.binance.session.MAX_PENDING", 3)
    account.handlers["order.place"] = lambda _: SILENCE
    async with streaming(account) as bench:
        answers = [bench.gateway.place(named(f"a-{number}")) for number in range(3)]
        with pytest.raises(NotSent, match="binance orders: 3 requests are unanswered"):
            await bench.gateway.place(named("a-3"))
        await account.until(lambda: account.count()["order.place"] == 3)

    assert not any(answer.cancelled() for answer in answers)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [((401, error(-2015, "Invalid API-key")), Rejected), ((503, error(-1008)), Disconnected), (SILENCE, Disconnected)],
)
async def test_a_session_that_cannot_be_begun_ends_the_stream(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, object], failure: type[Exception]
) -> None:
    monkeypatch.setattr("bowstring.venues.binance.session.ANSWER_TIMEOUT_S", 0.1)
    account.queue("userDataStream.subscribe.signature", answer)
    bench = Bench(gateway_to(account))
    await bench.gateway.open()

    await bench.stream()
    await bench.gateway.close()

    assert isinstance(bench.ended, failure)
    assert not bench.ready.is_set()


async def test_nothing_is_sent_before_it_is_open_and_after_it_is_closed(account: FakeAccount) -> None:
    gateway = gateway_to(account)
    with pytest.raises(NotSent):
        await gateway.place(ORDER)
    with pytest.raises(NotSent):
        await gateway.cancel(REF)
    with pytest.raises(NotSent):
        await gateway.time_ns()
    async with streaming(account) as bench:
        await bench.gateway.close()
        await ended(bench)
        with pytest.raises(NotSent):
            await bench.gateway.place(ORDER)
        with pytest.raises(NotSent):
            await bench.gateway.cancel(REF)

    assert account.orders == {}


@pytest.mark.parametrize("order", [named("a.1"), named("a-1", price=Decimal("0.001")), named("a-1", symbol="ETH/USDT")])
async def test_what_the_venue_would_refuse_is_not_sent(account: FakeAccount, order: PlaceOrder) -> None:
    async with streaming(account) as bench:
        with pytest.raises(NotSent):
            await bench.gateway.place(order)
        with pytest.raises(NotSent):
            await bench.gateway.replace(REF, order)

    assert account.orders == {}


# --- REST ------------------------------------------------------------------------------------------------------------


async def test_where_there_is_no_session_orders_go_over_rest(account: FakeAccount) -> None:
    gateway = gateway_to(account)
    await gateway.open()
    assert not gateway.keeps_order

    placed = await gateway.place(ORDER)
    replaced = await gateway.replace(REF, named("a-2"))
    cancelled = await gateway.cancel(OrderRef(symbol="BTC/USDT", client_order_id="a-2"))
    await gateway.close()

    assert [placed.status, replaced.status, cancelled.status] == ["open", "open", "cancelled"]
    assert sent_params(account.asked("POST /api/v3/order")[0]) == placing(ORDER, "BTCUSDT")


async def test_a_cancel_that_cannot_leave_by_the_connection_goes_over_rest(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        await bench.gateway.place(ORDER)
        await account.hang_up()
        cancelled = await bench.gateway.cancel(REF)

    assert cancelled.status == "cancelled"


async def test_order_is_kept_only_while_all_orders_go_over_one_connection(account: FakeAccount) -> None:
    account.queue("POST /api/v3/order", SILENCE)
    gateway = gateway_to(account)
    await gateway.open()
    lost = asyncio.ensure_future(gateway.place(ORDER))
    await account.until(lambda: account.asked("POST /api/v3/order"))
    bench = Bench(gateway)
    async with asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(bench.stream())
        await bench.ready.wait()
        kept = [gateway.keeps_order]
        lost.cancel()
        await asyncio.wait({lost})
        kept.append(gateway.keeps_order)
        stream.cancel()

    assert kept == [False, True]
    await gateway.close()


async def test_behind_what_a_peer_does_not_read_order_is_not_kept(account: FakeAccount) -> None:
    async with serving(stop_reading) as url:
        gateway = gateway_to(account, ws_api_url=url)
        await gateway.open()
        bench = Bench(gateway)
        async with asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(bench.stream())
            await bench.ready.wait()
            placed: list[Awaitable[OrderReport]] = []
            with pytest.raises(NotSent, match="wait for the peer to read"):
                placed.extend(gateway.place(named(f"a-{number}")) for number in range(9_000))
            assert not gateway.keeps_order  # the cancel goes over REST, where it would overtake its order
            with pytest.raises(Rejected):
                await gateway.cancel(REF)
            stream.cancel()
        await gateway.close()
        assert {type(outcome) for outcome in await outcomes(*placed)} == {Disconnected}


async def test_over_rest_order_is_never_kept(account: FakeAccount) -> None:
    async with streaming(account, orders_over="rest") as bench:
        assert not bench.gateway.keeps_order


async def test_questions_are_answered_by_rest(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        gateway = bench.gateway
        await gateway.place(ORDER)
        await gateway.place(named("a-2"))
        await gateway.cancel(REF)
        shown = await gateway.query(REF)
        missing = await gateway.query(OrderRef(symbol="BTC/USDT", client_order_id="a-3"))
        open_orders = await gateway.open_orders()
        now_ns = await gateway.time_ns()

        assert shown is not None
        assert (shown.client_order_id, shown.status, shown.venue_order_id) == ("a-1", "cancelled", "1")
        assert missing is None
        assert [(order.symbol, order.report.client_order_id) for order in open_orders] == [("BTC/USDT", "a-2")]
        assert abs(now_ns / 1e6 - account.now_ms()) < 1000


async def test_what_was_archived_was_unfilled(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.queue("GET /api/v3/order", (400, error(-2026, "Order was canceled or expired")))
        shown = await bench.gateway.query(REF)

        assert shown is not None
        assert (shown.client_order_id, shown.status, shown.filled) == ("a-1", "cancelled", Decimal(0))
        account.queue("GET /api/v3/order", (400, error(-1121, "Invalid symbol.")))
        with pytest.raises(Rejected):
            await bench.gateway.query(REF)


async def test_a_balance_that_is_gone_is_told_as_none(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        before = await bench.gateway.balances()
        account.balances = []
        after = await bench.gateway.balances()

    assert before == [BalanceReport(currency="BTC", free=Decimal(1), locked=Decimal(0))]
    assert after == [BalanceReport(currency="BTC", free=Decimal(0), locked=Decimal(0))]


async def test_the_account_is_the_venues_number_for_it_and_where_that_is(account: FakeAccount) -> None:
    first, second = gateway_to(account), gateway_to(account, orders_over="rest")
    before = first.account
    await first.open()
    named = first.account
    await second.open()
    account.uid += 1
    other = gateway_to(account)
    await other.open()
    for gateway in (first, second, other):
        await gateway.close()

    assert before == ""
    assert named == second.account == f"354937868 at {account.rest_url.removeprefix('http://')}"
    assert other.account != named
    assert account.count()["GET /api/v3/account"] == 3


async def test_an_account_without_a_number_is_not_taken_for_one(account: FakeAccount) -> None:
    account.handlers["GET /api/v3/account"] = lambda _: (200, {"balances": account.balances})
    gateway = gateway_to(account)

    with pytest.raises(BadMessage, match="malformed account"):
        await gateway.open()
    await gateway.close()


@pytest.mark.parametrize(("seconds", "ms"), [(10.0, "10000"), (0.0001, "1"), (1.0005, "1001"), (0, "0")])
async def test_the_local_exchange_is_asked_to_cancel_orders_by_itself(
    account: FakeAccount, seconds: float, ms: str
) -> None:
    gateway = gateway_to(account)
    await gateway.open()
    account.queue("POST /bowstring/v1/countdownCancelAll", (400, error(-1021, "Timestamp is outside.")))

    await gateway.cancel_after(seconds)
    await gateway.close()

    assert [asked["countdownTime"] for asked in account.asked("POST /bowstring/v1/countdownCancelAll")] == [ms, ms]


async def test_a_switch_that_is_off_there_is_told(account: FakeAccount) -> None:
    gateway = gateway_to(account)
    await gateway.open()
    account.queue("POST /bowstring/v1/countdownCancelAll", (400, error(-1020, "start it with --cancel-after")))

    with pytest.raises(Rejected, match="start it with --cancel-after"):
        await gateway.cancel_after(1)
    await gateway.close()


async def test_binance_itself_does_not_cancel_orders(account: FakeAccount) -> None:
    venue = Binance("live", rest_url=account.rest_url, ws_api_url=account.ws_api_url, instruments=[BTC])
    gateway = venue.gateway(keys=keys())
    await gateway.open()

    with pytest.raises(NotSent, match="Binance Spot does not cancel orders by itself"):
        await gateway.cancel_after(1)
    await gateway.close()

    assert not gateway.offers_cancel_after
    assert account.count()["POST /bowstring/v1/countdownCancelAll"] == 0


async def test_a_key_that_is_not_good_is_told_at_the_start(account: FakeAccount) -> None:
    gateway = gateway_to(account)
    account.queue("GET /api/v3/account", (401, error(-2015, "Invalid API-key, IP, or permissions for action.")))

    with pytest.raises(Rejected, match="Invalid API-key, IP, or permissions for action"):
        await gateway.open()
    await gateway.close()


@pytest.mark.parametrize(
    ("status", "headers"), [(418, {"Retry-After": "3600"}), (429, {"Retry-After": "9"}), (418, {})]
)
async def test_a_session_that_is_refused_for_the_limit_is_not_asked_for_again_too_soon(
    account: FakeAccount, status: int, headers: dict[str, str]
) -> None:
    account.refuses, account.refusal = True, (status, headers)
    gateway = gateway_to(account)
    await gateway.open()
    for failure in (Disconnected, NotSent):
        with pytest.raises(failure):
            await gateway.stream(lambda _: None, lambda: None)
    with pytest.raises(NotSent, match="the server asked to wait"):
        await gateway.cancel(REF)
    await gateway.close()

    assert account.refused == 1


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [-86_400.0, 0.0, 3_600.0])
async def test_requests_carry_the_venues_time(account: FakeAccount, ahead_s: float) -> None:
    account.ahead_s = ahead_s
    async with streaming(account) as bench:
        assert (await bench.gateway.place(ORDER)).status == "open"


async def test_a_question_refused_for_its_time_is_asked_again_by_the_right_one(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.ahead_s = 30.0

        assert await bench.gateway.query(REF) is None


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_so_is_a_cancel(account: FakeAccount, orders_over: OrdersOver) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        await bench.gateway.place(ORDER)
        account.ahead_s = 30.0

        assert (await bench.gateway.cancel(REF)).status == "cancelled"


async def test_an_order_is_never_sent_again_but_the_clock_is_read(account: FakeAccount) -> None:
    async with streaming(account) as bench:
        account.ahead_s = 30.0
        readings = account.count()["GET /api/v3/time"]
        with pytest.raises(Rejected) as rejected:
            await bench.gateway.place(ORDER)
        await account.until(lambda: account.count()["GET /api/v3/time"] >= readings + 5)
        await bench.gateway.query(REF)  # asked again once the clock was read
        await bench.gateway.place(named("a-2"))

    assert rejected.value.code == "-1021"
    assert list(account.orders) == ["a-2"]


async def test_a_session_is_begun_by_the_right_time(account: FakeAccount) -> None:
    bench = Bench(gateway_to(account))
    await bench.gateway.open()
    account.ahead_s = -30.0
    async with asyncio.TaskGroup() as tasks:
        stream = tasks.create_task(bench.stream())
        async with asyncio.timeout(10):
            await bench.ready.wait()
        stream.cancel()
    await bench.gateway.close()


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_the_venue_is_told_until_when_an_order_is_valid(account: FakeAccount, orders_over: OrdersOver) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        caused_ns = Clock().now_ns() - 300_000_000
        await bench.gateway.place(named("a-1", received_ns=caused_ns, valid_for_s=1.0))
        await bench.gateway.replace(REF, named("a-2", received_ns=caused_ns, valid_for_s=1.0))
        await bench.gateway.place(named("a-3", received_ns=caused_ns, valid_for_s=60.0))

    place, replace = ("order.place", "order.cancelReplace") if orders_over == "ws" else (PLACE, REPLACE)
    (first, last), (replaced,) = account.asked(place), account.asked(replace)
    assert 0 < int(first["recvWindow"]) <= 700
    assert 0 < int(replaced["recvWindow"]) <= 700
    assert int(last["recvWindow"]) == 2000


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_an_order_that_was_kept_up_beyond_its_life_does_not_leave(
    account: FakeAccount, orders_over: OrdersOver
) -> None:
    async with streaming(account, orders_over=orders_over) as bench:
        old = named("a-1", received_ns=Clock().now_ns() - 1_000_000_000, valid_for_s=1.0)
        with pytest.raises(NotSent, match="valid for 1 s, which were over"):
            await bench.gateway.place(old)
        with pytest.raises(NotSent, match="valid for 1 s, which were over"):
            await bench.gateway.replace(REF, old)

    assert account.asked("order.place") == account.asked(PLACE) == []
    assert account.asked("order.cancelReplace") == account.asked(REPLACE) == []


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orders_over", ["ws", "rest"])
async def test_no_secret_is_in_a_log_or_an_error(
    account: FakeAccount, caplog: pytest.LogCaptureFixture, orders_over: OrdersOver
) -> None:
    caplog.set_level(logging.DEBUG)
    async with streaming(account, orders_over=orders_over) as bench:
        for method in ("order.place", "POST /api/v3/order"):
            account.queue(method, (401, error(-2015)), (500, "<html>"), (200, None), (429, error(-1003)))
        account.queue("GET /api/v3/order", (401, error(-2015)))
        failures = await outcomes(bench.gateway.query(REF), bench.gateway.cancel(REF))
        failures += await outcomes(*(bench.gateway.place(named(f"a-{number}")) for number in range(4)))
        await account.send("{")
        await ended(bench)
        failures += [bench.ended] if bench.ended else []

    text = caplog.text + "".join("".join(traceback.format_exception(failure)) for failure in failures)
    assert len(failures) == 7
    assert not [secret for secret in (*SECRETS, "signature=", "apiKey") if secret in text]


async def outcomes(*answers: Awaitable[object]) -> list[BaseException]:
    return [out for out in await asyncio.gather(*answers, return_exceptions=True) if isinstance(out, BaseException)]


async def ended(bench: Bench) -> None:
    async with asyncio.timeout(10):
        await bench.over.wait()


async def session_to(account: FakeAccount, *, stamp: Stamp) -> Session:
    time = VenueTime(read_ns=partial(_read_time, account), name="test")
    await time.measure()
    return Session(
        "test", stamp=stamp, time=time, budget=WeightBudget(), symbols={"BTCUSDT": BTC}, on_event=lambda _: None
    )


async def _read_time(account: FakeAccount) -> int:
    return account.now_ms() * 1_000_000


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error(-1003, "Too much request weight used.")),
        (418, error(-1003, "Way too much request weight used; IP banned.")),
        (403, "<html>a firewall's page</html>"),
        (400, error(-1003, "Too many requests queued.")),
    ],
)
async def test_only_what_another_attempt_does_not_mend_is_a_refusal_at_a_start(
    account: FakeAccount, status: int, body: object
) -> None:
    account.queue("GET /api/v3/account", (status, body))
    with pytest.raises(Disconnected, match="it may be asked again"):
        await gateway_to(account).open()


PRINTED = "check that both are what the exchange has printed: it makes keys anew at each start"


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (401, -2015, "Invalid API-key, IP, or permissions for action."),
        (400, -1022, "Signature for this request is not valid."),
    ],
)
async def test_a_key_that_is_refused_is_a_refusal_that_tells_what_to_check(
    account: FakeAccount, status: int, code: int, text: str
) -> None:
    account.queue("GET /api/v3/account", (status, error(code, text)))
    with pytest.raises(Rejected) as refused:
        await gateway_to(account).open()

    check = f'Binance("local") has the key and the signer of the keys given: {PRINTED}'
    assert str(refused.value).endswith(f": HTTP {status}: {text}; {check}")
    assert refused.value.code == str(code)


@pytest.mark.parametrize(
    ("mode", "check"),
    [
        ("local", PRINTED),
        ("testnet", "check that both are of one key, and that the testnet made it"),
        ("live", "check that both are of one key, that Binance made it, and that it may trade on Spot from this addr"),
    ],
)
async def test_of_keys_in_the_environment_the_variables_are_named(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, mode: Mode, check: str
) -> None:
    monkeypatch.setenv("BOWSTRING_BINANCE_HEDGE_KEY", KEY)
    monkeypatch.setenv("BOWSTRING_BINANCE_HEDGE_SECRET", SECRET)
    account.queue("GET /api/v3/account", (401, error(-2015, "Invalid API-key")))
    venue = Binance(
        mode,
        account="hedge",
        rest_url=account.rest_url,
        ws_url=account.rest_url.replace("http", "ws"),
        ws_api_url=account.ws_api_url,
        instruments=[BTC],
    )
    names = "BOWSTRING_BINANCE_HEDGE_KEY and BOWSTRING_BINANCE_HEDGE_SECRET"
    with pytest.raises(Rejected, match=re.escape(f'; Binance("{mode}") has {names}: {check}')):
        await venue.gateway().open()


async def test_where_nobody_answers_it_is_said_what_to_do() -> None:
    nowhere = Binance("local", rest_url="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1", instruments=[BTC])
    with pytest.raises(Disconnected, match=r"Cannot connect to host 127.0.0.1:1 .*; run `bowstring exchange`, or give"):
        await nowhere.gateway(keys=keys()).open()
    live = Binance("live", rest_url="http://127.0.0.1:1", ws_api_url="ws://127.0.0.1:1", instruments=[BTC])
    with pytest.raises(Disconnected, match=r"; check the network, or give another rest_url$"):
        await live.gateway(keys=keys()).open()


async def test_an_endless_validity_is_no_reason_not_to_send() -> None:
    async with FakeAccount() as account, streaming(account) as bench:
        answer = bench.gateway.place(named("a-1", valid_for_s=float("inf"), received_ns=1))
        assert (await answer).status == "open"
