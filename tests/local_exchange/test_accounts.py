"""The accounts that an exchange starts with."""

import stat
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec.json import encode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.accounts import (
    AccountDefinition,
    KeyDefinition,
    funded_accounts,
    open_accounts,
    read_accounts,
)
from bowstring.local_exchange.api.keys import Permission
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.api.floor import PUBLIC_PEM

BALANCES = {"BTC": Decimal("1.5")}


def exchange() -> Exchange:
    return Exchange([], now_us=lambda: 0)


def test_funded_accounts_have_two_keys_each(tmp_path: Path) -> None:
    definitions = funded_accounts(["alice", "bob"], balances=BALANCES, folder=tmp_path)

    keys = [key.key for one in definitions for key in one.keys]
    assert ([one.name for one in definitions], len({*keys})) == (["alice", "bob"], 4)
    assert {len(key) for key in keys} == {64}


def test_the_private_key_is_for_the_user_alone_and_fits(tmp_path: Path) -> None:
    (definition,) = funded_accounts(["alice"], balances=BALANCES, folder=tmp_path)
    file = Path(definition.keys[1].private_key_file or "")
    keyring = open_accounts(exchange(), [definition])

    private = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keyring.key(definition.keys[1].key, permission=Permission.TRADE).lock.name == "ED25519"
    assert keyring.key(definition.keys[0].key, permission=Permission.TRADE).lock.name == "HMAC_SHA256"


def test_accounts_are_read_from_a_file_and_opened(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    keys = [{"key": "hmac", "secret": "s"}, {"key": "ed", "public_key": PUBLIC_PEM, "permissions": ["USER_DATA"]}]
    one = {"name": "alice", "balances": {"BTC": "1.5"}, "maker_fee": "0", "taker_fee": "0.0005", "keys": keys}
    file.write_bytes(encode([one]))
    opened = exchange()
    keyring = open_accounts(opened, read_accounts(file))

    account = opened.accounts["alice"]
    assert (account.balances["BTC"].free, account.maker_fee, account.taker_fee) == (3 * UNIT // 2, 0, 50_000)
    assert keyring.key("hmac", permission=Permission.TRADE).account is account
    assert keyring.key("ed", permission=None).permissions == {Permission.USER_DATA}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        '[{"name":"a"}]',
        '[{"name":"a","balances":{"USDT":"-5"}}]',
        '[{"name":"a","balances":{"USDT":"NaN"}}]',
        '[{"name":"a","balances":{},"kyes":[]}]',
        '[{"name":"a","balances":{},"keys":[{"key":"k"}]}]',
        '[{"name":"a","balances":{},"keys":[{"key":"k","secret":"s","public_key":"p"}]}]',
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(text)

    with pytest.raises(ConfigError, match="accounts cannot be read from"):
        read_accounts(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="accounts cannot be read from"):
        read_accounts(tmp_path / "none.json")


def test_a_name_is_there_once(tmp_path: Path) -> None:
    definitions = funded_accounts(["alice", "alice"], balances=BALANCES, folder=tmp_path)

    with pytest.raises(ConfigError, match="account alice is there twice"):
        open_accounts(exchange(), definitions)


def test_a_public_key_that_cannot_be_read_is_named() -> None:
    definition = AccountDefinition(name="carol", balances={}, keys=[KeyDefinition(key="k", public_key="nonsense")])

    with pytest.raises(ConfigError, match=r"^account carol, key k: its public key cannot be read; give it in PEM"):
        open_accounts(exchange(), [definition])
