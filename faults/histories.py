"""What a journal says was reported of each order, read from its file with plain SQL."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

REPORTS = """
SELECT i.client_order_id, r.status FROM intents i LEFT JOIN reports r ON r.intent = i.entry ORDER BY i.entry, r.entry
"""

REJECTED = "SELECT count(*) FROM states WHERE status = 'rejected' AND instr(reason, ?)"


def histories(path: Path) -> Mapping[str, Sequence[str]]:
    """The statuses of every order, one after the other, by client order id; reports of the same one are one."""
    found: dict[str, list[str]] = {}
    with _opened(path) as connection:
        for name, status in connection.execute(REPORTS):
            statuses = found.setdefault(str(name), [])
            if status is not None and statuses[-1:] != [status]:
                statuses.append(str(status))
    return found


def rejected(path: Path, code: str) -> int:
    """How many orders the exchange has refused with a code."""
    with _opened(path) as connection:
        ((count,),) = connection.execute(REJECTED, (code,))
    return int(str(count))


@contextmanager
def _opened(path: Path) -> Generator[apsw.Connection]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5000)
    try:
        yield connection
    finally:
        connection.close()
