"""A bot for `benchmarks.durability` that starts on the journal of its argument, and stops as soon as it may trade."""

import sys
from pathlib import Path

import bowstring as bs
from benchmarks.figures import TESTED, pin
from benchmarks.local_exchange import told
from bowstring.venues.binance import Binance
from bowstring.venues.binance.signing import Keys, private_key_signer


class Bidder(bs.Strategy):
    """Has the orders on record."""

    @bs.on(bs.Recovered)
    def tell(self, _recovered: bs.Recovered) -> None:
        print("ready", flush=True)
        engine.stop()


if __name__ == "__main__":
    pin(TESTED)
    exchange = told(sys.stdin.readline())
    account = exchange.accounts[0]
    signer = private_key_signer(Path(account.ed25519_private_key_file).read_bytes())
    executor = Binance("local", rest_url=exchange.rest, ws_url=exchange.ws).executor(
        keys=Keys(account.ed25519_key, signer=signer), journal=sys.argv[1]
    )
    engine = bs.Engine(strategies=[Bidder()], executors=[executor])
    bs.run_engine(engine)
