"""What clients ask for, and what comes of it: values. Amounts are in units of 1e-8, times in us."""

from typing import Literal

from msgspec import Struct

Side = Literal["BUY", "SELL"]
OrderType = Literal["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
Prevention = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"]
Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"]
Ending = Literal["CANCELED", "EXPIRED"]
Change = Literal["NEW", "CANCELED", "TRADE", "EXPIRED", "TRADE_PREVENTION"]
Restriction = Literal["ONLY_NEW", "ONLY_PARTIALLY_FILLED"]

OPEN = ("NEW", "PARTIALLY_FILLED")


class Refused(Exception):
    """The exchange says no, with Binance's code and text. Nothing has changed."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class NewOrder(Struct, frozen=True, kw_only=True):
    """What a client asks for. A market order has ``quantity`` or ``quote_quantity``, no price."""

    symbol: str
    side: Side
    type: OrderType
    client_order_id: str
    quantity: int = 0
    price: int = 0
    quote_quantity: int = 0
    stop_price: int = 0
    time_in_force: TimeInForce = "GTC"
    prevention: Prevention = "EXPIRE_MAKER"
    strategy_id: int | None = None
    strategy_type: int | None = None


class Fill(Struct, frozen=True, kw_only=True):
    """One side of one trade."""

    trade_id: int
    order_id: int
    price: int
    quantity: int
    quote: int
    fee: int
    fee_asset: str
    is_buyer: bool
    is_maker: bool
    time_us: int


class Prevented(Struct, frozen=True, kw_only=True):
    """A match that self-trade prevention did not let happen. ``total``: all that was prevented of the order."""

    match_id: int
    quantity: int
    price: int
    total: int
    other_order_id: int


class Trade(Struct, frozen=True, kw_only=True):
    """One trade as the public sees it. ``taker_order_id`` tells which trades one taker made."""

    symbol: str
    id: int
    price: int
    quantity: int
    quote: int
    time_us: int
    is_buyer_maker: bool
    taker_order_id: int
