"""Another account's orders, sent over REST by the standard library's client: it shares no code with the bots."""

import hmac
import http.client
import time
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

from msgspec.json import decode

from faults.exchange import Account, Addresses

TIMEOUT_S = 10.0
GONE = OSError, http.client.HTTPException


class Counterparty:
    """Signs with the account's HMAC key. For one thread."""

    def __init__(self, addresses: Addresses, account: Account) -> None:
        url = urlsplit(addresses.rest)
        assert url.hostname
        assert account.key
        assert account.secret
        self._key, self._secret = account.key, account.secret.encode()
        self._connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_S)

    def place(
        self, symbol: str, side: str, quantity: Decimal | str, price: Decimal | str, *, tif: str = "GTC", name: str = ""
    ) -> str:
        """Place a limit order; returns its status. Raises what `call` raises."""
        named = {"newClientOrderId": name} if name else {}
        told = self.call(
            "POST",
            "/api/v3/order",
            symbol=symbol,
            side=side,
            quantity=f"{quantity}",
            price=f"{price}",
            type="LIMIT",
            timeInForce=tif,
            **named,
        )
        return str(decode(told, type=dict[str, object])["status"])

    def open_orders(self) -> list[dict[str, object]]:
        """The account's."""
        return decode(self.call("GET", "/api/v3/openOrders"), type=list[dict[str, object]])

    def call(self, method: str, path: str, **params: str) -> bytes:
        """Any signed request; its answer. Raises `GONE` where there is none, and `ValueError` if it is refused."""
        query = urlencode({**params, "timestamp": str(time.time_ns() // 1_000_000), "recvWindow": "10000"})
        signature = hmac.new(self._secret, query.encode(), "sha256").hexdigest()
        address = f"{path}?{query}&signature={signature}"
        self._connection.request(method, address, headers={"X-MBX-APIKEY": self._key})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"{method} {path}: {answer.status} {body!r}")
        return body

    def close(self) -> None:
        """Disconnect; the next call connects again."""
        self._connection.close()
