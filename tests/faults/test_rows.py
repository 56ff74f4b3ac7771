"""What rows take for wrong."""

import json
from pathlib import Path

import pytest

from bowstring.local_exchange.faults.kinds import Error
from faults.ledger import Ledger
from faults.mutants import MUTANTS
from faults.rows import ROWS
from faults.trial import sent_twice
from faults.wrong_answers import Case


def case(error: Error, *, accepted: bool) -> Case:
    return Case(name="x", asked="place", error=error, accepted=accepted)


@pytest.mark.parametrize(
    ("error", "accepted", "right", "wrong"),
    [
        ("429", False, ["rejected"], ["unknown", "failed"]),
        ("500", False, ["unknown", "failed"], ["rejected"]),
        ("500", False, ["unknown", "failed"], ["failed"]),
        ("500", True, ["unknown", "open"], ["unknown", "failed", "open"]),
        ("html", True, ["open"], ["rejected", "open"]),
    ],
)
def test_an_answer_is_misread_if_it_is_taken_for_more_than_it_proves(
    error: Error, accepted: bool, right: list[str], wrong: list[str]
) -> None:
    assert not case(error, accepted=accepted).is_misread(right)
    assert case(error, accepted=accepted).is_misread(wrong)


def test_an_intent_that_came_twice_was_sent_twice_whatever_became_of_it(tmp_path: Path) -> None:
    def request(kind: str, name: str, account: str = "alice") -> str:
        line: dict[str, object] = {"kind": kind, "received_us": 1, "interface": "rest", "account": account}
        line |= {"method": "POST /api/v3/order", "params": {"newClientOrderId": name}}
        return json.dumps(line | ({"code": -1021} if kind == "refused" else {}))

    path = tmp_path / "ledger.jsonl"
    opened = [
        json.dumps({"kind": "account", "account": name, "uid": 1, "is_participant": False, "deposits": {}})
        for name in ("alice", "bob")
    ]
    requests = [
        request("request", "a"),
        request("request", "b"),
        request("refused", "a"),
        request("request", "b", "bob"),
    ]
    path.write_text("".join(f"{line}\n" for line in [*opened, *requests]))

    assert [finding.text for finding in sent_twice(Ledger(path).read(), "alice")] == ["a was sent 2 times"]


def test_every_mutant_has_rows_that_are_there() -> None:
    assert {row for mutant in MUTANTS.values() for row in mutant.rows} <= set(ROWS)
