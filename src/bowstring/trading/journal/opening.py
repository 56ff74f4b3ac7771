"""The journal that an executor is given: itself, its path, or none."""

from pathlib import Path
from weakref import WeakValueDictionary

from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Journal

_by_path: WeakValueDictionary[Path, Journal] = WeakValueDictionary()


def journal_of(given: Journal | str | Path | None) -> Journal:
    """The journal that is meant: of a path the one in that file, of None one in memory.

    Whoever gives the same path gets the same journal: a bot's executors share one. Raises `MissingExtra` where a file
    is meant and ``apsw`` is not installed.
    """
    if given is None:
        return MemoryJournal()
    if not isinstance(given, str | Path):
        return given
    from bowstring.trading.journal.file import JournalFile  # noqa: PLC0415  # only bots with a file need apsw

    path = Path(given).resolve()
    journal = _by_path.get(path) or JournalFile(given)
    _by_path[path] = journal
    return journal
