"""The write-ahead log as a file: what of it SQLite passes over in silence.

SQLite reads a log up to the first frame that is not as it was written, and takes that for its end. Behind a frame that
was damaged there may be whole transactions: https://www.sqlite.org/fileformat.html#the_write_ahead_log
"""

import struct
from collections.abc import Callable
from pathlib import Path

HEADER_BYTES = 32
FRAME = struct.Struct(">4I")
FRAME_BYTES = 24
LITTLE_ENDIAN = 0x377F0682
MASK = 0xFFFFFFFF


def unread_commits(path: Path, frames: Callable[[], int], *, page_bytes: int) -> int:
    """How many transactions are in the log of a journal's file behind what SQLite reads.

    ``frames`` tells how many frames it reads. A log that is begun anew meanwhile is looked at again.
    """
    log = Path(f"{path}-wal")
    while True:
        content = log.read_bytes() if log.exists() else b""
        read = frames()
        if not log.exists() or log.read_bytes()[:HEADER_BYTES] == content[:HEADER_BYTES]:
            return _count(content, read, page_bytes=page_bytes)


def _count(content: bytes, read: int, *, page_bytes: int) -> int:
    if len(content) < HEADER_BYTES + FRAME_BYTES + page_bytes:
        return 0
    size = FRAME_BYTES + page_bytes
    starts = range(HEADER_BYTES + read * size, len(content) - size + 1, size)
    heads = [FRAME.unpack_from(content, start) for start in starts]
    salts = content[16:24] if _is_sound(content) else content[HEADER_BYTES + 8 : HEADER_BYTES + 16]
    return sum(1 for _page, pages, *salt in heads if pages and struct.pack(">2I", *salt) == salts)


def _is_sound(content: bytes) -> bool:
    """Whether the log's header has the checksum that it was written with."""
    order = "<" if int.from_bytes(content[:4]) == LITTLE_ENDIAN else ">"
    first = second = 0
    words = struct.unpack(f"{order}6I", content[:24])
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & MASK
        second = (second + other + first) & MASK
    return struct.unpack(">2I", content[24:32]) == (first, second)
