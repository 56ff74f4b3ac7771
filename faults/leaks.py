"""I12: no byte of a secret is in anything that the processes leave behind."""

from collections.abc import Iterator
from pathlib import Path

from faults.exchange import Account
from faults.oracle import Finding


def leaks(folder: Path, account: Account) -> Iterator[Finding]:
    """The files under a folder that have a secret of the account in them. The exchange that made it still runs."""
    secrets = [line for line in _secrets(account) if line]
    for file in sorted(folder.rglob("*")):
        if file.is_file() and any(secret in file.read_bytes() for secret in secrets):
            yield Finding("I12", f"{file.relative_to(folder)} has a secret of {account.name} in it")


def _secrets(account: Account) -> Iterator[bytes]:
    """The secret of HMAC, and the body of the private key."""
    yield (account.secret or "").encode()
    if account.ed25519_private_key_file:
        yield from Path(account.ed25519_private_key_file).read_bytes().splitlines()[1:-1]
