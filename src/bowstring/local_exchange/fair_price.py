"""What an asset is worth: a random walk that is calm and wild by turns, and in the long run comes home."""

import math
from random import Random

_VOLATILITY = 1e-4  # a second, of the price: 55 % a year
_HOME_S = 86_400.0  # how long it takes to come home: a week stays within a few percent
_HEAT_S = 600.0  # how long a calm or a wild time lasts
_HEAT = 0.6  # how much wilder or calmer it gets, as a standard deviation of the logarithm


class FairPrice:
    """``value`` is in units of 1e-8. The same steps with the same random numbers give the same prices."""

    def __init__(self, home: float, *, random: Random) -> None:
        self.value = self._home = home
        self._random = random
        self._heat = self._distance = 0.0

    def advance(self, seconds: float) -> float:
        """Let time pass; steps should be seconds, not hours."""
        if seconds > 0:
            gauss = self._random.gauss
            cooling = min(1.0, seconds / _HEAT_S)
            self._heat += gauss(0, _HEAT * math.sqrt(2 * cooling)) - self._heat * cooling
            step = _VOLATILITY * math.exp(self._heat) * math.sqrt(seconds)
            self._distance += gauss(0, step) - self._distance * min(1.0, seconds / _HOME_S)
            self.value = self._home * math.exp(self._distance)
        return self.value
