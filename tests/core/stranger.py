"""An event that the strategies' module knows nothing of."""

from bowstring.core.messages import Event


class Stranger(Event, frozen=True):
    """Imported by the test alone."""
