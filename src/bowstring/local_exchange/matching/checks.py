"""Why an order is not accepted: filters, what it would do at once, and what the account can pay."""

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.matcher import Preview, preview
from bowstring.local_exchange.matching.orders import NewOrder, Refused
from bowstring.local_exchange.matching.rules import notional

STOPS = ("STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_RISING = {("STOP_LOSS_LIMIT", "BUY"), ("TAKE_PROFIT_LIMIT", "SELL")}


def rises(new: NewOrder) -> bool:
    """Whether a stop is triggered by a price at or above its own; the others are at or below."""
    return (new.type, new.side) in _RISING


def is_through(new: NewOrder, last_price: int) -> bool:
    """Whether the last price triggers a stop; 0, before the first trade, triggers none."""
    if not last_price:
        return False
    return last_price >= new.stop_price if rises(new) else last_price <= new.stop_price


def check_filters(market: Market, new: NewOrder, *, account: Account, time_us: int) -> None:
    """Raise `Refused` for the first filter of the symbol that the order violates."""
    rules, mean = market.rules, market.mean_price(time_us)
    is_market = new.type == "MARKET"
    broken: str | None = None
    if not is_market:
        broken = rules.broken_by_price(new.price, mean=mean)
    if new.type in STOPS and rules.broken_by_tick(new.stop_price):
        broken = broken or "PRICE_FILTER"
    if not new.quote_quantity:
        broken = broken or rules.broken_by_quantity(new.quantity, is_market=is_market)
    amount = new.quote_quantity or notional(mean if is_market else new.price, new.quantity)
    if amount or not is_market:  # without a price yet, nobody knows what a market order is worth
        broken = broken or rules.broken_by_notional(amount, is_market=is_market)
    broken = broken or _too_many(market, new, account=account)
    if broken:
        raise Refused(-1013, f"Filter failure: {broken}")


def check_order(market: Market, new: NewOrder, *, account: Account) -> Preview:
    """Raise `Refused` for what the exchange does not let happen; return what a market order will trade."""
    if account.open_by_client_id(new.symbol, new.client_order_id):
        raise Refused(-2010, "Duplicate order sent.")
    if new.type == "LIMIT_MAKER" and market.book.side(is_buy=new.side == "SELL").crosses(new.price):
        raise Refused(-2010, "Order would immediately match and take.")
    if new.type in STOPS and is_through(new, market.last_price):
        raise Refused(-2010, "Order would trigger immediately.")
    would = preview(market, new, account=account) if new.type == "MARKET" else Preview(left=new.quantity)
    if new.quote_quantity:
        _check_bought(market, new, would)
    if needed(new, would) > account.free(market.rules.quote if new.side == "BUY" else market.rules.base):
        raise Refused(-2010, "Account has insufficient balance for requested action.")
    return would


def needed(new: NewOrder, would: Preview) -> int:
    """What has to be set aside for an order: of a buyer quote currency, of a seller base."""
    if new.side == "BUY":
        return would.quote if new.type == "MARKET" else notional(new.price, new.quantity)
    return would.wanted


def _check_bought(market: Market, new: NewOrder, would: Preview) -> None:
    """Hold the quantity that a market order makes of its quote quantity against the filters."""
    if market.book.side(is_buy=new.side == "SELL").best is None:
        raise Refused(-2010, "Order book liquidity is less than symbol minimum quantity.")
    if broken := market.rules.broken_by_quantity(would.wanted, is_market=True):
        raise Refused(-1013, f"Filter failure: {broken}")


def _too_many(market: Market, new: NewOrder, *, account: Account) -> str | None:
    waits = new.type in STOPS
    if account.is_participant or new.type == "MARKET" or (new.time_in_force != "GTC" and not waits):
        return None
    rules, symbol = market.rules, market.rules.symbol
    most = rules.max_orders
    if len(account.open) >= most <= sum(order.new.symbol == symbol for order in account.open.values()):
        return "MAX_NUM_ORDERS"
    if waits and sum(order.account is account for order in market.stops.values()) >= rules.max_stop_orders:
        return "MAX_NUM_ALGO_ORDERS"
    return None
