"""What exchangeInfo says of known instruments."""

from decimal import Decimal

from msgspec.json import encode
from msgspec.structs import asdict, replace

from bowstring.local_exchange.exchange_info import exchange_info, trading_rules
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.rules import Rules
from bowstring.venues.binance.exchange_info import parse_exchange_info
from tests.local_exchange.traffic import json, objects

BTCUSDT = MARKETS["BTCUSDT"].instrument


def test_the_adapter_reads_the_instruments_that_were_told() -> None:
    instruments = {market.instrument.symbol: market.instrument for market in MARKETS.values()}
    told = encode(exchange_info(instruments.values(), time_ms=1))

    read = parse_exchange_info(told, venue="binance").instruments
    assert read.keys() == instruments.keys()
    for symbol, instrument in instruments.items():
        limits = {name: value for name, value in asdict(instrument).items() if value}
        assert asdict(read[symbol]) | limits == asdict(read[symbol])


def test_limits_are_told_as_they_are() -> None:
    instrument = replace(
        BTCUSDT,
        min_price=Decimal("0.5"),
        max_price=Decimal(900),
        min_quantity=Decimal("0.01"),
        max_quantity=Decimal(70),
        min_notional=Decimal(5),
        max_notional=Decimal(1000),
    )

    read = parse_exchange_info(encode(exchange_info([instrument], time_ms=1)), venue="binance")
    assert read.instruments == {"BTC/USDT": instrument}


def test_a_spot_symbol_has_binances_fields() -> None:
    info = json(encode(exchange_info([BTCUSDT], time_ms=1234)))

    assert (info["timezone"], info["serverTime"], info["exchangeFilters"]) == ("UTC", 1234, [])
    assert info["symbols"] == [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": [
                "LIMIT",
                "LIMIT_MAKER",
                "MARKET",
                "STOP_LOSS",
                "STOP_LOSS_LIMIT",
                "TAKE_PROFIT",
                "TAKE_PROFIT_LIMIT",
            ],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "otoAllowed": True,
            "opoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "cancelReplaceAllowed": True,
            "amendAllowed": True,
            "isSpotTradingAllowed": True,
            "allowTrailingStop": False,
            "pegInstructionsAllowed": False,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01000000",
                    "maxPrice": "9000000000.00000000",
                    "tickSize": "0.01000000",
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": "0.00001000",
                    "maxQty": "9000000000.00000000",
                    "stepSize": "0.00001000",
                },
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": "0.00001000",
                    "maxQty": "9000000000.00000000",
                    "stepSize": "0.00001000",
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": "5.00000000",
                    "applyMinToMarket": True,
                    "maxNotional": "9000000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
        }
    ]


def test_a_traded_symbol_tells_the_rules_that_are_checked_and_nothing_that_is_lacking() -> None:
    rules = Rules.of(BTCUSDT)
    symbol = json(encode(trading_rules(rules)))
    filters = {str(one.pop("filterType")): one for one in objects(symbol.pop("filters"))}

    assert symbol["orderTypes"] == ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]
    allowed = {name for name, value in symbol.items() if value is True}
    assert allowed == {"quoteOrderQtyMarketAllowed", "cancelReplaceAllowed", "isSpotTradingAllowed"}
    assert next(iter(filters)) == "PRICE_FILTER"
    assert filters == {
        "PRICE_FILTER": {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
        "LOT_SIZE": {"minQty": "0.00001000", "maxQty": "1000000.00000000", "stepSize": "0.00001000"},
        "MARKET_LOT_SIZE": {"minQty": "0.00000000", "maxQty": "1000000.00000000", "stepSize": "0.00000000"},
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierUp": "5.00000000",
            "bidMultiplierDown": "0.20000000",
            "askMultiplierUp": "5.00000000",
            "askMultiplierDown": "0.20000000",
            "avgPriceMins": 5,
        },
        "NOTIONAL": {
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        "MAX_NUM_ORDERS": {"maxNumOrders": 200},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 5},
    }


def test_a_traded_symbol_has_the_fields_that_binance_s_have() -> None:
    (binances,) = objects(json(encode(exchange_info([BTCUSDT], time_ms=1)))["symbols"])

    assert trading_rules(Rules.of(BTCUSDT)).keys() == binances.keys()


def test_the_adapter_reads_the_rules_that_are_checked() -> None:
    info = {"symbols": [trading_rules(Rules.of(BTCUSDT))], "rateLimits": [], "serverTime": 1}
    read = parse_exchange_info(encode(info), venue="binance").instruments["BTC/USDT"]

    assert (read.tick_size, read.lot_size, read.min_notional) == (
        BTCUSDT.tick_size,
        BTCUSDT.lot_size,
        BTCUSDT.min_notional,
    )


def test_a_futures_symbol_is_a_perpetual_contract() -> None:
    (contract,) = objects(json(encode(exchange_info([BTCUSDT], time_ms=1, futures=True)))["symbols"])

    expected = {"symbol": "BTCUSDT", "contractType": "PERPETUAL", "marginAsset": "USDT"}
    precisions = {"pricePrecision": 2, "quantityPrecision": 5}
    assert contract == contract | expected | precisions
    names = [one["filterType"] for one in objects(contract["filters"])]
    assert names == ["PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL"]
