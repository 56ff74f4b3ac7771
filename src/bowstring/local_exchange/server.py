"""The local exchange as a server: everything of it on one port, as Binance Spot has it on several hosts."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from aiohttp import WSCloseCode, web
from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.accounts import AccountDefinition, open_accounts
from bowstring.local_exchange.api.limits import Limits, Usage
from bowstring.local_exchange.api.rest import Rest
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.api.ws_api import WsApi
from bowstring.local_exchange.bookkeeper import Bookkeeper
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.credentials import Addresses
from bowstring.local_exchange.faults.admin import Admin
from bowstring.local_exchange.faults.panels import panels
from bowstring.local_exchange.faults.switches import FaultSwitches
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.feed import Market as Listing
from bowstring.local_exchange.heartbeat import LIFE_S
from bowstring.local_exchange.ledger import LedgerFile
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import Rules
from bowstring.local_exchange.participants import Participants
from bowstring.local_exchange.port import Port
from bowstring.local_exchange.sockets import Sockets
from bowstring.local_exchange.streams.hub import Hub
from bowstring.local_exchange.streams.listen_key_streams import ListenKeyStreams
from bowstring.local_exchange.streams.market_data import MarketData
from bowstring.local_exchange.streams.user_data import UserData

SYMBOLS = ("BTCUSDT", "ETHUSDT")
HISTORY_S = 60.0
_SHUTDOWN_S = 1.0


class Settings(Struct, frozen=True, kw_only=True):
    """What an exchange is like. ``port`` 0 takes a free one; ``speed`` 0 is a market without participants.

    ``speed`` is times the usual number of events, ``history_s`` how much of it has happened before the start.
    A connection lasts ``life_s``. A ``ledger`` must not exist yet. ``admin_port`` serves the switches of faults, on
    loopback whatever the ``host``; 0 takes a free one, None serves none. With ``cancel_after`` clients can have all
    their orders cancelled when they fall silent, which Binance Spot does not offer.
    """

    symbols: Sequence[str] = SYMBOLS
    accounts: Sequence[AccountDefinition] = ()
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    speed: float = 1.0
    history_s: float = HISTORY_S
    ledger: Path | None = None
    legacy: bool = False
    limits: Limits = Limits()
    life_s: float = LIFE_S
    admin_port: int | None = None
    cancel_after: bool = False


class ExchangeServer:
    """An async context: inside it, clients are served and ``port`` is the real one.

    Raises `ConfigError` for settings that cannot be: at once, or on entering where the address or the ledger cannot be
    had. Leaving it announces the shutdown, closes all connections and then the ledger.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._listings = [_listing(symbol) for symbol in dict.fromkeys(settings.symbols)]
        self.clock = Clock()
        rules = [Rules.of(listing.instrument) for listing in self._listings]
        self.exchange = Exchange(rules, now_us=self.clock)
        self.hub = Hub()
        self._keyring = open_accounts(self.exchange, settings.accounts)
        self.faults = FaultSwitches(symbols=self.exchange.markets)
        self.host, self.port = settings.host, settings.port
        self.admin: str | None = None

    @property
    def addresses(self) -> Addresses:
        """Where clients find it."""
        place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        return Addresses(rest=f"http://{place}", ws=f"ws://{place}", ws_api=f"ws://{place}/ws-api/v3", admin=self.admin)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            keeper = self._open_ledger(stack)
            self.clerk = Clerk(self.exchange, ledger=keeper)
            self._assemble()
            if (countdowns := self.service.countdowns) is not None:
                stack.callback(countdowns.close)
            await self._listen(stack)
            await self._administer(stack)
            await stack.enter_async_context(self._running())
            stack.push_async_callback(self._close_connections)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    def _open_ledger(self, stack: AsyncExitStack) -> Bookkeeper | None:
        path = self.settings.ledger
        if path is None:
            return None
        try:
            file = LedgerFile(path)
        except OSError as error:
            raise ConfigError(f"the ledger cannot be begun at {path}: {error.strerror}; name a new file") from None
        keeper = Bookkeeper(file, self.exchange, time_us=self.clock())
        stack.callback(lambda: keeper.close(time_us=self.clock()))
        return keeper

    def _assemble(self) -> None:
        settings, clock = self.settings, self.clock
        user_data = UserData(now_us=clock)
        self.service = Service(
            self.exchange,
            clerk=self.clerk,
            keyring=self._keyring,
            usage=Usage(settings.limits, now_us=clock),
            user_data=user_data,
            now_us=clock,
            cancel_after=settings.cancel_after,
        )
        self.participants: Participants | None = None
        if settings.speed:
            self.participants = Participants(
                self.exchange, self.clerk, listings=self._listings, seed=settings.seed, speed=settings.speed
            )
            self.participants.warm_up(settings.history_s, clock=clock)
        self.market_data = MarketData(self.exchange, self.hub, now_us=clock)
        self.clerk.listeners.append(self.market_data.take)
        self.rest = Rest(self.service, legacy=settings.legacy)
        self.ws_api = WsApi(self.service, life_s=settings.life_s)
        listen_keys = ListenKeyStreams(self.hub, keys=self.service.listen_keys, events=user_data)
        self.sockets = Sockets(
            self.hub,
            life_s=settings.life_s,
            is_listen_key=listen_keys.admit if settings.legacy else None,
            refuse=self.ws_api.refuse,
        )

    async def _listen(self, stack: AsyncExitStack) -> None:
        app = web.Application()
        app.router.add_get("/ws-api/v3", self.ws_api.handle)
        self.sockets.add_routes(app)
        app.router.add_route("*", "/{path:.*}", self.rest.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        assert runner.server is not None
        self.entrance = Port(runner.server, host=self.host, number=self.port)
        await self.entrance.open()
        stack.callback(self.entrance.close)
        self.port = self.entrance.number

    async def _administer(self, stack: AsyncExitStack) -> None:
        self.faults.panels = panels(
            self.service,
            rest=self.rest,
            ws_api=self.ws_api,
            market_data=self.market_data,
            hub=self.hub,
            port=self.entrance,
            clock=self.clock,
            say_goodbye=self._say_goodbye,
            spawn=self._spawn,
            add=self.faults.add,
        )
        stack.callback(self.faults.stop)
        if (port := self.settings.admin_port) is not None:
            self.admin = await stack.enter_async_context(Admin(self.faults).serving(host="127.0.0.1", port=port))

    async def wait(self, stop: asyncio.Event) -> None:
        """Wait for the event, or until something fails inside, which is raised on leaving."""
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, self._passing}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        self._passing = asyncio.create_task(self._pass_time())
        await asyncio.sleep(0)  # it has begun, and can be given more to do
        try:
            yield
        finally:
            self._passing.cancel()
            try:
                await self._passing
            except asyncio.CancelledError:
                pass
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None

    async def _pass_time(self) -> None:
        """Participants trade, and streams have their ticks."""
        async with asyncio.TaskGroup() as self._tasks:
            self._spawn(self.market_data.run())
            if self.participants is not None:
                self._spawn(self.participants.run())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        """Let it run until the exchange is stopped, at the latest."""
        self._tasks.create_task(work)

    async def _close_connections(self) -> None:
        for wire in self.entrance.wires:
            if wire.is_mute:  # nobody there would say goodbye
                wire.reset()
        await self._say_goodbye()
        await self.ws_api.close(code=WSCloseCode.GOING_AWAY)

    async def _say_goodbye(self) -> None:
        self.market_data.announce_shutdown()
        self.ws_api.announce_shutdown()
        await asyncio.gather(
            self.ws_api.disconnect(code=WSCloseCode.GOING_AWAY), self.sockets.disconnect(code=WSCloseCode.GOING_AWAY)
        )


async def serve(
    server: ExchangeServer, *, ready: Callable[[ExchangeServer], None], stop_at_eof: TextIO | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, or the end of a pipe or terminal; ``ready`` is called when clients are served."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if stop_at_eof is not None:
        loop.add_reader(stop_at_eof, _read, stop_at_eof.fileno(), stop)
    async with server:
        ready(server)
        await server.wait(stop)


def _read(descriptor: int, at_end: asyncio.Event) -> None:
    """Read what is there; nothing is the end."""
    if not os.read(descriptor, 4096):
        asyncio.get_running_loop().remove_reader(descriptor)
        at_end.set()


def _listing(symbol: str) -> Listing:
    if symbol not in MARKETS:
        raise ConfigError(f"no market is known for {symbol!r}; those are {', '.join(MARKETS)}")
    return MARKETS[symbol]
