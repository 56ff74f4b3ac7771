"""An order as the exchange keeps it, and what it tells of each change. Amounts are in units of 1e-8, times in us."""

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from bowstring.local_exchange.matching.accounts import Account

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


class Order(Struct, eq=False, kw_only=True):
    """One accepted order. Its ``quantity`` is ``executed``, ``prevented`` or ``left``, to trade while it is open.

    ``locked`` is what is set aside for it: quote currency of a buyer, base of a seller. ``rests``: it is in the book.
    ``working_us`` 0: it is a stop that waits.
    """

    id: int
    account: "Account"
    new: NewOrder
    is_buy: bool
    price: int
    quantity: int
    left: int
    rests: bool = False
    time_us: int
    update_us: int
    working_us: int = 0
    locked: int = 0
    executed: int = 0
    quote_executed: int = 0
    prevented: int = 0
    prevented_match_id: int | None = None
    status: Status = "NEW"
    expiry_reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in OPEN


class Report(Struct, eq=False, kw_only=True):
    """One change of one order, with the order's state right after it.

    ``client_order_id`` is the order's, of a cancel the cancel's own, and ``original`` then the order's.
    """

    change: Change
    order: Order
    status: Status
    executed: int
    quote_executed: int
    time_us: int
    is_working: bool
    client_order_id: str
    original: str = ""
    expiry_reason: str = ""
    fill: "Fill | None" = None
    prevented: "Prevented | None" = None


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
