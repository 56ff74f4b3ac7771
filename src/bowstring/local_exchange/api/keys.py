"""API keys: whose they are, what they may do, and whether a signature was made with them."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.api.refusals import unauthorized
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.orders import Refused

_FORMAT = re.compile(r"[A-Za-z0-9]{64}")


class Permission(StrEnum):
    """What a key may do."""

    TRADE = "TRADE"
    USER_DATA = "USER_DATA"
    USER_STREAM = "USER_STREAM"


class Lock(Protocol):
    """Tells whether a signature fits a payload. ``name`` is that of the kind of key."""

    @property
    def name(self) -> str: ...

    def fits(self, payload: bytes, signature: str) -> bool:
        """Whether it does; never raises."""
        ...


class HmacLock:
    """HMAC-SHA256, in hexadecimal of either case."""

    name = "HMAC_SHA256"

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def fits(self, payload: bytes, signature: str) -> bool:
        expected = hmac.digest(self._secret, payload, "sha256").hex()  # in one call: half the time of hmac.new
        return hmac.compare_digest(expected.encode(), signature.lower().encode())


class Ed25519Lock:
    """Ed25519, in base64."""

    name = "ED25519"

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def fits(self, payload: bytes, signature: str) -> bool:
        try:
            self._key.verify(base64.b64decode(signature.encode(), validate=True), payload)
        except (InvalidSignature, binascii.Error):
            return False
        return True


class RsaLock:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64."""

    name = "RSA"

    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key

    def fits(self, payload: bytes, signature: str) -> bool:
        try:
            self._key.verify(base64.b64decode(signature.encode(), validate=True), payload, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error):
            return False
        return True


def public_key_lock(pem: str) -> Ed25519Lock | RsaLock:
    """The lock of a public key in PEM. Raises `ConfigError`."""
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        raise ConfigError('its public key cannot be read; give it in PEM, "-----BEGIN PUBLIC KEY-----..."') from None
    match key:
        case Ed25519PublicKey():
            return Ed25519Lock(key)
        case RSAPublicKey():
            return RsaLock(key)
        case _:
            raise ConfigError(f"its public key is {type(key).__name__}; give an Ed25519 or an RSA one")


class Key(Struct, frozen=True, kw_only=True, eq=False):
    """One API key of one account."""

    id: str
    account: Account
    lock: Lock
    permissions: frozenset[Permission] = frozenset(Permission)


class Keyring:
    """All keys. One that has been expired is treated like one that is unknown."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: dict[str, Key] = {}
        self._expired: set[str] = set()
        for key in keys:
            self.add(key)

    def add(self, key: Key) -> None:
        """A new key. Raises `ConfigError` if there is one of that name."""
        if key.id in self._keys:
            raise ConfigError(f"API key {key.id} is there twice: give each account its own")
        self._keys[key.id] = key

    def of(self, account: Account) -> list[str]:
        """The names of an account's keys."""
        return [key.id for key in self._keys.values() if key.account is account]

    def expire(self, key_id: str) -> None:
        """End a key."""
        self._expired.add(key_id)

    def restore(self, key_id: str) -> None:
        """Take back that a key was ended."""
        self._expired.discard(key_id)

    def key(self, key_id: str | None, *, permission: Permission | None) -> Key:
        """The key with that name, if it may do that. Raises `Refused`."""
        key = self._keys.get(key_id or "")
        if key is None and not _FORMAT.fullmatch(key_id or ""):
            raise Refused(-2014, "API-key format invalid.")
        if key is None or key.id in self._expired or (permission is not None and permission not in key.permissions):
            raise unauthorized()
        return key


def rest_payload(query: bytes, body: bytes) -> bytes:
    """What is signed of a REST request: query and body, one right after the other, without the signature."""
    return _without_signature(query) + _without_signature(body)


def ws_payload(params: Mapping[str, str]) -> bytes:
    """What is signed of a WebSocket API request: all parameters but the signature, sorted by their names."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()


def _without_signature(form: bytes) -> bytes:
    if b"signature=" not in form:
        return form
    return b"&".join(pair for pair in form.split(b"&") if not pair.startswith(b"signature="))
