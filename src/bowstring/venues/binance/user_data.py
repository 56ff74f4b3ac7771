"""What comes over Binance's WebSocket API: answers, and the events of an account. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import BalanceReport, FillReport, OrderReport
from bowstring.venues.binance.order_results import MS, balance, order_report, signed
from bowstring.venues.binance.payloads import Frame, Id, Milliseconds, number
from bowstring.venues.binance.wire import MALFORMED


class _Execution(Struct, tag_field="e", tag="executionReport", gc=False):
    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    cancelled_order_id: str = field(name="C")  # of a cancel or a replace: then c is the id of that
    side: Literal["BUY", "SELL"] = field(name="S")
    kind: str = field(name="x")
    status: str = field(name="X")
    reject_reason: str = field(name="r")
    order_id: Id = field(name="i")
    filled: Decimal = field(name="z")
    last_quantity: Decimal = field(name="l")
    last_price: Decimal = field(name="L")
    commission: Decimal = field(name="n")
    commission_asset: str | None = field(name="N")
    time_ms: Milliseconds = field(name="T")
    trade_id: int = field(name="t")
    is_maker: bool = field(name="m")
    expiry_reason: str = field(name="eR", default="")


class _Holding(Struct, gc=False):
    asset: str = field(name="a")
    free: Decimal = field(name="f")
    locked: Decimal = field(name="l")


class _Position(Struct, tag_field="e", tag="outboundAccountPosition"):
    updated_ms: Milliseconds = field(name="u")
    holdings: list[_Holding] = field(name="B")


class _Terminated(Struct, tag_field="e", tag="eventStreamTerminated"):
    pass


class _Shutdown(Struct, tag_field="e", tag="serverShutdown"):
    pass


class Answer(Struct, frozen=True):
    """The answer to the request ``id``, None if the venue does not say to which; ``status`` is as of HTTP."""

    id: int | None
    status: int
    result: Raw
    error: Raw


class Execution(Struct, frozen=True):
    """An order changed: its fill, if that was one, and then the order. ``symbol`` is the venue's."""

    symbol: str
    reports: Sequence[OrderReport | FillReport]


class Holdings(Struct, frozen=True):
    """Balances, as of a time."""

    updated_ms: int
    balances: Sequence[BalanceReport]


class StreamTerminated(Struct, frozen=True):
    """No more user data comes."""


class Shutdown(Struct, frozen=True):
    """The venue is about to end the connection: make a new one."""


class Unused(Struct, frozen=True):
    """An event that tells nothing here. With ``balanceUpdate`` comes a position that has the absolute balance."""

    kind: str


Told = Answer | Execution | Holdings | StreamTerminated | Shutdown | Unused
_Event = _Execution | _Position | _Terminated | _Shutdown


class _Message(Struct):
    id: int | str | None = None
    status: int = 0
    result: Raw = Raw()
    error: Raw = Raw()
    event: _Event | None = None


class _Head(Struct):
    kind: str = field(name="e")


class _UnknownMessage(Struct):
    event: _Head


_message = Decoder(_Message)
_unknown = Decoder(_UnknownMessage)
_KNOWN = {one.__struct_config__.tag for one in (_Execution, _Position, _Terminated, _Shutdown)}


def parse_message(frame: Frame, symbols: Mapping[str, Instrument]) -> Told:
    """What a frame of the WebSocket API says; ``symbols`` are the instruments by the venue's names for them.

    Fills in other symbols, as of one that is not listed any more, keep the venue's name. Raises `BadMessage`.
    """
    try:
        message = _message.decode(frame)
    except MALFORMED as error:
        return _parse_other(frame, BadMessage(f"malformed message: {error}"))
    event = message.event
    if event is None:
        return Answer(
            message.id if isinstance(message.id, int) else None, message.status, message.result, message.error
        )
    if isinstance(event, _Execution):
        return _execution(event, symbols)
    if isinstance(event, _Position):
        return Holdings(event.updated_ms, [balance(one.asset, one.free, one.locked) for one in event.holdings])
    return StreamTerminated() if isinstance(event, _Terminated) else Shutdown()


def _parse_other(frame: Frame, malformed: BadMessage) -> Unused:
    """An event that is not used here, or did not exist when this was written; all else that is malformed is none."""
    try:
        kind = _unknown.decode(frame).event.kind
    except MALFORMED:
        raise malformed from None
    if kind in _KNOWN:
        raise malformed
    return Unused(kind[:40])


def _execution(event: _Execution, symbols: Mapping[str, Instrument]) -> Execution:
    client_order_id = event.cancelled_order_id or event.client_order_id
    reason = event.expiry_reason or event.reject_reason
    report = order_report(
        client_order_id,
        event.status,
        filled=event.filled,
        order_id=event.order_id,
        reason="" if reason == "NONE" else reason,
        time_ms=event.time_ms,
    )
    if event.kind != "TRADE":
        return Execution(event.symbol, (report,))
    if event.trade_id < 0:
        raise BadMessage(f"a trade without an id, of order {event.order_id}")
    instrument = symbols.get(event.symbol)
    fill = FillReport(
        symbol=instrument.symbol if instrument else event.symbol,
        client_order_id=client_order_id,
        trade_id=str(event.trade_id),
        side="buy" if event.side == "BUY" else "sell",
        price=number(event.last_price, "price of a trade"),
        quantity=number(event.last_quantity, "quantity of a trade"),
        fee=signed(event.commission, "commission"),
        fee_currency=event.commission_asset or "",
        liquidity="maker" if event.is_maker else "taker",
        time_ns=event.time_ms * MS,
    )
    return Execution(event.symbol, (fill, report))
