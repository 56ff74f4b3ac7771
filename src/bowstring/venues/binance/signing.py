"""Signatures by the three kinds of keys that Binance has, and the requests that carry them. Pure: no I/O.

Over REST the query is signed as it is sent, percent-encoded; over the WebSocket API the parameters, sorted by name, as
``name=value`` joined by ``&``.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import json

from bowstring.core.errors import ConfigError

Params = Mapping[str, str | int]


class Signer(Protocol):
    """The secret part of a key. ``logs_on``: the WebSocket API takes it for a session, which then needs no signatures.

    Its repr and its errors do not show it.
    """

    @property
    def logs_on(self) -> bool:
        """Whether a session can be logged on with it: Ed25519 only."""
        ...

    def sign(self, payload: bytes) -> str:
        """The signature as text."""
        ...


class HmacSigner:
    """HMAC-SHA256, in hexadecimal."""

    logs_on = False

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod="sha256")  # copied for each: as fast as C, and no secret kept

    def sign(self, payload: bytes) -> str:
        """The signature as text."""
        mac = self._keyed.copy()
        mac.update(payload)
        return mac.hexdigest()


class Ed25519Signer:
    """Ed25519, in base64."""

    logs_on = True

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """The signature as text."""
        return base64.b64encode(self._key.sign(payload)).decode()


class RsaSigner:
    """RSA with SHA-256 and PKCS #1 v1.5, in base64."""

    logs_on = False

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """The signature as text."""
        return base64.b64encode(self._key.sign(payload, PKCS1v15(), SHA256())).decode()


def private_key_signer(pem: bytes, *, password: str | None = None) -> Signer:
    """What signs with a private key in PKCS #8 PEM. Raises `ConfigError`, which does not show the key."""
    try:
        key = load_pem_private_key(pem, password.encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("no private key in PKCS #8 PEM, or it needs another password") from None
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key)
    if isinstance(key, RSAPrivateKey):
        return RsaSigner(key)
    raise ConfigError(f"a {type(key).__name__} is no key for Binance: make an Ed25519 one")


class Keys:
    """An API key and what signs with its secret part. Neither shows in its repr.

    ``origin`` is where the two are from, as an error tells it when the venue refuses them.
    """

    def __init__(self, key: str, *, signer: Signer, origin: str = "the key and the signer of the keys given") -> None:
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError("the API key is empty, or has characters that no key has")
        self.key = key
        self.signer = signer
        self.origin = origin

    def __repr__(self) -> str:
        return f"Keys({type(self.signer).__name__})"


Window = Callable[[], int]
"""For how long a request may be carried out, in ms: asked when it is given its time. Raises `NotSent`: not at all."""


class Stamp:
    """Makes requests valid, by ``keys``, for ``window_ms`` from the venue's time that they are given.

    Those with a `Window` of their own are valid for no longer than that, and raise what it raises.
    """

    def __init__(self, keys: Keys, *, window_ms: int) -> None:
        self.key = keys.key
        self.logs_on = keys.signer.logs_on
        self._sign = keys.signer.sign
        self._window_ms = window_ms

    def query(self, params: Params, *, now_ms: int, window: Window | None = None) -> str:
        """A signed query for REST."""
        query = urlencode(self.timed(params, now_ms=now_ms, window=window), quote_via=quote)
        return f"{query}&signature={quote(self._sign(query.encode()), safe='')}"

    def signed(self, params: Params, *, now_ms: int, window: Window | None = None) -> Params:
        """Signed parameters for the WebSocket API."""
        stamped = {**self.timed(params, now_ms=now_ms, window=window), "apiKey": self.key}
        payload = "&".join([f"{name}={value}" for name, value in sorted(stamped.items())])
        stamped["signature"] = self._sign(payload.encode())
        return stamped

    def timed(self, params: Params, *, now_ms: int, window: Window | None = None) -> Params:
        """Parameters for a session of the WebSocket API that is logged on: nothing to sign."""
        window_ms = self._window_ms if window is None else min(self._window_ms, window())
        return {**params, "recvWindow": window_ms, "timestamp": now_ms}


def frame(request_id: int, method: str, params: Params) -> bytes:
    """A request to the WebSocket API."""
    return json.encode({"id": request_id, "method": method, "params": params})
