"""No order that a venue accepts breaks a limit; and the books that say so notice each guard with a mistake."""

import ast
import sys
from functools import cache, partial
from pathlib import Path

import pytest

from bowstring.core.components import Guard
from tests.trading.breaches import ledger
from tests.trading.breaches.mutants import MUTANTS, careless, with_mutant
from tests.trading.breaches.run import guards, run

ORDERS = 2_500
SEEDS = 6  # a mutant is noticed with one of them

outcome_of = cache(partial(run, orders=ORDERS))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_accepted_order_breaks_a_limit(seed: int) -> None:
    outcome = outcome_of(seed=seed)

    assert outcome.breaches == {}, outcome.first
    assert outcome.failures == []
    assert outcome.restarts == 2
    assert outcome.accepted > ORDERS / 5
    assert outcome.fills > ORDERS / 5


def test_every_guard_had_something_to_refuse() -> None:
    refused = [outcome_of(seed=seed).refused for seed in range(3)]

    names = [guard.name or type(guard).__name__ for guard in guards()]
    assert [name for name in names if not any(name in one for one in refused)] == []


def test_the_same_seed_gives_the_same_run() -> None:
    one, two = outcome_of(seed=0), run(orders=ORDERS, seed=0)

    assert (one.accepted, one.fills, one.refused) == (two.accepted, two.fills, two.refused)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_ledger_notices_a_guard_with_a_mistake(name: str) -> None:
    rule = MUTANTS[name][0]

    found = (run(orders=ORDERS, seed=seed, guards=partial(with_mutant, name)).breaches for seed in range(SEEDS))
    assert any(rule in breaches for breaches in found)


def test_the_ledger_notices_a_claim_to_reduce_that_is_not_checked_against_what_is_under_way() -> None:
    found = (run(orders=ORDERS, seed=seed, blotters=careless).breaches for seed in range(SEEDS))

    assert any("reduces" in breaches for breaches in found)


def test_there_is_a_mutant_of_every_guard() -> None:
    kinds: set[type[Guard]] = {type(guard) for guard in guards()}

    assert {kind.__name__ for kind in kinds} == {rule for rule, _make in MUTANTS.values()}


def test_the_ledger_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(ledger.__file__).read_text())

    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert modules <= set(sys.stdlib_module_names) | {"collections.abc"}
