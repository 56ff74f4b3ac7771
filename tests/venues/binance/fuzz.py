"""Valid JSON, made invalid: other bytes, and other values at any place."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from hypothesis import strategies as st

Place = tuple[str | int, ...]

CANNOT_BE = ("NaN", "sNaN", "Infinity", "-Infinity", "-1E-400", "1E+400", "1E-400", f"1.{'0' * 40}", "one", "1e99999")
"""What no price and no quantity is."""

WORDS = st.sampled_from(
    [b'"', b"{}", b"[", b"[]", b"null", b"-", b"1e9", b"NaN", b"\\u0000", b'"b":', b"\xf0\x9f", b"9" * 30, b"9" * 5000]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals().map(str)
    | st.text(max_size=10)
    | st.sampled_from(CANNOT_BE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def other_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """With some bytes replaced."""
    start = draw(st.integers(0, len(valid)), label="start")
    end = draw(st.integers(start, min(len(valid), start + 20)), label="end")
    return valid[:start] + draw(st.binary(max_size=8) | WORDS, label="new") + valid[end:]


@st.composite
def other_values(draw: st.DrawFn, valid: bytes) -> bytes:
    """With one value replaced."""
    fields = json.loads(valid)
    *way, last = draw(st.sampled_from(sorted(_places(fields), key=str)), label="place")
    inner = fields
    for step in way:
        inner = inner[step]
    inner[last] = draw(VALUES, label="new")
    return json.dumps(fields).encode()


def _places(value: object, way: Place = ()) -> Iterator[Place]:
    """The ways to everything inside of it."""
    if way:
        yield way
    if isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            yield from _places(inner, (*way, name))
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[object]", value)):
            yield from _places(inner, (*way, number))


def can_be(value: Decimal) -> bool:
    """Whether it may be a price or a quantity, or 0."""
    return value.is_finite() and value >= 0 and (not value or -20 <= value.adjusted() <= 20)
