"""Every example runs as a script, against a real websocket, and does what it says."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

import bowstring as bs
from bowstring.core.messages import ActionDone
from bowstring.executors.notify import Notify
from bowstring.market.events import BadData, Liquidation
from bowstring.testing import instrument, order_update, quote, react
from bowstring.trading.messages import FINAL
from examples import bidder, market_maker, price_alert, round_trips, two_feeds
from tests.examples.prices import serving
from tests.whole_bot import DEADLINE_S, Witness, run_until

FOLDER = Path(bidder.__file__).parent
EXAMPLES = sorted(FOLDER.glob("*.py"))

RunUntil = Callable[[Callable[[Witness], bool], Callable[[], None]], Witness]


@pytest.fixture
def run_example(feed: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> RunUntil:
    for name, url in feed.items():
        monkeypatch.setenv(name, url)
    return lambda enough, main: run_until(enough, main=main, monkeypatch=monkeypatch)


def statuses(witness: Witness) -> dict[str, str]:
    """How each order ended."""
    return {update.client_order_id: update.status for update in witness.of(bs.OrderUpdate)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_fewer_than_80_lines(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 80


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_tells_what_it_does_and_stops_on_ctrl_c(example: Path, feed: Mapping[str, str]) -> None:
    environment = {**os.environ, **feed}
    with subprocess.Popen(
        [sys.executable, str(example)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_bidder_bids_at_the_touch_one_order_at_a_time(
    run_example: RunUntil, capsys: pytest.CaptureFixture[str]
) -> None:
    witness = run_example(lambda seen: len(seen.of(bs.Fill)) >= 3, bidder.main)

    assert len(witness.of(bs.Fill)) >= 3
    orders = witness.of(bs.PlaceOrder)
    quotes = [witness.cause(order) for order in orders]
    assert [order.price for order in orders] == [event.bid for event in quotes if isinstance(event, bs.Quote)]
    assert {fill.client_order_id for fill in witness.of(bs.Fill)} <= {order.client_order_id for order in orders}
    assert {fill.liquidity for fill in witness.of(bs.Fill)} == {"maker"}
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == [update.status for update in witness.of(bs.OrderUpdate)]


def test_the_bidder_leaves_no_order_behind(run_example: RunUntil) -> None:
    witness = run_example(lambda seen: "open" in statuses(seen).values(), bidder.main)

    assert statuses(witness)
    assert set(statuses(witness).values()) <= FINAL


def test_the_market_maker_quotes_both_sides_on_the_tick_and_moves_its_quotes(run_example: RunUntil) -> None:
    def has_traded(seen: Witness) -> bool:
        sides = {fill.side for fill in seen.of(bs.Fill)}
        return len(sides) == 2 and any(done.action_type == "ReplaceOrder" for done in seen.of(ActionDone))

    witness = run_example(has_traded, market_maker.main)

    assert has_traded(witness)
    assert {fill.liquidity for fill in witness.of(bs.Fill)} == {"maker"}
    prices = [order.price for order in witness.of(bs.PlaceOrder)] + [new.price for new in witness.of(bs.ReplaceOrder)]
    assert {price % Decimal("0.01") for price in prices} == {0}
    assert set(statuses(witness).values()) <= FINAL


def test_the_market_maker_pauses_after_a_rejection() -> None:
    maker = market_maker.MarketMaker("ETH/USDT", size=Decimal(1), edge=Decimal("0.01"), max_position=Decimal(1))
    now = quote("ETH/USDT", bid=99, ask=101)

    orders = react(maker, instrument("ETH/USDT", tick_size=2), now, expect=bs.PlaceOrder)
    assert [order.price for order in orders] == [98, 102]
    rejections = [order_update("ETH/USDT", "rejected", price=99, client_order_id=number) for number in "12"]
    assert [wake.after_s for wake in react(maker, *rejections, now, expect=bs.WakeMe)] == [1, 1]
    assert len(react(maker, bs.Woke(strategy="", key=""), now)) == 2


def test_the_round_trips_buy_then_sell_on_an_account_and_leave_no_order_behind(run_example: RunUntil) -> None:
    witness = run_example(lambda seen: {fill.side for fill in seen.of(bs.Fill)} == {"buy", "sell"}, round_trips.main)

    fills = witness.of(bs.Fill)
    assert {fill.side for fill in fills} == {"buy", "sell"}
    assert {fill.liquidity for fill in fills} == {"maker"}
    assert {(fill.side, fill.fee_currency) for fill in fills} == {("buy", "BTC"), ("sell", "USDT")}
    assert max(position.quantity for position in witness.of(bs.Position)) <= Decimal("0.002")
    assert set(statuses(witness).values()) <= FINAL


def test_the_round_trips_take_an_order_back_that_the_touch_has_left() -> None:
    now, later = (quote("BTC/USDT", bid=bid, ask=bid + 1) for bid in (65_000, 65_010))
    trips = round_trips.RoundTrips()

    (bid,) = react(trips, instrument("BTC/USDT", min_notional=5), now, expect=bs.PlaceOrder)
    opened = order_update("BTC/USDT", "open", price=65_000, quantity="0.001", client_order_id="1")

    assert (bid.side, bid.price) == ("buy", Decimal(65_000))
    assert [cancel.client_order_id for cancel in react(trips, opened, later, expect=bs.CancelOrder)] == ["1"]


@pytest.mark.parametrize("mode", ["testnet", "live"])
def test_the_round_trips_trade_at_binance_only_when_they_are_told_to(
    mode: str, feed: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in feed.items():
        monkeypatch.setenv(name, value)
    assert "127.0.0.1" in vars(round_trips.venue())["_ws_api_url"]

    monkeypatch.setenv("BINANCE_MODE", mode)

    assert vars(round_trips.venue())["_ws_api_url"].endswith("binance.com:443/ws-api/v3") is (mode == "live")
    assert "127.0.0.1" not in vars(round_trips.venue())["_ws_api_url"]


def test_the_round_trips_refuse_a_mode_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_MODE", "tesnet")

    with pytest.raises(SystemExit, match="BINANCE_MODE is 'tesnet': give local, testnet or live"):
        round_trips.venue()


def test_the_two_feed_bot_buys_into_liquidations_within_the_limit_and_tells(
    run_example: RunUntil, capsys: pytest.CaptureFixture[str]
) -> None:
    def has_been_limited(seen: Witness) -> bool:
        return len(seen.of(bs.Fill)) >= 2 and len(seen.of(two_feeds.RiskLimit)) >= 2

    witness = run_example(has_been_limited, two_feeds.main)

    assert has_been_limited(witness)
    limit = position = Decimal(0)
    for message in witness.seen:
        if isinstance(message, two_feeds.RiskLimit):
            limit = message.max_position
        elif isinstance(message, bs.Position):
            position = message.quantity
        elif isinstance(message, bs.PlaceOrder):
            assert position + message.quantity <= limit
            cause = witness.cause(message)
            assert isinstance(cause, Liquidation)
            assert (cause.side, cause.symbol) == ("sell", two_feeds.PERPETUAL)
    assert capsys.readouterr().out.splitlines() == [note.text for note in witness.of(two_feeds.Notify)]
    assert {"the limit is 0", f"the position is {position}"} <= {note.text for note in witness.of(two_feeds.Notify)}


def test_the_price_alert_notifies_when_the_price_has_moved_and_when_the_feed_is_down(
    run_example: RunUntil, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(["100", "100.99", "NaN", "101.00", None, "100", "99.99"]) as server:
        monkeypatch.setenv("PRICE_URL", f"http://{server.address}/price?symbol=BTCUSDT")
        monkeypatch.setenv("PRICE_EVERY_S", "0.001")
        monkeypatch.setenv("NOTIFY_URLS", f"json://{server.address}/s3cr3t")

        witness = run_example(lambda seen: len(seen.of(Notify)) == 4, price_alert.main)

    expected = [
        "BTCUSDT is at 100",
        "BTCUSDT is at 101.00, +1.00%",
        f"no prices: GET http://{server.address}/price: HTTP 500: no reason given",
        "BTCUSDT is at 99.99, -1.00%",
    ]
    assert [note.text for note in witness.of(Notify)] == expected
    assert [post["message"] for post in server.posted] == expected
    assert [post["type"] for post in server.posted] == ["info", "info", "warning", "info"]
    assert capsys.readouterr().out.splitlines() == expected
    assert [bad.reason for bad in witness.of(BadData)] == ["a price of NaN"]
