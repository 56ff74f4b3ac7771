"""What unified symbols tell: ``BTC/USDT`` is BTC in USDT, ``BTC/USDT:USDT`` a perpetual that is settled in USDT."""


def base_of(symbol: str) -> str:
    """The base currency."""
    return symbol.partition("/")[0]


def quote_of(symbol: str) -> str:
    """The quote currency."""
    return symbol.partition("/")[2].partition(":")[0]


def is_spot(symbol: str) -> bool:
    """Whether what is bought is owned, and what is sold must be."""
    return ":" not in symbol
