"""HMAC against the examples of Binance's documents "Request security" (REST and WebSocket API); of the other kinds
these show signatures without the private keys, so what is signed is verified with the public one."""

import base64
import hmac
import pickle
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from bowstring.core.errors import ConfigError
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.order_requests import placing
from bowstring.venues.binance.signing import (
    Ed25519Signer,
    HmacSigner,
    Keys,
    Params,
    RsaSigner,
    Stamp,
    frame,
    private_key_signer,
)

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
HMAC = Keys(KEY, signer=HmacSigner(SECRET))
ORDER: Params = {
    "symbol": "LTCBTC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "0.1",
}
WIDE = "".join(chr(ord("\N{FULLWIDTH DIGIT ZERO}") + digit) for digit in range(1, 7))

ED25519 = Ed25519PrivateKey.generate()
RSA = new_rsa_key(65537, 2048)
PAYLOAD = b"symbol=BTCUSDT&timestamp=1"


def pem(key: Any, encryption: KeySerializationEncryption | None = None) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return encoded


@pytest.mark.parametrize(
    ("symbol", "sent", "signature"),
    [
        ("LTCBTC", "LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            WIDE,
            "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
def test_a_query_is_signed_as_it_is_sent(symbol: str, sent: str, signature: str) -> None:
    query = Stamp(HMAC, window_ms=5000).query({**ORDER, "symbol": symbol}, now_ms=1499827319559)

    assert query == (
        f"symbol={sent}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        f"&timestamp=1499827319559&signature={signature}"
    )


@pytest.mark.parametrize(
    ("changes", "window_ms", "signature"),
    [
        (
            {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01000000", "price": "52000.00"},
            100,
            "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
        ),
        (
            {"symbol": WIDE, "quantity": "1.00000000", "price": "0.10000000"},
            5000,
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ],
)
def test_parameters_are_signed_sorted_by_name_and_not_encoded(changes: Params, window_ms: int, signature: str) -> None:
    signed = Stamp(HMAC, window_ms=window_ms).signed({**ORDER, **changes}, now_ms=1645423376532)

    assert signed == {
        **ORDER,
        **changes,
        "apiKey": KEY,
        "recvWindow": window_ms,
        "timestamp": 1645423376532,
        "signature": signature,
    }


@given(
    st.builds(
        PlaceOrder,
        symbol=st.just("BTC/USDT"),
        client_order_id=st.from_regex(r"[a-zA-Z0-9_-]{1,36}", fullmatch=True),
        side=st.sampled_from(["buy", "sell"]),
        quantity=st.decimals("1e-20", "1e20", allow_nan=False),
        price=st.decimals("1e-20", "1e20", allow_nan=False),
        time_in_force=st.sampled_from(["gtc", "ioc", "fok"]),
        post_only=st.booleans(),
    ),
    st.text(min_size=1, max_size=20),
)
def test_what_arrives_is_what_was_meant_and_signed(order: PlaceOrder, venue_symbol: str) -> None:
    stamp = Stamp(HMAC, window_ms=5000)
    params = placing(order, venue_symbol)
    arrived = json.decode(frame(1, "order.place", stamp.signed(params, now_ms=7)))["params"]
    signature = arrived.pop("signature")
    query = stamp.query(params, now_ms=7)
    asked = dict(parse_qsl(query, strict_parsing=True, keep_blank_values=True))

    payload = "&".join(f"{name}={arrived[name]}" for name in sorted(arrived))
    assert hmac.new(SECRET.encode(), payload.encode(), "sha256").hexdigest() == signature
    assert hmac.new(SECRET.encode(), query.partition("&signature=")[0].encode(), "sha256").hexdigest() == asked.pop(
        "signature"
    )
    assert (Decimal(arrived["quantity"]), Decimal(arrived["price"])) == (order.quantity, order.price)
    assert {**asked, "apiKey": KEY} == {name: str(value) for name, value in arrived.items()}


def test_a_request_is_valid_for_no_longer_than_its_own_window() -> None:
    stamp = Stamp(HMAC, window_ms=100)

    assert stamp.timed(ORDER, now_ms=7, window=lambda: 40)["recvWindow"] == 40
    assert stamp.signed(ORDER, now_ms=7, window=lambda: 200)["recvWindow"] == 100
    assert "&recvWindow=40&timestamp=7&signature=" in stamp.query(ORDER, now_ms=7, window=lambda: 40)


def test_a_session_that_is_logged_on_needs_no_signature() -> None:
    timed = Stamp(HMAC, window_ms=100).timed(ORDER, now_ms=7)

    assert timed == {**ORDER, "recvWindow": 100, "timestamp": 7}
    assert json.decode(frame(3, "order.place", timed)) == {"id": 3, "method": "order.place", "params": timed}


def test_ed25519_and_rsa_signatures_are_base64_and_percent_encoded_in_a_query() -> None:
    for signer in (private_key_signer(pem(ED25519)), private_key_signer(pem(RSA))):
        query = Stamp(Keys("k", signer=signer), window_ms=5000).query(ORDER, now_ms=1)
        signed, _, encoded = query.partition("&signature=")
        signature = base64.b64decode(unquote(encoded), validate=True)

        assert not {"+", "/", "="} & set(encoded)
        if signer.logs_on:
            ED25519.public_key().verify(signature, signed.encode())
        else:
            RSA.public_key().verify(signature, signed.encode(), PKCS1v15(), SHA256())


def test_the_kind_of_key_is_told_by_its_file() -> None:
    locked = pem(ED25519, BestAvailableEncryption(b"open sesame"))

    assert isinstance(private_key_signer(pem(ED25519)), Ed25519Signer)
    assert isinstance(private_key_signer(locked, password="open sesame"), Ed25519Signer)
    assert isinstance(private_key_signer(pem(RSA)), RsaSigner)
    assert [signer.logs_on for signer in (HmacSigner("s"), Ed25519Signer(ED25519), RsaSigner(RSA))] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("content", "password", "reason"),
    [
        (b"", None, r"no private key in PKCS #8 PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", None, "no private key in PKCS #8 PEM"),
        (pem(ED25519), "password", "or it needs another password"),
        (pem(ED25519, BestAvailableEncryption(b"right")), "wrong", "or it needs another password"),
        (pem(ED25519, BestAvailableEncryption(b"right")), None, "or it needs another password"),
        (pem(new_ec_key(SECP256R1())), None, r"a EC\w+ is no key for Binance: make an Ed25519 one"),
    ],
)
def test_a_file_without_a_key_for_binance_is_refused(content: bytes, password: str | None, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        private_key_signer(content, password=password)

    assert "c2VjcmV0" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_an_api_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=r"^the API key is empty, or has characters that no key has$"):
        Keys(key, signer=HmacSigner(SECRET))


def test_no_secret_shows() -> None:
    stamp = Stamp(HMAC, window_ms=5000)
    shown = "".join(map(repr, (HMAC, stamp, HMAC.signer, Ed25519Signer(ED25519), RsaSigner(RSA))))

    assert repr(HMAC) == "Keys(HmacSigner)"
    assert KEY not in shown
    assert SECRET not in shown
    assert SECRET not in str(vars(HMAC.signer))
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(HMAC.signer)
