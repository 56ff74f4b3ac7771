"""What a journal says was reported of each order, read from its file with plain SQL."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import apsw

REPORTS = """
SELECT i.client_order_id, r.status FROM intents i LEFT JOIN reports r ON r.intent = i.entry ORDER BY i.entry, r.entry
"""


def histories(path: Path) -> Mapping[str, Sequence[str]]:
    """The statuses of every order, one after the other, by client order id; reports of the same one are one."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5000)
    found: dict[str, list[str]] = {}
    try:
        for name, status in connection.execute(REPORTS):
            statuses = found.setdefault(str(name), [])
            if status is not None and statuses[-1:] != [status]:
                statuses.append(str(status))
    finally:
        connection.close()
    return found
