"""Where a key comes from: environment variables, and files that nobody else can read."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from bowstring.core.errors import ConfigError
from bowstring.venues.binance.signing import HmacSigner, Keys, Signer, private_key_signer

MAX_FILE_BYTES = 64 * 2**10


def keys_from_environment(venue: str, *, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of a venue's account: of ``binance`` those in ``BOWSTRING_BINANCE_...``, of ``binance:hedge`` those in
    ``BOWSTRING_BINANCE_HEDGE_...``.

    ``_KEY`` is the API key. Its secret part is one of ``_SECRET``, ``_SECRET_FILE`` and ``_PRIVATE_KEY_FILE`` (PEM,
    Ed25519 or RSA, with ``_PRIVATE_KEY_PASSWORD`` if it has one). Raises `ConfigError` that names the variables.
    """
    prefix = "BOWSTRING_" + re.sub(r"[^A-Z0-9]", "_", venue.upper())
    given = {name: environment.get(f"{prefix}_{name}", "").strip() for name in ("KEY", *_SECRETS)}
    secrets = [name for name in _SECRETS if given[name]]
    if not given["KEY"] or len(secrets) != 1:
        raise ConfigError(
            f"no keys to trade at {venue}: set {prefix}_KEY to an API key, and one of "
            f"{', '.join(f'{prefix}_{name}' for name in _SECRETS)}; set now: "
            f"{', '.join(f'{prefix}_{name}' for name in given if given[name]) or 'none'}"
        )
    try:
        signer = _signer(secrets[0], given[secrets[0]], password=environment.get(f"{prefix}_PRIVATE_KEY_PASSWORD"))
        return Keys(given["KEY"], signer=signer, origin=f"{prefix}_KEY and {prefix}_{secrets[0]}")
    except ConfigError as error:
        raise ConfigError(f"{prefix}_{secrets[0]}, {prefix}_KEY: {error}") from None


_SECRETS = ("SECRET", "SECRET_FILE", "PRIVATE_KEY_FILE")


def _signer(kind: str, value: str, *, password: str | None) -> Signer:
    if kind == "PRIVATE_KEY_FILE":
        return private_key_signer(read_secret(Path(value)), password=password)
    return HmacSigner(value if kind == "SECRET" else _text(read_secret(Path(value)), value))


def _text(secret: bytes, path: str) -> str:
    text = secret.decode("ascii", errors="ignore").strip()
    if not text or len(text.split()) != 1:
        raise ConfigError(f"{path} has no secret in it, or more than one line")
    return text


def read_secret(path: Path) -> bytes:
    """A file's content. Raises `ConfigError` unless it is a plain file that only its owner can read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path} is no plain file")
            if mode & 0o077:
                raise ConfigError(f"others may read or write {path} (mode {mode & 0o777:04o}): chmod 600 {path}")
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
