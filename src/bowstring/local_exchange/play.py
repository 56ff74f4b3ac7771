"""Serves a recording as if it were Binance: websocket streams and public REST on one port.

What a real server does is done: raw and combined addresses, control messages, pings, limits, close codes, error
bodies. What differs: times are in the recorded unit whatever is asked for, request weight is counted but not limited,
no connection is closed after 24 hours, and nothing is signed or traded.
"""

import asyncio
import math
import signal
from collections.abc import Callable
from time import time
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, web

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.delivery import Delivery
from bowstring.local_exchange.instruments import derive_instruments
from bowstring.local_exchange.playback import FullSpeed, Paced, Playback
from bowstring.local_exchange.recording import Recording
from bowstring.local_exchange.rest import Rest
from bowstring.local_exchange.sockets import Sockets

_SHUTDOWN_S = 1.0


class PlayServer:
    """An async context: inside it, clients are served and ``port`` is the real one.

    ``speed`` is times the recorded pace, or ``math.inf``: `Paced` or `FullSpeed` tell the difference. Raises
    `ConfigError` for a malformed recording, and on entering when the address cannot be had.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float = 1.0,
        loop: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        instruments = recording.instruments or derive_instruments(recording)
        self.symbols = [instrument.symbol for instrument in instruments]
        self._rest = Rest(recording.replies, instruments=instruments, futures=recording.futures)
        self._recording, self._speed, self._loop = recording, speed, loop
        self._minute, self._used_weight = 0, 0
        self.host, self.port = host, port

    async def __aenter__(self) -> Self:
        self._playback = self._new_playback()
        self._delivery = Delivery(self._playback)
        self._sockets = Sockets(self._delivery, life_s=math.inf)
        self._runner = web.AppRunner(self._routes(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"cannot serve on {self.host} port {self.port}"
            raise ConfigError(f"{where}: {error.strerror}; give another port, or host") from None
        self.port = self._runner.addresses[0][1]
        self._clock = asyncio.create_task(self._playback.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.cancel()
        await self.disconnect(code=WSCloseCode.GOING_AWAY)
        await self._runner.cleanup()

    async def disconnect(self, *, code: int) -> None:
        """Close every websocket with this code."""
        await self._sockets.disconnect(code=code)

    async def played(self) -> None:
        """Wait until the recording has been played to its end, and those who are connected then have been sent it."""
        await asyncio.shield(self._clock)
        await self._delivery.finish()

    def _routes(self) -> web.Application:
        app = web.Application()
        self._sockets.add_routes(app, roots=("", "/public", "/market") if self._recording.futures else ("",))
        app.router.add_get("/{path:.*}", self._answer)
        return app

    def _new_playback(self) -> Playback:
        if math.isinf(self._speed):
            return FullSpeed(self._recording, loop=self._loop)
        return Paced(self._recording, speed=self._speed, loop=self._loop)

    async def _answer(self, request: web.Request) -> web.Response:
        answer = self._rest.answer(request.path, request.query, now_ns=self._playback.now_ns())
        weight = str(self._charge(answer.weight))
        return web.Response(
            body=answer.body,
            status=answer.status,
            headers={
                "Content-Type": "application/json;charset=UTF-8",
                "X-MBX-USED-WEIGHT": weight,
                "X-MBX-USED-WEIGHT-1M": weight,
            },
        )

    def _charge(self, weight: int) -> int:
        """The weight used in this calendar minute; it is counted, not limited."""
        minute = int(time() // 60)
        self._used_weight = weight + (self._used_weight if minute == self._minute else 0)
        self._minute = minute
        return self._used_weight


async def serve(server: PlayServer, *, ready: Callable[[str], None], exit_at_end: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, or, with ``exit_at_end``, until all is played and read.

    ``ready`` is told the addresses, ``ready http://HOST:PORT ws://HOST:PORT``, then the symbols.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        ready(f"ready http://{server.host}:{server.port} ws://{server.host}:{server.port}")
        ready(f"symbols {' '.join(server.symbols)}")
        played = asyncio.create_task(server.played())
        if exit_at_end:
            played.add_done_callback(lambda _: stop.set())
        await stop.wait()
        if exit_at_end and played.done():
            played.result()
            await server.disconnect(code=WSCloseCode.OK)
