"""For the reference: a msgspec Struct is shown with its fields as parameters, without the envelope of messages.

mkdocs.yml names this extension of griffe, which reads the source for mkdocstrings.
"""

from collections.abc import Iterator
from typing import Any

from griffe import Attribute, Class, Extension, Function, Module, Parameter, ParameterKind, Parameters

STAMPED = {"bowstring.core.messages.Message", "bowstring.core.messages.Action"}  # the engine fills their fields


class StructFields(Extension):
    """Gives each Struct class an ``__init__``: inherited fields first, as msgspec has them."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Look at all classes once everything is loaded, so that bases are known."""
        for cls in _classes(pkg):
            lineage = [cls, *cls.mro()]
            if any(getattr(base, "canonical_path", "") == "msgspec.Struct" for base in lineage[-1].bases):
                shown = [one for one in lineage if one is cls or one.path not in STAMPED]
                cls.set_member("__init__", _init(cls, shown))


def _classes(module: Module) -> Iterator[Class]:
    yield from (cls for cls in module.classes.values() if isinstance(cls, Class))
    for inner in module.modules.values():
        if isinstance(inner, Module):
            yield from _classes(inner)


def _init(cls: Class, lineage: list[Class]) -> Function:
    fields = {name: field for one in reversed(lineage) for name, field in one.members.items() if _is_field(field)}
    parameters = [
        Parameter(name, annotation=field.annotation, kind=ParameterKind.keyword_only, default=field.value)
        for name, field in fields.items()
    ]
    return Function("__init__", parameters=Parameters(*parameters), parent=cls)


def _is_field(member: Any) -> bool:
    return isinstance(member, Attribute) and "instance-attribute" in member.labels
