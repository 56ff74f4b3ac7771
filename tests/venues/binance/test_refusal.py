import pytest

from bowstring.net.http import Refusal
from bowstring.venues.binance.refusal import read_refusal


def test_a_refusal_has_binances_code_and_text() -> None:
    assert read_refusal(b'{"code":-2010,"msg":"Duplicate order sent."}') == Refusal("-2010", "Duplicate order sent.")


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
def test_that_the_status_is_unknown_is_no_refusal(code: int) -> None:
    assert read_refusal(b'{"code":%d,"msg":"Timeout waiting for response from backend server."}' % code) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"msg":"no"}', b'{"code":0,"msg":""}', b"\xff"])
def test_what_binance_did_not_write_is_no_refusal(body: bytes) -> None:
    assert read_refusal(body) is None
