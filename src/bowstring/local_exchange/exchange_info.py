"""Binance's ``exchangeInfo`` for a set of instruments. Pure: no I/O."""

from collections.abc import Iterable
from decimal import Decimal

from bowstring.local_exchange.matching.candles import MEAN_MINUTES
from bowstring.local_exchange.matching.rules import Rules, number
from bowstring.market.instrument import Instrument

_NO_MAXIMUM = Decimal(9_000_000_000)

SPOT_ORDER_TYPES = [
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
]  # fmt: skip
TRADED_ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]
FUTURES_ORDER_TYPES = [
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
]  # fmt: skip
SELF_TRADE_PREVENTION_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
_SPOT_LIMITS = [
    ("REQUEST_WEIGHT", "MINUTE", 1, 6000), ("ORDERS", "SECOND", 10, 100),
    ("ORDERS", "DAY", 1, 200000), ("RAW_REQUESTS", "MINUTE", 5, 300000),
]  # fmt: skip
_FUTURES_LIMITS = [("REQUEST_WEIGHT", "MINUTE", 1, 2400), ("ORDERS", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 10, 300)]


def exchange_info(instruments: Iterable[Instrument], *, time_ms: int, futures: bool = False) -> dict[str, object]:
    """The body of ``GET /api/v3/exchangeInfo``, or, with ``futures``, of ``GET /fapi/v1/exchangeInfo``."""
    describe = _contract if futures else _pair
    limits = _FUTURES_LIMITS if futures else _SPOT_LIMITS
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return {
        "timezone": "UTC",
        "serverTime": time_ms,
        "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
        "exchangeFilters": [],
        "symbols": [describe(instrument) for instrument in instruments],
    }


def trading_rules(rules: Rules) -> dict[str, object]:
    """What exchangeInfo says of a symbol that can be traded: what `Rules` are checked, and nothing that is lacking."""
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    lacking = ("iceberg", "oco", "oto", "opo", "amend", "pegInstructions", "isMarginTrading")
    return {
        "symbol": rules.symbol,
        "status": "TRADING",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        **dict.fromkeys(("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision", *commissions), 8),
        "orderTypes": TRADED_ORDER_TYPES,
        **{f"{feature}Allowed": False for feature in lacking},
        "allowTrailingStop": False,
        **{f"{feature}Allowed": True for feature in ("quoteOrderQtyMarket", "cancelReplace", "isSpotTrading")},
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": [*SELF_TRADE_PREVENTION_MODES, "TRANSFER"],
    }


def _filters(rules: Rules) -> list[dict[str, object]]:
    """PRICE_FILTER first: clients read its tick size by position."""
    prices = {
        "minPrice": number(rules.min_price),
        "maxPrice": number(rules.max_price),
        "tickSize": number(rules.tick),
    }
    quantities = {
        "minQty": number(rules.min_quantity),
        "maxQty": number(rules.max_quantity),
        "stepSize": number(rules.lot),
    }
    notionals = {
        "minNotional": number(rules.min_notional),
        "applyMinToMarket": True,
        "maxNotional": number(rules.max_notional),
        "applyMaxToMarket": False,
        "avgPriceMins": MEAN_MINUTES,
    }
    multipliers = {
        f"{side}Multiplier{way}": number(times)
        for side in ("bid", "ask")
        for way, times in (("Up", rules.price_up), ("Down", rules.price_down))
    }
    return [
        {"filterType": "PRICE_FILTER", **prices},
        {"filterType": "LOT_SIZE", **quantities},
        {"filterType": "MARKET_LOT_SIZE", **quantities, "minQty": number(0), "stepSize": number(0)},
        {"filterType": "PERCENT_PRICE_BY_SIDE", **multipliers, "avgPriceMins": MEAN_MINUTES},
        {"filterType": "NOTIONAL", **notionals},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.max_stop_orders},
    ]


def _pair(instrument: Instrument) -> dict[str, object]:
    precisions = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    allowed = ("iceberg", "oco", "oto", "opo", "quoteOrderQtyMarket", "cancelReplace", "amend", "isSpotTrading")
    refused = ("allowTrailingStop", "pegInstructionsAllowed", "isMarginTradingAllowed")
    return {
        "symbol": instrument.venue_symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        **dict.fromkeys(precisions + commissions, 8),
        "orderTypes": SPOT_ORDER_TYPES,
        **{f"{feature}Allowed": True for feature in allowed},
        **dict.fromkeys(refused, False),
        "filters": [
            *_steps(instrument),
            {
                "filterType": "NOTIONAL",
                "minNotional": _number(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": _number(instrument.max_notional or _NO_MAXIMUM),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": SELF_TRADE_PREVENTION_MODES,
    }


def _contract(instrument: Instrument) -> dict[str, object]:
    return {
        "symbol": instrument.venue_symbol,
        "pair": instrument.venue_symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": _decimals(instrument.tick_size),
        "quantityPrecision": _decimals(instrument.lot_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.0125",
        "marketTakeBound": "0.05",
        "orderTypes": FUTURES_ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            *_steps(instrument),
            {"filterType": "MIN_NOTIONAL", "notional": _number(instrument.min_notional)},
        ],
    }


def _steps(instrument: Instrument) -> list[dict[str, str]]:
    """PRICE_FILTER first: clients read its tick size by position."""
    prices = {
        "minPrice": _number(instrument.min_price or instrument.tick_size),
        "maxPrice": _number(instrument.max_price or _NO_MAXIMUM),
        "tickSize": _number(instrument.tick_size),
    }
    quantities = {
        "minQty": _number(instrument.min_quantity or instrument.lot_size),
        "maxQty": _number(instrument.max_quantity or _NO_MAXIMUM),
        "stepSize": _number(instrument.lot_size),
    }
    return [
        {"filterType": "PRICE_FILTER", **prices},
        {"filterType": "LOT_SIZE", **quantities},
        {"filterType": "MARKET_LOT_SIZE", **quantities},
    ]


def _number(value: Decimal) -> str:
    return f"{value:.8f}"


def _decimals(step: Decimal) -> int:
    return len(_number(step).partition(".")[2].rstrip("0"))
