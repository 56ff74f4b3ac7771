"""What a client needs to trade on the local exchange: addresses and keys, as they are printed and given to tests."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.json import encode

from bowstring.local_exchange.accounts import AccountDefinition


class Credentials(Struct, frozen=True, kw_only=True):
    """One account's keys: of HMAC with its secret, of Ed25519 with the file of its private key. None: there is none."""

    name: str
    key: str | None = None
    secret: str | None = None
    ed25519_key: str | None = None
    ed25519_private_key_file: str | None = None

    @classmethod
    def of(cls, account: AccountDefinition) -> "Credentials":
        """The first key of each kind."""
        hmac = next((key for key in account.keys if key.secret is not None), None)
        ed25519 = next((key for key in account.keys if key.private_key_file is not None), None)
        return cls(
            name=account.name,
            key=hmac.key if hmac else None,
            secret=hmac.secret if hmac else None,
            ed25519_key=ed25519.key if ed25519 else None,
            ed25519_private_key_file=ed25519.private_key_file if ed25519 else None,
        )

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r})"


class Addresses(Struct, frozen=True, kw_only=True):
    """Where an exchange is served: ``rest`` and ``ws`` without a path, and the whole address of its WebSocket API.

    ``admin`` is where faults are switched on, if anywhere.
    """

    rest: str
    ws: str
    ws_api: str
    admin: str | None = None


def as_json(addresses: Addresses, accounts: Iterable[Credentials]) -> str:
    """One line."""
    urls = {"rest": addresses.rest, "ws": addresses.ws, "ws_api": addresses.ws_api}
    if addresses.admin is not None:
        urls["admin"] = addresses.admin
    return encode({**urls, "accounts": [*accounts]}).decode()


def as_text(addresses: Addresses, accounts: Iterable[Credentials]) -> Iterator[str]:
    """Lines for people; the first begins with ``ready`` and has the addresses."""
    yield f"ready {addresses.rest} {addresses.ws} {addresses.ws_api}"
    if addresses.admin is not None:
        yield f"admin {addresses.admin}"
    for account in accounts:
        yield f"account {account.name}"
        for name in ("key", "secret", "ed25519_key", "ed25519_private_key_file"):
            if value := getattr(account, name):
                yield f"  {name:<24} {value}"
