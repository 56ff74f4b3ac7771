"""Seeds that once found something are played again, and one that does not end has failed."""

import asyncio

from bowstring.testing.simulation import SimulatedLoop, simulate
from simulation.kept import kept, play_kept, play_within
from simulation.many import quiet
from simulation.process import Death, Process


def test_seeds_that_once_found_something_find_nothing() -> None:
    with quiet():
        outcomes = list(play_kept())

    assert {outcome.seed: outcome.violations for outcome in outcomes} == {seed: [] for seed in kept()}


def test_a_seed_that_does_not_end_in_time_has_failed() -> None:
    assert play_within(5, seconds=0.0).violations == ["it has not ended after 0 s"]


def test_nothing_of_a_process_that_has_come_to_its_end_runs_on_and_so_it_does_not_die() -> None:
    ran, deaths = list[int](), list[str]()

    def remain() -> None:
        ran.append(len(ran))
        asyncio.get_running_loop().call_later(1, remain)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        process = Process(loop, death=Death("await", 4), on_death=lambda: deaths.append("killed"))
        process.call_soon(remain)
        await asyncio.sleep(0.5)
        process.exit()
        await asyncio.sleep(10)

    simulate(main())

    assert (ran, deaths) == ([0], [])
