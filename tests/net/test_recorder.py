"""What is received is written as it came, in bounded files, without secrets, and can be played."""

import errno
import json
import threading
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.local_exchange.recording import open_recording
from bowstring.net import recorder as module
from bowstring.net.recorder import Recorder, public

FRAME = '{"stream":"btcusdt@trade","data":{"p":"1.10000000"}}'
URL = "wss://stream.binance.com:9443/stream?streams=btcusdt@trade"


class Standing(Clock):
    """Its time is 1 s after 1970."""

    def now_ns(self) -> int:
        return 1_000_000_000


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def announce_writes(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """An event that is set after each line."""
    is_written = threading.Event()
    write = module._Files.write  # pyright: ignore[reportPrivateUsage]  # the disk

    def announce(files: Any, line: Any) -> None:
        write(files, line)
        is_written.set()

    monkeypatch.setattr(module._Files, "write", announce)  # pyright: ignore[reportPrivateUsage]  # as above
    return is_written


def test_frames_and_replies_are_written_as_they_came_with_their_time(tmp_path: Path) -> None:
    with Recorder(tmp_path, clock=Standing()) as recorder:
        connection = recorder.opened(URL)
        recorder.received(connection, FRAME)
        recorder.received(connection, FRAME.encode())
        recorder.replied("https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5", b'{"bids":[]}')

    at = {"time_ns": 1_000_000_000}
    assert lines(tmp_path) == [
        at | {"connection": 1, "url": URL},
        at | {"connection": 1, "frame": FRAME},
        at | {"connection": 1, "frame": FRAME},
        at | {"get": "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5", "body": '{"bids":[]}'},
    ]


def test_a_full_file_is_followed_by_another_and_the_oldest_goes(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=1, max_files=2, clock=Standing()) as recorder:
        connection = recorder.opened(URL)
        for number in range(3):
            recorder.received(connection, str(number))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["recording-000003.jsonl", "recording-000004.jsonl"]
    assert [(line.get("url"), line.get("frame")) for line in lines(tmp_path)] == [
        (URL, None),
        (None, "1"),
        (URL, None),
        (None, "2"),
    ]


def test_a_connection_that_has_ended_is_not_repeated_in_further_files(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=1, max_files=1) as recorder:
        for _ in range(50):
            recorder.closed(recorder.opened(URL))
        recorder.received(recorder.opened(URL), FRAME)

    assert [(line["connection"], "url" in line) for line in lines(tmp_path)] == [(51, True), (51, False)]


def test_the_latest_of_each_lasting_reply_is_repeated_in_further_files(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=100, max_files=1, clock=Standing()) as recorder:
        recorder.replied("https://host/rules?symbol=A", b'"old"', lasting=True)
        recorder.replied("https://host/rules?symbol=A", b'"new"', lasting=True)
        recorder.replied("https://host/rules?symbol=B", b'"other"', lasting=True)
        recorder.replied("https://host/depth", b'"of a moment"')
        for _ in range(10):
            recorder.received(1, FRAME)

    assert [line["body"] for line in lines(tmp_path) if "get" in line] == ['"new"', '"other"']


def test_what_would_fill_half_of_each_file_is_not_repeated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Recorder(tmp_path, max_bytes=1000, max_files=3) as recorder:
        for path in ("one", "two"):
            recorder.replied(f"https://host/{path}", b"1" * 300, lasting=True)
        for _ in range(100):
            recorder.received(1, FRAME)

    assert "https://host/two: too long to be repeated in each file of 1000 bytes" in caplog.text
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3 * 1100
    assert [line["get"] for line in lines(tmp_path) if "get" in line] == ["https://host/one"] * 3


def test_what_a_file_needs_is_asked_for_in_the_thread_that_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_written = announce_writes(monkeypatch)
    asked: list[tuple[int, threading.Thread]] = []
    with Recorder(tmp_path, max_bytes=60, clock=Standing()) as recorder:
        recorder.on_new_file(lambda: asked.append((number, threading.current_thread())))
        for number in range(6):  # two to a file
            recorder.received(1, str(number))
            assert is_written.wait(10)
            is_written.clear()

    assert asked == [(3, threading.current_thread()), (5, threading.current_thread())]


@pytest.mark.parametrize("name", ["recording", "rec[1]"])
def test_two_recorders_in_one_folder_overwrite_nothing_of_each_other(tmp_path: Path, name: str) -> None:
    with Recorder(tmp_path, name=name) as one, Recorder(tmp_path, name=name) as other:
        one.received(1, "one")
        other.received(1, "other")
    with Recorder(tmp_path, name=name) as later:
        later.received(1, "later")

    assert [line["frame"] for line in lines(tmp_path)] == ["one", "other", "later"]


def test_a_line_that_was_cut_off_at_the_end_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with Recorder(tmp_path) as recorder:
            recorder.received(1, FRAME)
    torn = tmp_path / "recording-000001.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"time_ns":5,"fra')

    assert len(list(open_recording(tmp_path).frames())) == 2
    assert "recording-000001.jsonl: its last line was cut off, and is left out" in caplog.text
    torn.write_bytes(torn.read_bytes() + b"\n")
    with pytest.raises(ConfigError, match=r"000001.jsonl, line 2: no line of a recording"):
        open_recording(tmp_path)


def test_a_new_run_overwrites_nothing(tmp_path: Path) -> None:
    for frame in ("first", "second"):
        with Recorder(tmp_path) as recorder:
            recorder.received(1, frame)

    assert [line["frame"] for line in lines(tmp_path)] == ["first", "second"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (URL, URL),
        ("https://user:word@host/path?symbol=BTCUSDT#part", "https://host/path?symbol=BTCUSDT"),
        ("https://host/api?symbol=A&signature=s3cret&timestamp=1&apiKey=k3y", "https://host/api?symbol=A"),
        ("wss://host/ws?listenKey=s3cret", "wss://host/ws"),
        ("wss://host/ws/pqia91ma19a5s61cv6a81va65sdf19v8a65a1", "wss://host/ws/..."),
        ("wss://host/stream?streams=a@trade/pqia91ma19a5s61cv", "wss://host/stream?streams=a@trade/..."),
        ("wss://host/ws/averylongsymbolusdt@depth@100ms", "wss://host/ws/averylongsymbolusdt@depth@100ms"),
    ],
)
def test_no_secret_gets_into_a_file(url: str, kept: str) -> None:
    assert public(url) == kept


