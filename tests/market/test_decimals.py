from decimal import Decimal

import pytest

from bowstring.core.errors import ConfigError
from bowstring.market.decimals import checked_decimal, checked_limit


@pytest.mark.parametrize("text", ["-0.5", "0", "500"])
def test_a_decimal_is_itself(text: str) -> None:
    assert checked_decimal(Decimal(text), "limit") == Decimal(text)


@pytest.mark.parametrize(
    ("value", "shown", "example"),
    [("500", "'500'", "500"), (0.001, "0.001", "0.001"), (2, "2", "2"), (None, "None", "0.5"), ([1], r"\[1\]", "0.5")],
)
def test_anything_else_is_told_with_what_to_write(value: object, shown: str, example: str) -> None:
    expected = rf'^limit is {shown}: give a Decimal made from a string, Decimal\("{example}"\)$'
    with pytest.raises(ConfigError, match=expected):
        checked_decimal(value, "limit")
    with pytest.raises(ConfigError, match=expected):
        checked_limit(value, "limit")


@pytest.mark.parametrize("text", ["-1", "NaN", "sNaN", "Infinity"])
def test_a_limit_is_a_number_that_is_not_negative(text: str) -> None:
    with pytest.raises(ConfigError, match=f"^limit is {text}: give a number that is 0 or more$"):
        checked_limit(Decimal(text), "limit")


def test_a_limit_may_be_zero() -> None:
    assert checked_limit(Decimal(0), "limit") == 0
