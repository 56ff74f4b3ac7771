"""A promise of the `Gateway` protocol, and what is raised where it is not kept."""


class PromiseBroken(AssertionError):
    """A gateway or a collector does not do what it must: the message names the promise, and what was seen instead."""


def promise(kept: object, what: str, *, seen: object) -> None:
    """Raise `PromiseBroken` unless it is kept."""
    if not kept:
        raise PromiseBroken(f"{what}\n  seen: {seen}")
