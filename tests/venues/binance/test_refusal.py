import pytest

from bowstring.net.http import Refusal
from bowstring.venues.binance.refusal import read_pause_s, read_refusal


def test_a_refusal_has_binances_code_and_text() -> None:
    assert read_refusal(b'{"code":-2010,"msg":"Duplicate order sent."}') == Refusal("-2010", "Duplicate order sent.")


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008])
def test_that_the_status_is_unknown_is_no_refusal(code: int) -> None:
    assert read_refusal(b'{"code":%d,"msg":"Timeout waiting for response from backend server."}' % code) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"msg":"no"}', b'{"code":0,"msg":""}', b"\xff"])
def test_what_binance_did_not_write_is_no_refusal(body: bytes) -> None:
    assert read_refusal(body) is None


def test_too_many_orders_limits_new_orders_only() -> None:
    assert read_refusal(b'{"code":-1015,"msg":"Too many new orders."}') == Refusal(
        "-1015", "Too many new orders.", orders_only=True
    )


MATCHES = b'{"code":-2010,"msg":"Order would immediately match and take."}'
REPLACE = "Order cancel-replace failed."


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (
            b'"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED","cancelResponse":{"code":-2011,"msg":"Unknown."}',
            Refusal("-2022", f"{REPLACE} Unknown. (-2011)"),
        ),
        (
            b'"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED","cancelResponse":{"code":-1007,"msg":"Timeout"}',
            Refusal("-2022", REPLACE),
        ),
        (
            b'"cancelResult":"SUCCESS","newOrderResult":"FAILURE","newOrderResponse":' + MATCHES,
            Refusal("-2021", f"{REPLACE} Order would immediately match and take. (-2010)"),
        ),
        (
            b'"cancelResult":"SUCCESS","newOrderResult":"FAILURE","newOrderResponse":{"code":-1015,"msg":"Too many."}',
            Refusal("-2021", f"{REPLACE} Too many. (-1015)", orders_only=True),
        ),
        (
            b'"cancelResult":"FAILURE","newOrderResult":"FAILURE","newOrderResponse":' + MATCHES,
            Refusal("-2022", f"{REPLACE} Order would immediately match and take. (-2010)"),
        ),
        (b'"newOrderResult":"FAILURE","newOrderResponse":{"code":-1007,"msg":"Timeout"}', None),
        (b'"newOrderResult":"FAILURE","newOrderResponse":null', None),
        (b'"newOrderResult":"SUCCESS","newOrderResponse":{"orderId":1}', None),
        (b'"newOrderResult":"SOMETHING","newOrderResponse":null', None),
    ],
)
def test_a_replace_is_refused_if_the_new_order_is(data: bytes, refusal: Refusal | None) -> None:
    assert read_refusal(b'{"code":-2022,"msg":"%s","data":{%s}}' % (REPLACE.encode(), data)) == refusal
    assert read_refusal(b'{"code":-2021,"msg":"%s","data":{%s}}' % (REPLACE.encode(), data)) == refusal
    assert read_refusal(b'{"code":-2022,"msg":"no","data":"?"}') is None


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (b'{"code":-1003,"msg":"","data":{"serverTime":1659142907531,"retryAfter":1659142909531}}', 2.0),
        (b'{"code":-1003,"msg":"","data":{"serverTime":1659142907531,"retryAfter":1659142900000}}', 0.0),
        (b'{"code":-1003,"msg":"","data":{"serverTime":1659142907531}}', None),
        (b'{"code":-1003,"msg":"","data":null}', None),
        (b'{"code":-1003,"msg":""}', None),
        (b"<html>", None),
    ],
)
def test_how_long_to_be_silent(error: bytes, pause_s: float | None) -> None:
    assert read_pause_s(error) == pause_s
