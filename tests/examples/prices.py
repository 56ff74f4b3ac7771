"""A feed of prices over REST, and a place for notifications: a server in a thread, as the bot has the loop."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Prices(ThreadingHTTPServer):
    """Answers with the ``prices``, one after the other, then for ever with the last; None is a failure."""

    daemon_threads = False

    def __init__(self, *prices: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[dict[str, str]] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self._prices = list[str | None](reversed(prices))

    def next_price(self) -> str | None:
        return self._prices.pop() if len(self._prices) > 1 else self._prices[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    timeout = 10

    def do_GET(self) -> None:
        price = self._prices().next_price()
        body = json.dumps({"symbol": "BTCUSDT", "price": price}).encode() if price else b""
        self._answer(200 if price else 500, body)

    def do_POST(self) -> None:
        self._prices().posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _prices(self) -> Prices:
        assert isinstance(self.server, Prices)
        return self.server

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(prices: Sequence[str | None]) -> Generator[Prices]:
    """Serve until the end of the block."""
    with Prices(*prices) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
