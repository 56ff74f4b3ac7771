"""A secret in a file is seen, of either kind."""

from pathlib import Path

from faults.exchange import Account
from faults.leaks import leaks


def test_a_secret_in_any_file_is_found(tmp_path: Path) -> None:
    folder, key_file = tmp_path / "life", tmp_path / "alice.pem"
    key_file.write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n")
    account = Account(name="alice", key="public", secret="s3cret", ed25519_private_key_file=str(key_file))
    (folder / "deep").mkdir(parents=True)
    (folder / "bot.err").write_text("the key is public, -----BEGIN PRIVATE KEY-----")
    before = [*leaks(folder, account)]
    (folder / "deep" / "journal").write_bytes(b"\0s3cret\0")
    (folder / "log").write_text("MC4CAQ")

    found = [finding.text for finding in leaks(folder, account)]

    assert before == []
    assert found == [f"{name} has a secret of alice in it" for name in ("deep/journal", "log")]
