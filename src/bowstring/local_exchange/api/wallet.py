"""The reads of Binance's wallet and margin that clients make at their start. Margin there is none."""

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.queries import balances
from bowstring.local_exchange.api.replies import Reply
from bowstring.local_exchange.matching.rules import number


def system_status(service: Context, call: Call) -> Reply:
    """Whether it is open; what is not there does not answer."""
    return {"status": 0, "msg": "normal"}


def coins(service: Context, call: Call) -> list[Reply]:
    """All coins, none of which can be moved in or out."""
    return [
        {
            "coin": asset,
            "name": asset,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "free": number(balance.free),
            "locked": number(balance.locked),
            **dict.fromkeys(("freeze", "ipoable", "ipoing", "storage", "withdrawing"), "0"),
            "isLegalMoney": False,
            "trading": True,
            "networkList": [],
        }
        for asset, balance in balances(service, call.account).items()
    ]


def trade_fees(service: Context, call: Call) -> list[Reply]:
    """The fees of one symbol, or of all."""
    rates = {
        "makerCommission": number(call.account.maker_fee),
        "takerCommission": number(call.account.taker_fee),
    }
    markets = list(service.exchange.markets.values())
    if "symbol" in call.parameters:
        markets = [service.exchange.market(call.parameters.symbol())]
    return [{"symbol": market.rules.symbol, **rates} for market in markets]


def nothing(service: Context, call: Call) -> list[Reply]:
    """What there is of margin."""
    return []
