"""Frames are those of RFC 6455."""

import pytest

from bowstring.local_exchange.frames import combined, text_frame


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_length_is_told_in_as_few_bytes_as_it_needs(length: int, head: bytes) -> None:
    assert text_frame(b"x" * length) == head + b"x" * length


def test_a_combined_payload_has_the_name_of_its_stream() -> None:
    assert combined("btcusdt@trade", b'{"p":"1"}') == b'{"stream":"btcusdt@trade","data":{"p":"1"}}'
