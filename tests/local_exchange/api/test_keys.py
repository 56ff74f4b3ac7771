"""Signatures: Binance's own examples, and the three kinds of keys there and back."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.api.keys import (
    HmacLock,
    Key,
    Keyring,
    Permission,
    public_key_lock,
    rest_payload,
    ws_payload,
)
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.orders import Refused

# The examples of rest-api.md and web-socket-api.md.
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
_TAIL = b"&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
ASCII = b"symbol=LTCBTC" + _TAIL
UNICODE = b"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96" + _TAIL
ASCII_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
UNICODE_SIGNATURE = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"
WS_ASCII = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "recvWindow": "100",
    "timestamp": "1645423376532",
    "apiKey": API_KEY,
    "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
}
WS_UNICODE = WS_ASCII | {
    "symbol": "\uff11\uff12\uff13\uff14\uff15\uff16",
    "side": "BUY",
    "quantity": "1.00000000",
    "price": "0.10000000",
    "recvWindow": "5000",
    "signature": "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
}
RSA = generate_rsa(65537, 2048)


def pem(key: Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def account() -> Account:
    return Account("alice", uid=1, balances={})


@pytest.mark.parametrize(("payload", "signature"), [(ASCII, ASCII_SIGNATURE), (UNICODE, UNICODE_SIGNATURE)])
def test_binances_rest_examples_are_signed_as_it_says(payload: bytes, signature: str) -> None:
    lock = HmacLock(SECRET)

    assert lock.fits(rest_payload(payload + b"&signature=" + signature.encode(), b""), signature)
    assert lock.fits(rest_payload(b"", payload + b"&signature=" + signature.encode()), signature.upper())
    assert lock.fits(rest_payload(payload[:40], payload[40:]), signature)
    assert not lock.fits(payload + b"0", signature)


@pytest.mark.parametrize("params", [WS_ASCII, WS_UNICODE])
def test_binances_websocket_examples_are_signed_as_it_says(params: dict[str, str]) -> None:
    assert HmacLock(SECRET).fits(ws_payload(params), params["signature"])


@given(payload=st.binary(), other=st.binary())
def test_ed25519_and_rsa_fit_what_they_signed_and_nothing_else(payload: bytes, other: bytes) -> None:
    ed25519 = Ed25519PrivateKey.generate()
    signed = [
        (public_key_lock(pem(ed25519)), ed25519.sign(payload)),
        (public_key_lock(pem(RSA)), RSA.sign(payload, PKCS1v15(), SHA256())),
    ]

    for lock, signature in signed:
        text = base64.b64encode(signature).decode()
        assert lock.fits(payload, text)
        assert lock.fits(other, text) == (other == payload)


@given(payload=st.binary(), text=st.text())
def test_no_text_makes_a_lock_raise(payload: bytes, text: str) -> None:
    for lock in (HmacLock(SECRET), public_key_lock(pem(RSA)), public_key_lock(pem(Ed25519PrivateKey.generate()))):
        assert not lock.fits(payload, text)


@given(st.dictionaries(st.text("abcXYZ", min_size=1), st.text()), st.text("01"))
def test_the_order_of_parameters_and_the_signature_do_not_matter_for_a_websocket_payload(
    params: dict[str, str], signature: str
) -> None:
    backwards = {name: params[name] for name in reversed(list(params))} | {"signature": signature}

    assert ws_payload(params) == ws_payload(backwards)


@given(st.lists(st.text("ab=%+", min_size=1)), st.lists(st.text("ab=%+", min_size=1)), st.integers(0, 10))
def test_the_signature_may_stand_anywhere_in_a_rest_request(query: list[str], body: list[str], place: int) -> None:
    signed = [pair.encode() for pair in query]
    with_signature = [*signed[:place], b"signature=f00", *signed[place:]]

    whole = b"&".join(signed) + "&".join(body).encode()
    assert rest_payload(b"&".join(with_signature), "&".join(body).encode()) == whole


def test_only_ed25519_and_rsa_are_public_keys() -> None:
    with pytest.raises(ConfigError, match="give an Ed25519 or an RSA one"):
        public_key_lock(pem(generate_private_key(SECP256R1())))
    with pytest.raises(ConfigError, match="give it in PEM"):
        public_key_lock("secret")


def refusal(keyring: Keyring, key_id: str | None, permission: Permission | None = None) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        keyring.key(key_id, permission=permission)
    return refused.value.code, refused.value.text


@pytest.mark.parametrize("key_id", [None, "", "abc", "ä" * 64, API_KEY + "x"])
def test_what_is_no_key_has_an_invalid_format(key_id: str | None) -> None:
    assert refusal(Keyring(), key_id) == (-2014, "API-key format invalid.")


def test_an_unknown_an_expired_and_a_weak_key_are_refused_alike() -> None:
    rejected = (-2015, "Invalid API-key, IP, or permissions for action.")
    weak = Key(id=API_KEY, account=account(), lock=HmacLock(SECRET), permissions=frozenset({Permission.USER_DATA}))
    keyring = Keyring([weak])

    assert refusal(keyring, "x" * 64) == rejected
    assert refusal(keyring, API_KEY, Permission.TRADE) == rejected
    assert keyring.key(API_KEY, permission=Permission.USER_DATA) is weak
    keyring.expire(API_KEY)
    assert refusal(keyring, API_KEY, Permission.USER_DATA) == rejected
    keyring.restore(API_KEY)
    assert keyring.key(API_KEY, permission=None) is weak


def test_a_key_belongs_to_one_account() -> None:
    key = Key(id="one", account=account(), lock=HmacLock(SECRET))

    with pytest.raises(ConfigError, match="API key one is there twice"):
        Keyring([key, key])


def test_the_lock_of_hmac_is_hmac() -> None:
    assert HmacLock("s").fits(b"p", hmac.new(b"s", b"p", hashlib.sha256).hexdigest())
