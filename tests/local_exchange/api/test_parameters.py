"""Parameters are read as Binance reads them, or refused in its words."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.local_exchange.api.parameters import Parameters, check_names
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.matching.rules import UNIT, number

AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
READERS = ("optional", "text", "symbol", "client_order_id", "amount", "integer", "time_us", "boolean")


def refusal(reader: str, text: str | None) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        getattr(Parameters({} if text is None else {"x": text}), reader)("x")
    return refused.value.code, refused.value.text


@pytest.mark.parametrize(
    ("text", "units"),
    [("1", UNIT), ("0.1", UNIT // 10), ("44999.45000000", 4499945000000), ("007", 7 * UNIT), ("1.0000000000", UNIT)],
)
def test_an_amount_is_exact(text: str, units: int) -> None:
    assert Parameters({"x": text}).amount("x") == units


@given(st.integers(0, 10**20))
def test_an_amount_that_the_exchange_writes_is_read_as_the_same(units: int) -> None:
    assert Parameters({"x": number(units)}).amount("x") == units


@given(st.decimals(0, 10**6, places=8))
def test_any_amount_of_eight_decimals_is_read(amount: Decimal) -> None:
    assert Parameters({"x": f"{amount:f}"}).amount("x") == int(amount * UNIT)


@pytest.mark.parametrize("text", ["1e5", "1E-8", "-1", "+1", ".5", "1.", "1,5", " 1", "1\n", "NaN", "\u0661", "1" * 21])
def test_what_is_no_plain_number_has_illegal_characters(text: str) -> None:
    assert refusal("amount", text) == (
        -1100,
        f"Illegal characters found in parameter 'x'; legal range is '{AMOUNT}'.",
    )


def test_more_than_eight_decimals_are_too_much() -> None:
    assert refusal("amount", "0.123456789") == (-1111, "Parameter 'x' has too much precision.")


@pytest.mark.parametrize("text", ["-1", "1.5", "abc", "1" * 21])
def test_what_is_no_whole_number_has_illegal_characters(text: str) -> None:
    expected = "Illegal characters found in parameter 'x'; legal range is '^[0-9]{1,20}$'."
    assert refusal("integer", text) == (-1100, expected)


def test_what_is_mandatory_must_be_sent_and_not_empty() -> None:
    expected = (-1102, "Mandatory parameter 'x' was not sent, was empty/null, or malformed.")

    assert refusal("text", None) == refusal("text", "") == refusal("symbol", None) == expected


def test_what_is_optional_must_not_be_empty() -> None:
    assert refusal("amount", "") == refusal("optional", "") == (-1105, "Parameter 'x' was empty.")


@pytest.mark.parametrize("text", ["btcusdt", "BTC USDT", "BTC/USDT", "B" * 21])
def test_a_symbol_has_capitals_and_digits(text: str) -> None:
    expected = "Illegal characters found in parameter 'x'; legal range is '^[A-Z0-9-_.]{1,20}$'."
    assert refusal("symbol", text) == (-1100, expected)


def test_a_symbol_may_have_letters_of_any_script() -> None:
    assert Parameters({"symbol": "Ω\uff11"}).symbol() == "Ω\uff11"


@pytest.mark.parametrize("text", ["a" * 37, "a b", "a.b", "ä"])
def test_a_client_order_id_is_short_and_plain(text: str) -> None:
    expected = "Illegal characters found in parameter 'x'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."
    assert refusal("client_order_id", text) == (-1100, expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [("BTCUSDT", -1100), ("[]", -1100), ("[1]", -1100), ('["btcusdt"]', -1100), ('["A","B","A"]', -1151), ("", -1105)],
)
def test_symbols_are_a_json_array_without_repetition(text: str, code: int) -> None:
    with pytest.raises(Refused) as refused:
        Parameters({"symbols": text}).symbols()
    assert refused.value.code == code


def test_times_come_in_ms_or_us() -> None:
    times = Parameters({"ms": "1700000000123", "us": "1700000000123456"})

    assert times.time_us("ms") == 1700000000123000
    assert times.time_us("ms", is_end=True) == 1700000000123999
    assert times.time_us("us") == times.time_us("us", is_end=True) == 1700000000123456


@pytest.mark.parametrize(("text", "limit"), [(None, 500), ("1", 1), ("1000", 1000), ("99999", 1000)])
def test_a_limit_is_clamped(text: str | None, limit: int) -> None:
    assert Parameters({} if text is None else {"limit": text}).limit() == limit


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match=r"Data sent for parameter 'limit' is not valid\."):
        Parameters({"limit": "0"}).limit()


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False)])
def test_booleans_come_in_any_case(text: str, value: bool) -> None:
    assert Parameters({"x": text}).boolean("x") is value


def test_another_boolean_is_refused() -> None:
    assert refusal("boolean", "1") == (-1130, "Data sent for parameter 'x' is not valid.")


def test_parameters_that_nobody_reads_are_refused() -> None:
    sent = {"symbol": "A", "foo": "1", "timestamp": "1", "signature": "x"}

    with pytest.raises(Refused) as refused:
        check_names(sent, known=frozenset({"symbol", "timestamp"}))
    expected = "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."
    assert (refused.value.code, refused.value.text) == (-1104, expected)


def test_an_endpoint_without_parameters_takes_none() -> None:
    with pytest.raises(Refused) as refused:
        check_names({"foo": "1"}, known=frozenset())
    assert (refused.value.code, refused.value.text) == (-1101, "Too many parameters; expected '0' and received '1'.")


@given(reader=st.sampled_from(READERS), text=st.text())
def test_any_text_is_read_or_refused(reader: str, text: str) -> None:
    refusals: list[int] = []
    try:
        getattr(Parameters({"x": text}), reader)("x")
    except Refused as refused:
        refusals.append(refused.code)
    assert {*refusals} <= {-1100, -1102, -1105, -1111, -1130}
