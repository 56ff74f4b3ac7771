"""What Binance's error bodies say: no, or that it does not know itself. Pure: no I/O."""

from bowstring.net.http import Refusal
from bowstring.venues.binance.wire import parse_error

UNKNOWN = {-1000, -1001, -1006, -1007}
"""To -1006 and -1007 Binance's list adds "execution status unknown"; -1000 and -1001 are errors that it cannot name."""


def read_refusal(body: bytes) -> Refusal | None:
    """Binance's own "no"; None if this is none, such as the page of a firewall, or a code of `UNKNOWN`."""
    code, text = parse_error(body)
    return Refusal(str(code), text) if code and code not in UNKNOWN else None
