"""A pytest plugin that breaks a parser, for the row of hostile bytes: what is malformed is an error of another kind."""

from unittest.mock import patch

from bowstring.core.errors import BadMessage
from bowstring.venues.binance import wire
from bowstring.venues.binance.payloads import Frame
from bowstring.venues.binance.wire import Parsed


class LooseParser(wire.Parser):
    """Raises what it does not document."""

    def parse(self, frame: Frame) -> Parsed:
        try:
            return super().parse(frame)
        except BadMessage as error:
            raise ValueError(str(error)) from None


patch.object(wire, "Parser", LooseParser).start()
