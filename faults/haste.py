"""Less patience: short pauses before a connection is made again, and where a row is run in short, with answers too."""

from bowstring.core import supervision
from bowstring.trading import desk
from faults.bot import Stage

HASTE = {"haste": "yes"}
"""The words of a script with which a bot is in haste."""
GREAT_HASTE = {**HASTE, "answers": "soon"}
ANSWER_S = 1.5


def hurry(stage: Stage) -> None:
    """Where its script says so, keep all pauses of this bot as short as the first, and answers waited for."""
    words = stage.script.words.items()
    if words >= HASTE.items():
        supervision.LONGEST_PAUSE_S = supervision.FIRST_PAUSE_S
    if words >= GREAT_HASTE.items():
        desk.ANSWER_S = ANSWER_S
