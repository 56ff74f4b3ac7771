"""Commands and answers as JSON."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import BadMessage
from bowstring.trading.control.commands import (
    Accept,
    Activate,
    Answer,
    AnyCommand,
    DecideOrder,
    Kill,
    Reduce,
    Resume,
    SetPosition,
    Status,
    decode_answer,
    decode_command,
    encode,
)

COMMANDS: dict[str, AnyCommand] = {
    "status": Status(operator="", why=""),
    "kill": Kill(operator="alice", why="wrong"),
    "reduce": Reduce(operator="alice", why="wrong"),
    "activate": Activate(operator="alice", why="right"),
    "resume trader": Resume(operator="alice", why="mended", strategy="trader"),
    "order x-1 failed": DecideOrder(operator="alice", why="seen", client_order_id="x-1", status="failed"),
    "order x-1 cancelled --filled 0.00000001": DecideOrder(
        operator="alice", why="seen", client_order_id="x-1", status="cancelled", filled=Decimal("1E-8")
    ),
    "accept binance BTC/USDT": Accept(operator="alice", why="known", venue="binance", symbol="BTC/USDT"),
    "position trader binance BTC/USDT -0.00000001": SetPosition(
        operator="alice",
        why="counted",
        strategy="trader",
        venue="binance",
        symbol="BTC/USDT",
        quantity=Decimal("-1E-8"),
    ),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_is_read_as_it_was_written_and_told_as_it_is_typed(what: str) -> None:
    command = COMMANDS[what]
    decision = command.decision(7)

    assert decode_command(encode(command)) == command
    assert (decision.what, decision.operator, decision.reason, decision.time_ns) == (
        what,
        command.operator,
        command.why,
        7,
    )


@given(st.booleans(), st.text())
def test_an_answer_is_read_as_it_was_written(is_done: bool, text: str) -> None:
    answer = Answer(is_done=is_done, text=text)

    assert decode_answer(encode(answer)) == answer


BAD = [
    b"",
    b"{}",
    b"[]",
    b"\xff",
    b'{"command":"dance","operator":"","why":""}',
    b'{"command":"kill","operator":""}',
    b'{"command":"kill","operator":"","why":"","when":"now"}',
    b'{"command":"order","operator":"","why":"","client_order_id":"x","status":"unknown"}',
    b'{"command":"order","operator":"","why":"","client_order_id":"x","status":"failed","filled":"NaN"}',
    b'{"command":"position","operator":"","why":"","strategy":"","venue":"","symbol":"","quantity":"Infinity"}',
]


@pytest.mark.parametrize("data", BAD)
def test_other_bytes_are_no_command(data: bytes) -> None:
    with pytest.raises(BadMessage, match=r"^it is no command: "):
        decode_command(data)


@given(st.binary())
def test_whatever_bytes_there_are_the_error_is_of_one_kind(data: bytes) -> None:
    for decode in (decode_command, decode_answer):
        with pytest.raises(BadMessage):
            decode(data)
