"""What to do when a venue cannot be reached, or refuses a key: it depends on the mode. Pure: no I/O."""

REACH = "check the network, or give another rest_url"
REACH_LOCAL = "run `bowstring exchange`, or give the rest_url and the ws_url of a server that runs"
CHECKS = {
    "local": "check that both are what the exchange has printed: it makes keys anew at each start",
    "testnet": "check that both are of one key, and that the testnet made it",
    "live": "check that both are of one key, that Binance made it, and that it may trade on Spot from this address",
}


def how_to_reach(mode: str) -> str:
    """What to do where nobody answers."""
    return REACH_LOCAL if mode == "local" else REACH


def how_to_mend_keys(mode: str, *, origin: str) -> str:
    """What to look at where the venue refuses the keys that are from ``origin``."""
    return f'Binance("{mode}") has {origin}: {CHECKS[mode]}'
