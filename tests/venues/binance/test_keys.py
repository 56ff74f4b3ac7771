import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from bowstring.core.errors import ConfigError
from bowstring.venues.binance.keys import keys_from_environment, read_secret
from bowstring.venues.binance.signing import Ed25519Signer, HmacSigner

SECRET = "do-not-show-this"
SIGNATURE = HmacSigner(SECRET).sign(b"x")


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    return private(tmp_path / "secret", f"{SECRET}\n".encode())


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("venue", "prefix"), [("binance", "BOWSTRING_BINANCE"), ("binance:hedge-2", "BOWSTRING_BINANCE_HEDGE_2")]
)
def test_keys_come_from_the_environment_by_account(venue: str, prefix: str) -> None:
    keys = keys_from_environment(venue, environment={f"{prefix}_KEY": " a-key\n", f"{prefix}_SECRET": SECRET})

    assert (keys.key, keys.signer.sign(b"x")) == ("a-key", SIGNATURE)


def test_a_secret_may_be_in_a_file(secret_file: Path) -> None:
    environment = {"BOWSTRING_BINANCE_KEY": "a-key", "BOWSTRING_BINANCE_SECRET_FILE": str(secret_file)}

    assert keys_from_environment("binance", environment=environment).signer.sign(b"x") == SIGNATURE


@pytest.mark.parametrize("password", [None, "open sesame"])
def test_a_private_key_is_in_a_file(tmp_path: Path, password: str | None) -> None:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    environment = {
        "BOWSTRING_BINANCE_KEY": "a-key",
        "BOWSTRING_BINANCE_PRIVATE_KEY_FILE": str(private(tmp_path / "key.pem", pem)),
        "BOWSTRING_BINANCE_PRIVATE_KEY_PASSWORD": password or "",
    }

    assert isinstance(keys_from_environment("binance", environment=environment).signer, Ed25519Signer)


@pytest.mark.parametrize(
    ("environment", "set_now"),
    [
        ({}, "none"),
        ({"KEY": "a"}, "BOWSTRING_BINANCE_KEY"),
        ({"SECRET": SECRET}, "BOWSTRING_BINANCE_SECRET"),
        (
            {"KEY": "a", "SECRET": SECRET, "SECRET_FILE": "f"},
            "BOWSTRING_BINANCE_KEY, BOWSTRING_BINANCE_SECRET, BOWSTRING_BINANCE_SECRET_FILE",
        ),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], set_now: str) -> None:
    given = {f"BOWSTRING_BINANCE_{name}": value for name, value in environment.items()}

    with pytest.raises(ConfigError) as refused:
        keys_from_environment("binance", environment=given)

    assert str(refused.value) == (
        "no keys to trade at binance: set BOWSTRING_BINANCE_KEY to an API key, and one of BOWSTRING_BINANCE_SECRET, "
        f"BOWSTRING_BINANCE_SECRET_FILE, BOWSTRING_BINANCE_PRIVATE_KEY_FILE; set now: {set_now}"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o602])
def test_a_file_that_others_can_read_or_write_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)

    with pytest.raises(ConfigError, match=rf"others may read or write .* \(mode 0{mode:o}\): chmod 600 ") as refused:
        read_secret(secret_file)
    assert SECRET not in str(refused.value)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing cannot be read: No such file or directory"):
        read_secret(tmp_path / "missing")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        read_secret(tmp_path)
    with pytest.raises(ConfigError, match=r"/dev/null is no plain file"):
        read_secret(Path("/dev/null"))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"two words", b"two\nlines\n"])
def test_a_file_has_one_secret(tmp_path: Path, content: bytes) -> None:
    path = private(tmp_path / "secret", content)
    environment = {"BOWSTRING_BINANCE_KEY": "a-key", "BOWSTRING_BINANCE_SECRET_FILE": str(path)}

    with pytest.raises(ConfigError, match=f"{re.escape(str(path))} has no secret in it, or more than one line"):
        keys_from_environment("binance", environment=environment)


def test_what_cannot_be_a_key_is_told_with_its_variables() -> None:
    environment = {"BOWSTRING_BINANCE_KEY": "a b", "BOWSTRING_BINANCE_SECRET": SECRET}

    with pytest.raises(ConfigError, match="BOWSTRING_BINANCE_SECRET, BOWSTRING_BINANCE_KEY: the API key is") as refused:
        keys_from_environment("binance", environment=environment)
    assert SECRET not in str(refused.value)
