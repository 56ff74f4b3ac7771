"""The Binance gateway against the local exchange, over real sockets: the whole conformance suite, each way to trade."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from bowstring.core.components import Collector
from bowstring.local_exchange.accounts import funded_accounts
from bowstring.local_exchange.api.limits import UNLIMITED
from bowstring.local_exchange.credentials import Credentials
from bowstring.local_exchange.faults.kinds import DelayReply, ResetConnections
from bowstring.local_exchange.server import ExchangeServer, Settings
from bowstring.testing import GatewayConformance, VenueUnderTest
from bowstring.trading.messages import PlaceOrder, Side, TimeInForce
from bowstring.venues.binance import Binance
from bowstring.venues.binance.gateway import BinanceGateway, OrdersOver
from bowstring.venues.binance.signing import HmacSigner, Keys, private_key_signer

FUNDS = {"BTC": Decimal(1000), "USDT": Decimal(100_000_000)}
SYMBOL = "BTC/USDT"


class OnLocalExchange(VenueUnderTest):
    def __init__(
        self,
        server: ExchangeServer,
        gateway: BinanceGateway,
        *,
        counterparty: BinanceGateway,
        other_account: BinanceGateway,
        another_client: BinanceGateway,
        secrets: Sequence[str],
        collectors: Sequence[Collector],
    ) -> None:
        super().__init__(
            gateway,
            symbol=SYMBOL,
            low=Decimal(64_900),
            high=Decimal(65_100),
            quantity=Decimal("0.01237"),
            collectors=collectors,
            other_account=other_account,
            another_client=another_client,
            secrets=secrets,
        )
        self._server, self._gateway, self._counterparty = server, gateway, counterparty
        self._numbers = count(1)

    async def trade(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        await self._place(side, price, quantity, time_in_force="ioc")

    async def offer(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        await self._place(side, price, quantity, time_in_force="gtc")

    async def disconnect(self) -> None:
        self._server.faults.add(ResetConnections(account="alice"))
        self._server.faults.add(ResetConnections(interface="rest"))

    async def slow_down(self, seconds: float) -> None:
        """Over REST too slow for the client, which is made less patient for that: it waits for 10 s."""
        client = self._gateway._client  # pyright: ignore[reportPrivateUsage]  # no bot has to set its patience
        assert client is not None
        client._deadline_s = seconds / 2  # pyright: ignore[reportPrivateUsage]
        self._server.faults.add(DelayReply(calls="orders", account="alice", seconds=seconds))

    async def quote_both_sides(self) -> None:
        """Far from where the suite trades, so that there is a best price on either side."""
        await self.offer("buy", price=Decimal(60_000), quantity=Decimal(1))
        await self.offer("sell", price=Decimal(70_000), quantity=Decimal(1))

    async def _place(self, side: Side, price: Decimal, quantity: Decimal, *, time_in_force: TimeInForce) -> None:
        order = PlaceOrder(
            symbol=SYMBOL,
            client_order_id=f"counterparty-{next(self._numbers)}",
            side=side,
            price=price,
            quantity=quantity,
            time_in_force=time_in_force,
        )
        await self._counterparty.place(order)


def hmac_keys(account: Credentials) -> Keys:
    assert account.key
    assert account.secret
    return Keys(account.key, signer=HmacSigner(account.secret))


def ed25519_keys(account: Credentials) -> Keys:
    assert account.ed25519_key
    assert account.ed25519_private_key_file
    return Keys(account.ed25519_key, signer=private_key_signer(Path(account.ed25519_private_key_file).read_bytes()))


class OnBinance(GatewayConformance):
    orders_over: OrdersOver = "ws"
    keys = staticmethod(ed25519_keys)

    @pytest.fixture(autouse=True)
    def use(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def venue(self) -> AsyncGenerator[VenueUnderTest]:
        accounts = funded_accounts(["alice", "bob", "carol"], balances=FUNDS, folder=self.folder)
        settings = Settings(symbols=["BTCUSDT"], accounts=accounts, speed=0, limits=UNLIMITED, cancel_after=True)
        async with ExchangeServer(settings) as server:
            alice, bob, carol = (
                Binance("local", account=account.name, rest_url=server.addresses.rest, ws_url=server.addresses.ws)
                for account in accounts
            )
            credentials = [Credentials.of(account) for account in accounts]
            gateway = alice.gateway(keys=self.keys(credentials[0]), orders_over=self.orders_over)
            gateway.query_lag_s = 0.1  # this exchange has none; each proof of absence waits for it
            counterparty = bob.gateway(keys=self.keys(credentials[1]), orders_over="rest")
            venue = OnLocalExchange(
                server,
                gateway,
                counterparty=counterparty,
                other_account=carol.gateway(keys=self.keys(credentials[2])),
                another_client=alice.gateway(keys=self.keys(credentials[0]), orders_over="rest"),
                secrets=[secret for one in credentials for secret in (one.key, one.secret, one.ed25519_key) if secret],
                collectors=[alice.stream(quotes=[SYMBOL], trades=[SYMBOL])],
            )
            await counterparty.open()
            try:
                await venue.quote_both_sides()
                yield venue
            finally:
                await counterparty.close()


class TestLoggedOnToTheWebSocketApi(OnBinance):
    pass


class TestSignedOnTheWebSocketApi(OnBinance):
    keys = staticmethod(hmac_keys)


class TestOverRest(OnBinance):
    orders_over: OrdersOver = "rest"
