"""Whatever accounts do in whatever order: the laws hold, and orders trade as in a naive book."""

from collections import Counter
from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.exchange import Cancel
from bowstring.local_exchange.matching.orders import Refused, Trade
from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.books import AuditedLedger
from tests.local_exchange.matching import laws
from tests.local_exchange.matching.desk import Desk, rules, units
from tests.local_exchange.matching.naive import NaiveBook, NaiveOrder

SIDES = st.sampled_from(["BUY", "SELL"])
PRICES = st.integers(95, 105)
QUANTITIES = st.integers(1, 6)
MODES = st.sampled_from(["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"])
NAMES = st.sampled_from(["a", "b", "c"])
TIFS = st.sampled_from(["GTC", "GTC", "IOC", "FOK"])
ENDS = {"CANCELED", "EXPIRED"}


class Market(RuleBasedStateMachine):
    """Three accounts, of which one has little, trade two symbols; fees are odd numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(
            rules(max_orders=12, max_stop_orders=4),
            rules("ETHBTC"),
            maker_fee=units("0.00071"),
            taker_fee=units("0.00113"),
        )
        self.desk.open("c", BTC=20, USDT=2000)
        self.deposits: Counter[str] = Counter()
        for account in self.desk.exchange.accounts.values():
            self.deposits.update({asset: balance.free for asset, balance in account.balances.items()})
        self.orders: list[Order] = []
        self.changes: list[Report | Trade] = []
        self.levels: dict[tuple[bool, int], int] = {}
        self.ledger = AuditedLedger()
        self.keeper = Bookkeeper(self.ledger, self.desk.exchange, time_us=0)

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, price=PRICES, tif=TIFS, stp=MODES)
    def limit(self, **order: Any) -> None:
        self.place(**order)

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, stp=MODES)
    def market(self, **order: Any) -> None:
        self.place(**order)

    @rule(name=NAMES, side=SIDES, quote=st.integers(50, 900), stp=MODES)
    def money(self, **order: Any) -> None:
        self.place(**order)

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, price=PRICES)
    def maker(self, **order: Any) -> None:
        self.place(kind="LIMIT_MAKER", **order)

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, price=PRICES, symbol=st.just("ETHBTC"), tif=TIFS)
    def elsewhere(self, **order: Any) -> None:
        self.place(**order)

    @rule(
        name=NAMES,
        side=SIDES,
        quantity=QUANTITIES,
        price=PRICES,
        stop=PRICES,
        kind=st.sampled_from(["STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]),
        tif=TIFS,
        stp=MODES,
    )
    def stop(self, **order: Any) -> None:
        self.place(**order)

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 20))
    def cancel(self, pick: int) -> None:
        order = self.orders[-1 - pick % len(self.orders)]
        was_open = order.is_open
        try:
            self.desk.cancel(order)
        except Refused as refused:
            note(f"{refused.code} {refused}")
            assert not was_open
        else:
            assert was_open

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 20), quantity=QUANTITIES, price=PRICES, strict=st.booleans())
    def replace(self, pick: int, quantity: int, price: int, *, strict: bool) -> None:
        order = self.orders[-1 - pick % len(self.orders)]
        new = self.desk.new(order.new.side, quantity, price, symbol=order.new.symbol)
        cancel = Cancel(symbol=order.new.symbol, new_client_order_id="r", order_id=order.id)
        try:
            done = self.desk.exchange.replace(order.account, cancel, new, stop_on_failure=strict)
        except Refused as refused:
            note(f"{refused.code} {refused}")
            return
        if isinstance(done.placed, Order):
            self.orders.append(done.placed)

    @rule(name=NAMES)
    def cancel_all(self, name: str) -> None:
        account = self.desk.exchange.accounts[name]
        try:
            self.desk.exchange.cancel_all(account, "BTCUSDT", new_client_order_id=lambda: "all")
        except Refused:
            assert not [order for order in account.open.values() if order.new.symbol == "BTCUSDT"]

    @rule(name=NAMES)
    def cancel_everything(self, name: str) -> None:
        account = self.desk.exchange.accounts[name]
        self.desk.exchange.cancel_everything(account, new_client_order_id="all", reason="countdown")
        assert account.open == {}

    def place(self, *, name: str, side: str, quantity: int = 0, price: int = 0, **more: Any) -> None:
        account = self.desk.exchange.accounts[name]
        before = self.state(account)
        self.desk.now_us += 1
        try:
            self.orders.append(self.desk.place(account, side, quantity, price, **more))
        except Refused as refused:
            note(f"{refused.code} {refused}")
            assert self.state(account) == before

    def state(self, account: Account) -> tuple[object, ...]:
        return (
            self.desk.funds(account),
            list(account.open),
            self.desk.levels(is_bid=True),
            self.desk.levels(is_bid=False),
        )

    @invariant()
    def the_laws_hold(self) -> None:
        laws.check(self.desk.exchange, deposits=self.deposits, orders=self.orders)

    @invariant()
    def no_stop_waits_that_the_last_price_has_reached(self) -> None:
        for market in self.desk.exchange.markets.values():
            for stop in market.stops.values():
                rises = (stop.new.type == "STOP_LOSS_LIMIT") == stop.is_buy
                last = market.last_price
                assert not last or (last < stop.new.stop_price if rises else last > stop.new.stop_price)

    @invariant()
    def every_order_is_told_of_once_and_ends_once(self) -> None:
        taken = self.desk.exchange.take()
        self.changes += taken.changes
        self.keeper.happened(taken)
        assert all(not account.touched for account in self.desk.exchange.accounts.values())
        accepted = [one.order.id for one in self.changes if isinstance(one, Report) and one.change == "NEW"]
        assert set(accepted) == {order.id for order in self.orders}
        stops = {order.id for order in self.orders if order.new.stop_price}
        assert all(count <= 1 + (number in stops) for number, count in Counter(accepted).items())
        for order in self.orders:
            own = [one for one in self.changes if isinstance(one, Report) and one.order is order]
            assert sum(one.status in laws.ENDED for one in own) == (not order.is_open)
            assert own[-1].status == order.status
            assert sum(one.fill.quantity for one in own if one.fill) == order.executed
            assert sum(one.fill.quote for one in own if one.fill) == order.quote_executed
            assert sum(one.prevented.quantity for one in own if one.prevented) == order.prevented

    @invariant()
    def the_ledger_tells_the_same(self) -> None:
        audit = self.ledger.audit
        assert audit.findings == []
        assert len(audit.orders) == len(self.orders)
        for order in self.orders:
            told = audit.orders[order.id]
            assert told.status == order.status
            parts = told.executed, told.quote, told.prevented, told.left
            assert [amount * UNIT for amount in parts] == [
                order.executed, order.quote_executed, order.prevented, order.left,
            ]  # fmt: skip

    def teardown(self) -> None:
        self.keeper.close(time_us=0)
        assert self.ledger.audit.findings == []

    @invariant()
    def the_changes_of_levels_make_the_book(self) -> None:
        book = self.desk.market.book
        for is_bid, price, quantity in book.take_changes():
            self.levels[is_bid, price] = quantity
        for is_bid in (True, False):
            kept = {price: left for (bid, price), left in self.levels.items() if left and bid == is_bid}
            assert kept == dict(book.depth(10**6, is_bid=is_bid))


class AgainstNaive(RuleBasedStateMachine):
    """One symbol, accounts with plenty: the naive book says what must happen to each order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.naive = Desk(), NaiveBook()
        self.desk.open("c")
        self.pairs: list[tuple[Order, NaiveOrder]] = []

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, price=PRICES, tif=TIFS, stp=MODES)
    def limit(self, name: str, side: str, quantity: int, price: int, tif: str, stp: str) -> None:
        order = self.desk.place(self.desk.exchange.accounts[name], side, quantity, price, tif=tif, stp=stp)
        self.put(order, name, tif=tif, stp=stp)

    @rule(name=NAMES, side=SIDES, quantity=QUANTITIES, stp=MODES)
    def market(self, name: str, side: str, quantity: int, stp: str) -> None:
        order = self.desk.place(self.desk.exchange.accounts[name], side, quantity, stp=stp)
        self.put(order, name, tif="GTC", stp=stp)

    @precondition(lambda self: self.naive.orders)
    @rule(pick=st.integers(0, 20))
    def cancel(self, pick: int) -> None:
        resting = [(order, twin) for order, twin in self.pairs if twin in self.naive.orders]
        order, twin = resting[pick % len(resting)]
        self.desk.cancel(order)
        self.naive.cancel(twin)

    def put(self, order: Order, name: str, *, tif: str, stp: str) -> None:
        twin = NaiveOrder(order.id, name, order.new.side, order.quantity // UNIT, order.price // UNIT)
        self.pairs.append((order, twin))
        self.naive.place(twin, tif=tif, mode=stp)

    @invariant()
    def every_order_is_where_it_is_in_the_naive_book(self) -> None:
        for order, twin in self.pairs:
            shown = order.executed // UNIT, order.prevented // UNIT, order.left // UNIT
            assert shown == (twin.executed, twin.prevented, twin.left)
            assert ("open" if order.is_open else order.status) == twin.status

    @invariant()
    def the_trades_are_those_of_the_naive_book(self) -> None:
        makers = {
            fill.trade_id: fill.order_id
            for account in self.desk.exchange.accounts.values()
            for fill in account.fills.get("BTCUSDT", ())
            if fill.is_maker
        }
        trades = [
            (one.price // UNIT, one.quantity // UNIT, makers[one.id], one.taker_order_id)
            for one in self.desk.market.trades
        ]
        assert trades == self.naive.trades


Market.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
AgainstNaive.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestMarket = Market.TestCase
TestAgainstNaive = AgainstNaive.TestCase
