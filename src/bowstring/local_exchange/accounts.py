"""The accounts that an exchange starts with, and their keys: those of a file, and funded ones of its own."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec import DecodeError, Struct, field
from msgspec.json import decode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.api.keys import Ed25519Lock, HmacLock, Key, Keyring, Permission, RsaLock, public_key_lock
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import UNIT, units

KEY_BYTES = 32  # in hexadecimal as long as Binance's keys


class KeyDefinition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API key: with the ``secret`` of HMAC, or with a ``public_key`` in PEM, of Ed25519 or RSA."""

    key: str
    secret: str | None = None
    public_key: str | None = None
    private_key_file: str | None = None
    permissions: tuple[Permission, ...] = tuple(Permission)

    def __post_init__(self) -> None:
        if (self.secret is None) == (self.public_key is None):
            raise ValueError(f"key {self.key}: give it either a secret or a public_key")


class AccountDefinition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account. Fees are shares of what a trade brings."""

    name: str
    balances: dict[str, Decimal]
    keys: list[KeyDefinition] = field(default_factory=list[KeyDefinition])
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")

    def __post_init__(self) -> None:
        for asset, amount in self.balances.items():
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"account {self.name}: a balance of {amount} {asset}: give 0 or more")


def read_accounts(file: Path) -> list[AccountDefinition]:
    """The accounts in a JSON file. Raises `ConfigError`."""
    try:
        return decode(file.read_bytes(), type=list[AccountDefinition])
    except (OSError, DecodeError) as error:
        raise ConfigError(f"accounts cannot be read from {file}: {error}") from None


def funded_accounts(names: Sequence[str], *, balances: Mapping[str, Decimal], folder: Path) -> list[AccountDefinition]:
    """Accounts with a new HMAC key and a new Ed25519 key each; private keys go to files that only the user can read."""
    return [
        AccountDefinition(
            name=name,
            balances=dict(balances),
            keys=[
                KeyDefinition(key=secrets.token_hex(KEY_BYTES), secret=secrets.token_hex(KEY_BYTES)),
                _ed25519_key(folder / f"{name}.pem"),
            ],
        )
        for name in names
    ]


def open_accounts(exchange: Exchange, definitions: Iterable[AccountDefinition]) -> Keyring:
    """Open accounts on an exchange. Raises `ConfigError`."""
    keyring = Keyring()
    for one in definitions:
        if one.name in exchange.accounts:
            raise ConfigError(f"account {one.name} is there twice: give each its own name")
        account = exchange.open_account(
            one.name,
            balances={asset: units(amount) for asset, amount in one.balances.items()},
            maker_fee=int(one.maker_fee * UNIT),
            taker_fee=int(one.taker_fee * UNIT),
        )
        for key in one.keys:
            lock = _lock(key, account=one.name)
            keyring.add(Key(id=key.key, account=account, lock=lock, permissions=frozenset(key.permissions)))
    return keyring


def _lock(key: KeyDefinition, *, account: str) -> HmacLock | Ed25519Lock | RsaLock:
    if key.secret is not None:
        return HmacLock(key.secret)
    try:
        return public_key_lock(key.public_key or "")
    except ConfigError as error:
        raise ConfigError(f"account {account}, key {key.key}: {error}") from None


def _ed25519_key(file: Path) -> KeyDefinition:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        target.write(pem)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyDefinition(key=secrets.token_hex(KEY_BYTES), public_key=public.decode(), private_key_file=str(file))
