"""What a mix is made of: faults that each happen by chance, drawn by its seed."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import get_args

from msgspec.structs import replace

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults import kinds

_ERRORS = get_args(kinds.Error)
_LASTING_SHARE = 0.05  # of the calls that meet something: each makes trouble for many others


def members(mix: kinds.Mix, symbols: Sequence[str]) -> list[kinds.Fault]:
    """The same ones for the same mix. Raises `ConfigError` if it is ``only`` of what there is not."""
    drawn = Random(f"Mix {mix.seed}")
    groups = (
        [*_of_calls(drawn)],
        [*_lasting(drawn)],
        [*_of_reports(drawn)],
        [*_of_books(symbols)],
    )
    shares = (1 - _LASTING_SHARE, _LASTING_SHARE, 1, 1)
    _check(mix, {_name(fault) for group in groups for fault in group})
    chosen = [
        (fault, share / len(wanted))
        for group, share in zip(groups, shares, strict=True)
        if (wanted := [one for one in group if mix.only is None or _name(one) in mix.only])
        for fault in wanted
    ]
    return [
        replace(fault, chance=mix.rate * share, seed=mix.seed * len(chosen) + number)
        for number, (fault, share) in enumerate(chosen)
    ]


def _of_calls(drawn: Random) -> Iterator[kinds.Repeated]:
    for then in get_args(kinds.Then):
        yield kinds.LoseReply(calls="any", then=then)
        yield kinds.LoseRequest(calls="any", then=then)
    yield kinds.DelayRequest(calls="any", seconds=_seconds(drawn))
    yield kinds.DelayReply(calls="any", seconds=_seconds(drawn))
    for accepted in (False, True):
        yield kinds.FailCall(calls="any", error=drawn.choice(_ERRORS), accepted=accepted)
        yield kinds.FailCall(calls="any", error=drawn.choice(_ERRORS), accepted=accepted)


def _lasting(drawn: Random) -> Iterator[kinds.Repeated]:
    for fault in (
        kinds.ResetConnections(),
        kinds.MuteConnections(for_s=_seconds(drawn)),
        kinds.IgnoreConnections(count=1, for_s=_seconds(drawn)),
        kinds.SlowDrip(bytes=drawn.randint(1, 50), for_s=_seconds(drawn)),
        kinds.FreezeStream(stream="*", for_s=_seconds(drawn)),
        kinds.SkewClock(seconds=drawn.choice((-1, 1)) * _seconds(drawn), for_s=_seconds(drawn)),
        kinds.LagQueries(seconds=_seconds(drawn), for_s=2.0),
        kinds.StaleSnapshot(for_s=_seconds(drawn)),
        kinds.Restart(down_s=_seconds(drawn), announced=drawn.random() < 0.5),
    ):
        yield kinds.SwitchOn(calls="any", switches=fault)


def _of_reports(drawn: Random) -> Iterator[kinds.Repeated]:
    yield kinds.DropReport(event=None)
    yield kinds.DuplicateReport(event=None)
    yield kinds.DelayReport(event=None, seconds=_seconds(drawn))
    yield kinds.ReorderReports(event=None)


def _of_books(symbols: Sequence[str]) -> Iterator[kinds.Repeated]:
    for symbol in symbols:
        yield kinds.GapBook(symbol=symbol)
        yield kinds.CrossBook(symbol=symbol)


def _seconds(drawn: Random) -> float:
    return round(drawn.uniform(0.05, 1.0), 3)


def _name(fault: kinds.Fault) -> str:
    return type(fault.switches if isinstance(fault, kinds.SwitchOn) else fault).__name__


def _check(mix: kinds.Mix, names: set[str]) -> None:
    for name in mix.only or ():
        if name not in names:
            raise ConfigError(f"only of Mix has {name!r}: there are {', '.join(sorted(names))}")
