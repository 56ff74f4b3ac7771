"""`react`: what a strategy does on some events, without a loop, a mock or an exchange."""

from collections.abc import Sequence

from bowstring.core.clock import Clock
from bowstring.core.components import Executor, Strategy, on
from bowstring.core.errors import BowstringError
from bowstring.core.messages import Action, ComponentFailed, Event
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.testing.simulation import SimulatedClock, simulate


class StrategyFailed(BowstringError, AssertionError):
    """The strategy under test raised, or returned what cannot be published."""


def react(strategy: Strategy, *events: Event) -> Sequence[Action]:
    """Give the events to the strategy, in order, and return all actions it publishes, stamped, in order.

    It uses the engine's own dispatch code under virtual time, so a strategy under test behaves as in the bot: filters,
    addressing, ``self.orders`` and all. Client order ids count from 1. No time passes between two calls but what async
    handlers wait for. Raises `StrategyFailed` when the strategy would be halted.
    """