def test_what_the_disk_is_too_slow_for_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3 * (module.LINE_BYTES + len("0")))
    is_writing, may_write = threading.Event(), threading.Event()
    write = module._Files.write  # pyright: ignore[reportPrivateUsage]  # the disk

    def slow(files: Any, line: Any) -> None:
        is_writing.set()
        may_write.wait(10)
        write(files, line)

    monkeypatch.setattr(module._Files, "write", slow)  # pyright: ignore[reportPrivateUsage]  # as above
    with Recorder(tmp_path) as recorder:
        recorder.received(1, "with the disk")
        is_writing.wait(10)
        for number in range(10):
            recorder.received(1, str(number))
        may_write.set()

    assert recorder.lost == 7
    assert [line["frame"] for line in lines(tmp_path)] == ["with the disk", "0", "1", "2"]


def test_what_waits_is_bounded_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1000)
    with Recorder(tmp_path) as recorder:
        recorder.received(1, "x" * 1000)
        recorder.replied("https://host/path", b"x" * 1000)
        recorder.received(1, "short")

    assert recorder.lost == 2
    assert [line["frame"] for line in lines(tmp_path)] == ["short"]


def test_what_was_written_waits_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", module.LINE_BYTES + 10)
    is_written = announce_writes(monkeypatch)
    with Recorder(tmp_path) as recorder:
        for _ in range(3):
            recorder.received(1, "x" * 10)
            assert is_written.wait(10)
            is_written.clear()

    assert recorder.lost == 0


def test_a_disk_that_fails_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module._Files, "write", full)  # pyright: ignore[reportPrivateUsage]  # the disk
    with Recorder(tmp_path) as recorder:
        for number in range(3):
            recorder.received(1, str(number))

    assert "recording ended, [Errno 28] No space left on device" in caplog.text
    assert recorder.lost == 3


def test_a_file_that_could_not_be_completed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    full = (tmp_path / "full").open("wb")

    def open_full(*_: object) -> BufferedWriter:
        return full

    monkeypatch.setattr(Path, "open", open_full)

    with Recorder(tmp_path) as recorder:
        recorder.received(1, FRAME)

    assert "full is incomplete, [Errno 28] No space left on device" in caplog.text


@pytest.mark.parametrize("settings", [{"max_bytes": 0}, {"max_files": 0}, {"name": ""}, {"name": "a/b"}])
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"Recorder\("):
        Recorder(tmp_path, **settings)


def test_what_was_recorded_can_be_played(tmp_path: Path) -> None:
    with Recorder(tmp_path, max_bytes=1, clock=Standing()) as recorder:
        connection = recorder.opened("wss://fstream.binance.com/public/stream?streams=btcusdt@depth")
        recorder.received(connection, FRAME)
        recorder.received(connection, '{"result":null,"id":1}')
        recorder.replied("https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT", b'{"bids":[]}')
    recording = open_recording(tmp_path)

    assert [(frame.time_ns, frame.stream, frame.payload) for frame in recording.frames()] == [
        (1_000_000_000, "btcusdt@trade", b'{"p":"1.10000000"}')
    ]
    assert [(reply.url, reply.body) for reply in recording.replies] == [
        ("https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT", b'{"bids":[]}')
    ]
    assert recording.futures


def test_of_a_folder_with_two_recordings_one_file_is_to_be_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Recorder(tmp_path, name=name) as recorder:
            recorder.received(1, FRAME)

    with pytest.raises(ConfigError, match=r"holds several recordings, name one file: one-000001.jsonl, two-000001"):
        open_recording(tmp_path)
    assert len(list(open_recording(tmp_path / "two-000001.jsonl").frames())) == 1


@pytest.mark.parametrize(
    ("text", "reason"), [("", "holds no frames"), ('{"time_ns":"x"}\n', "line 1: no line of a rec")]
)
def test_what_is_no_recording_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a-000001.jsonl").write_text(text)

    with pytest.raises(ConfigError, match=reason):
        open_recording(tmp_path)
