"""The local exchange for tests: a real server on a free port, in a thread of its own.

So a test may block, or have an event loop of its own, and still look into the exchange and change it: what touches it
runs in the server's thread, by `call`.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from bowstring.local_exchange.audit import Audit, replay
from bowstring.local_exchange.credentials import Credentials
from bowstring.local_exchange.server import ExchangeServer, Settings

_STOP_S = 10.0

T = TypeVar("T")


class LocalExchange:
    """A context: inside it, ``rest``, ``ws`` and ``ws_api`` are served, and ``accounts`` can trade.

    ``ledger`` is the file of its ledger. Raises `ConfigError` for settings that cannot be, as the server does.
    """

    def __init__(self, settings: Settings) -> None:
        self.server = ExchangeServer(settings)
        self.accounts = [Credentials.of(account) for account in settings.accounts]
        self.ledger = settings.ledger
        self.rest = self.ws = self.ws_api = ""
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="bowstring-exchange", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop = self._started.result()
        addresses = self.server.addresses
        self.rest, self.ws, self.ws_api = addresses.rest, addresses.ws, addresses.ws_api
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Shut the exchange down, once; returns when its ledger is closed. Raises what went wrong in it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            raise TimeoutError(f"the local exchange has not stopped in {_STOP_S} s")
        if failed := self._failed:
            self._failed = None
            raise failed

    def account(self, name: str) -> Credentials:
        """The account of that name. Raises `LookupError`."""
        return next(account for account in self.accounts if account.name == name)

    def call(self, function: Callable[[ExchangeServer], T]) -> T:
        """Call a function with the server, in its thread; returns what it returns, raises what it raises."""
        result: Future[T] = Future()
        self._loop.call_soon_threadsafe(partial(_resolve, result, function, self.server))
        return result.result(_STOP_S)

    def audit(self) -> Audit:
        """What the ledger amounts to by now. Raises `FileNotFoundError` if none is kept."""
        if self.ledger is None:
            raise FileNotFoundError("this exchange keeps no ledger: give its settings the name of a new file")
        return replay(self.ledger)

    _failed: BaseException | None = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits for it
            if self._started.done():
                self._failed = error
            else:
                self._started.set_exception(error)

    async def _serve(self) -> None:
        async with self.server:
            self._started.set_result(asyncio.get_running_loop())
            await self.server.wait(self._stop)


def _resolve(result: "Future[T]", function: Callable[[ExchangeServer], T], server: ExchangeServer) -> None:
    try:
        result.set_result(function(server))
    except BaseException as error:  # noqa: BLE001 - the caller waits for it, in another thread
        result.set_exception(error)
