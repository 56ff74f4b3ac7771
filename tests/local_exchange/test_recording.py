"""Recordings are read as they were written, byte for byte, and what is none is refused by name and line."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.play import PlayServer
from bowstring.local_exchange.recording import RecordedFrame, RecordedReply, open_recording, write_recording
from tests.local_exchange.traffic import SECOND, START_NS, depth, frame, json_lines
from tests.venues.binance.fuzz import other_bytes
from tests.venues.binance.recordings import stems

URL = "wss://stream.binance.com:9443/stream?streams=a@trade"
CONNECTED = f"{URL} <-> 1.5\n"
GOOD = CONNECTED + '2.25: {"stream":"a@trade","data":{"p": "1"}}\n\n'

times = st.integers(0, 4 * 10**18)
values = st.recursive(st.text() | st.integers(-(2**53), 2**53), st.lists, max_leaves=5)


@st.composite
def recorded_frames(draw: st.DrawFn) -> RecordedFrame:
    stream, payload = draw(st.text()), encode(draw(values))
    combined = b'{"data":%b,"stream":%b}' % (payload, encode(stream))
    return RecordedFrame(time_ns=draw(times), stream=stream, combined=combined, payload=payload)


@given(
    frames=st.lists(recorded_frames(), min_size=1),
    replies=st.lists(
        st.builds(RecordedReply, time_ns=times, url=st.just("http://h/api/v3/depth?symbol=A"), body=values.map(encode))
    ),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, frames: list[RecordedFrame], replies: list[RecordedReply]
) -> None:
    frames.sort(key=lambda frame: frame.time_ns)
    file = write_recording(tmp_path_factory.mktemp("r") / "A", frames, url=URL, replies=replies)

    read = open_recording(file)
    assert (list(read.frames()), list(read.replies)) == (frames, replies)


def test_a_frame_keeps_its_bytes_and_its_time(tmp_path: Path) -> None:
    file = tmp_path / "A.ws.1.0"
    file.write_text(GOOD)

    assert list(open_recording(file).frames()) == [
        RecordedFrame(
            time_ns=2_250_000_000,
            stream="a@trade",
            combined=b'{"stream":"a@trade","data":{"p": "1"}}',
            payload=b'{"p": "1"}',
        )
    ]


def test_each_pass_starts_anew(tmp_path: Path) -> None:
    recording = open_recording(write_recording(tmp_path / "A", [frame(0, "a@trade")], url=URL))

    assert list(recording.frames()) == list(recording.frames()) != []


@pytest.mark.parametrize("name", ["A", "A.ws", "A.ws.1.0", "."])
def test_a_recording_is_named_by_its_stem_its_file_or_its_folder(tmp_path: Path, name: str) -> None:
    write_recording(tmp_path / "A", [frame(0, "a@trade")], url=URL, replies=[depth(0, "A")])

    recording = open_recording(tmp_path / name)
    assert (list(recording.frames()), recording.replies) == ([frame(0, "a@trade")], (depth(0, "A"),))


def test_a_stem_does_not_take_the_files_of_a_longer_one(tmp_path: Path) -> None:
    write_recording(tmp_path / "A", [frame(0, "a@trade")], url=URL)
    write_recording(tmp_path / "A_FUTURES", [frame(1, "b@trade")], url=URL, replies=[depth(0, "B")])

    recording = open_recording(tmp_path / "A")
    assert (list(recording.frames()), recording.replies) == ([frame(0, "a@trade")], ())


def test_several_connections_are_merged_by_time(tmp_path: Path) -> None:
    first = write_recording(tmp_path / "A", [frame(0, "a@trade"), frame(2, "a@trade")], url=URL)
    first.rename(tmp_path / "A.ws.2.0")
    write_recording(tmp_path / "A", [frame(1, "b@trade"), frame(3, "b@trade")], url=URL)

    seconds = [(f.time_ns - START_NS) // SECOND for f in open_recording(tmp_path / "A").frames()]
    assert seconds == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("url", "replies", "futures"),
    [
        (URL, [], False),
        (URL, [depth(0, "A")], False),
        ("wss://fstream.binance.com/stream", [], True),
        (URL, [RecordedReply(time_ns=0, url="https://fapi.binance.com/fapi/v1/ping", body=b"{}")], True),
    ],
)
def test_futures_are_told_from_spot_by_their_addresses(
    tmp_path: Path, url: str, replies: list[RecordedReply], futures: bool
) -> None:
    file = write_recording(tmp_path / "A", [frame(0, "a@trade")], url=url, replies=replies)

    assert open_recording(file).futures is futures


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", r"A.ws.1.0, line 4: expected `TIME: FRAME` or `URL <-> TIME`, found b'nonsense'"),
        ('yesterday: {"stream":"a","data":1}', "line 4: expected `TIME: FRAME`"),
        ('1.5: {"e":"trade","p":"1"}', r"line 4: expected a frame .*: Object missing required field `stream`"),
        ('1.5: {"stream":"a","data":', "line 4: expected a frame .*: Input data was truncated"),
        ('1.5: {"stream":"a","data":{]}}', r"line 4: expected a frame .*: JSON is malformed"),
    ],
)
def test_a_malformed_frame_is_named_by_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "A.ws.1.0").write_text(f"{GOOD}{line}\n")

    with pytest.raises(ConfigError, match=complaint):
        list(open_recording(tmp_path / "A").frames())


@pytest.mark.parametrize("answer", ['{"result":null,"id":1}', '{"error":{"code":2,"msg":"Invalid request"},"id":null}'])
def test_an_answer_to_a_request_is_no_data(tmp_path: Path, answer: str) -> None:
    (tmp_path / "A.ws.1.0").write_text(f"{GOOD}1.5: {answer}\n")

    frames = list(open_recording(tmp_path / "A").frames())
    assert frames
    assert all(one.stream == frames[0].stream for one in frames)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", r"A.http.0.0, line 1: expected `URL -> TIME: BODY`, found b'nonsense'"),
        ("https://h/p -> 1.5: <html>", "A.http.0.0, line 1: expected a JSON body"),
    ],
)
def test_a_malformed_reply_is_named_by_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "A.ws.1.0").write_text(GOOD)
    (tmp_path / "A.http.0.0").write_text(line)

    with pytest.raises(ConfigError, match=complaint):
        open_recording(tmp_path / "A")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"get": "https://h/p", "body": "<html>"}, r"A-000001.jsonl, line 2: expected a JSON body"),
        ({"get": "https://h/p"}, r"A-000001.jsonl, line 2: expected a JSON body"),
        ({"connection": 1, "frame": "nonsense"}, r"A-000001.jsonl, line 2: a frame is no JSON"),
    ],
)
def test_what_is_malformed_in_json_lines_is_named_by_its_line(
    tmp_path: Path, line: dict[str, object], complaint: str
) -> None:
    good = {"time_ns": 1, "connection": 1, "frame": '{"stream":"a@trade","data":{}}'}
    (tmp_path / "A-000001.jsonl").write_bytes(encode(good) + b"\n" + encode(line | {"time_ns": 2}) + b"\n")

    with pytest.raises(ConfigError, match=complaint):
        list(open_recording(tmp_path).frames())


DEEP = "[" * 100_000
JSON_LINE = '{"time_ns":1,"frame":"{\\"stream\\":\\"a@trade\\",\\"data\\":{}}"}\n'


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("A.ws.1.0", f"{'9' * 5000}: {{}}", "A.ws.1.0, line 1: expected `TIME: FRAME`"),
        ("A.ws.1.0", f'1: {{"stream":"a@trade","data":{DEEP}}}', "A.ws.1.0, line 1: expected a frame .* recursion"),
        (
            "A.ws.1.0",
            '1: {"stream":"a@trade","data":{"p":"\udcff"}}',
            "not Binance's format: .* can't decode byte 0xff",
        ),
        ("A.http.0.0", f"https://h/p -> 1: {DEEP}", "A.http.0.0, line 1: expected a JSON body: .* recursion"),
        ("A.http.0.0", "https://h]/p -> 1: {}", "A.http.0.0, line 1: 'https://h]/p' is no URL: Invalid IPv6 URL"),
        ("A-000001.jsonl", JSON_LINE.replace("{}", DEEP), "A-000001.jsonl.*: a frame is no JSON: .* recursion"),
        (
            "A-000001.jsonl",
            f'{{"time_ns":1,"x":{DEEP}}}\n',
            "A-000001.jsonl, line 1: no line of a recording: .* recurs",
        ),
        (
            "A-000001.jsonl",
            '{"time_ns":1,"get":"https://[h/p"}\n',
            r"A-000001.jsonl, line 1: 'https://\[h/p' is no URL: Invalid",
        ),
    ],
    ids=range(8),
)
def test_what_no_recorder_wrote_is_refused(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / "A.ws.1.0").write_text(GOOD)
    (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(ConfigError, match=complaint):
        play(tmp_path / (name if name.endswith("jsonl") else "A.ws.1.0"))


def play(file: Path) -> None:
    """Do what `bowstring play` does before it serves, and read all frames."""
    recording = open_recording(file)
    PlayServer(recording)
    for _ in recording.frames():
        pass


@given(
    st.sampled_from(
        [
            ("A.ws.1.0", GOOD),
            (
                "A.http.0.0",
                'https://api.binance.com/api/v3/depth?symbol=A&limit=5 -> 1.5: {"bids":[["1","2"]],"asks":[]}\n',
            ),
            ("A-000001.jsonl", JSON_LINE + '{"time_ns":2,"get":"https://h/api/v3/depth?symbol=A","body":"{}"}\n'),
        ]
    ),
    st.data(),
)
def test_a_file_with_other_bytes_is_read_or_refused(valid: tuple[str, str], data: st.DataObject) -> None:
    name, content = valid
    with TemporaryDirectory() as folder:
        Path(folder, "A.ws.1.0").write_text(GOOD)
        Path(folder, name).write_bytes(data.draw(other_bytes(content.encode())))
        with suppress(ConfigError):
            play(Path(folder, name if name.endswith("jsonl") else "A.ws.1.0"))


def test_a_recording_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A.ws.1.0").write_text(CONNECTED)

    with pytest.raises(ConfigError, match=r"A\.ws\.1\.0: holds no frames"):
        open_recording(tmp_path / "A.ws.1.0")


def test_json_lines_with_answers_to_requests_and_no_data_are_refused(tmp_path: Path) -> None:
    line = {"time_ns": 1, "connection": 1, "frame": '{"result":["btcusdt@trade"],"id":1}'}
    (tmp_path / "A-000001.jsonl").write_bytes(encode(line) + b"\n")

    with pytest.raises(ConfigError, match="holds no frames"):
        open_recording(tmp_path)


def test_a_missing_recording_is_refused_with_the_name_that_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"B: no such recording; expected a file named B.ws.1.0$"):
        open_recording(tmp_path / "B")


@pytest.mark.parametrize("name", ["B.ws", "B.ws.1", "B.ws.1.0"])
def test_what_already_looks_like_a_file_of_it_is_not_expected_twice(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: no such recording; expected a file named B.ws.1.0$"):
        open_recording(tmp_path / name)


def test_a_file_of_rest_replies_is_refused_with_what_to_give(tmp_path: Path) -> None:
    write_recording(tmp_path / "A", [frame(0, "a@trade")], url=URL)

    with pytest.raises(ConfigError, match=r"A.http.0.0: is a file of REST replies, .*; give A.ws.1.0$"):
        open_recording(tmp_path / "A.http.0.0")


def test_a_folder_with_several_recordings_is_refused_with_their_names(tmp_path: Path) -> None:
    for stem in ("A", "B"):
        write_recording(tmp_path / stem, [frame(0, "a@trade")], url=URL)

    with pytest.raises(ConfigError, match="holds several recordings, name one: A, B"):
        open_recording(tmp_path)


@pytest.mark.recorded
@pytest.mark.parametrize("stem", stems())
def test_recorded_traffic_is_written_again_byte_for_byte(tmp_path: Path, stem: str) -> None:
    folder = Path(os.environ["BOWSTRING_RECORDINGS"])
    original = folder / f"{stem}.ws.1.0"
    recording = open_recording(original)

    copy = write_recording(tmp_path / stem, recording.frames(), url=URL, replies=recording.replies)
    assert [line[:2] for line in json_lines(copy)] == [line[:2] for line in json_lines(original)]
    assert replies_in(tmp_path / f"{stem}.http.0.0") == replies_in(folder / f"{stem}.http.0.0")


def replies_in(file: Path) -> list[tuple[str, float, str]]:
    """URL, time and body of each reply, read without the code under test."""
    lines = [line.partition(" -> ") for line in file.read_text().splitlines() if line] if file.exists() else []
    answers = [(url, *answer.partition(": ")) for url, _, answer in lines]
    return [(url, float(time), body) for url, time, _, body in answers]


@pytest.mark.recorded
@pytest.mark.parametrize("stem", stems())
def test_recorded_frames_are_all_read(stem: str) -> None:
    file = Path(os.environ["BOWSTRING_RECORDINGS"]) / f"{stem}.ws.1.0"

    read = Counter(frame.stream for frame in open_recording(file).frames())
    assert read == Counter(message["stream"] for _, _, message in json_lines(file))
