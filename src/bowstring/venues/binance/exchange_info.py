"""What Binance lists: the reply of ``GET /api/v3/exchangeInfo``, or of futures. Pure, as `wire` is."""

from decimal import Decimal

from msgspec import Struct
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.instrument import Instrument
from bowstring.venues.binance.payloads import number
from bowstring.venues.binance.wire import MALFORMED


class ExchangeInfo(Struct, frozen=True):
    """By unified symbol: what can be traded, and the status of the rest."""

    instruments: dict[str, Instrument]
    halted: dict[str, str]


class _Filter(Struct, rename="camel"):
    """The fields of all filters that are used here; other filters have none of them."""

    filter_type: str
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    tick_size: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)  # what futures call the least notional


class _Symbol(Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    contract_type: str = ""  # futures only, as the next
    margin_asset: str = ""

    @property
    def unified(self) -> str:
        """The unified symbol; of a contract that is no perpetual, which has none here, the venue's own."""
        if self.contract_type not in ("", "PERPETUAL"):
            return self.symbol
        settled_in = f":{self.margin_asset}" if self.margin_asset else ""
        return f"{self.base_asset}/{self.quote_asset}{settled_in}"

    @property
    def is_traded(self) -> bool:
        return self.status == "TRADING" and self.contract_type in ("", "PERPETUAL")


class _Reply(Struct):
    symbols: list[_Symbol]


_decode = Decoder(_Reply).decode
_NO_FILTER = _Filter("")


def parse_exchange_info(body: bytes, *, venue: str) -> ExchangeInfo:
    """The listed symbols as instruments of ``venue``. Raises `BadMessage`."""
    try:
        listed = _decode(body).symbols
    except MALFORMED as error:
        raise BadMessage(f"malformed exchangeInfo: {error}") from None
    return ExchangeInfo(
        instruments={one.unified: _instrument(one, venue) for one in listed if one.is_traded},
        halted={one.unified: one.status for one in listed if not one.is_traded},
    )


def _instrument(listed: _Symbol, venue: str) -> Instrument:
    filters = {one.filter_type: one for one in listed.filters}
    price = filters.get("PRICE_FILTER", _NO_FILTER)
    lot = filters.get("LOT_SIZE", _NO_FILTER)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL", _NO_FILTER)
    limits = {
        "tick_size": price.tick_size,
        "min_price": price.min_price,
        "max_price": price.max_price,
        "lot_size": lot.step_size,
        "min_quantity": lot.min_qty,
        "max_quantity": lot.max_qty,
        "min_notional": notional.min_notional or notional.notional,
        "max_notional": notional.max_notional,
    }
    return Instrument(
        venue=venue,
        symbol=listed.unified,
        venue_symbol=listed.symbol,
        base=listed.base_asset,
        quote=listed.quote_asset,
        **{name: number(limit, f"{listed.symbol} {name}") for name, limit in limits.items()},
    )
