"""The registry of platforms: one module per platform, named as the platform, holding one :class:`Source` of that name.

Modules are imported when their lane runs and not before: a lane loads its own platform only.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petitions.connections import Connection
    from petitions.settings import Settings
    from petitions.sources.base import Source


def create(name: str, connection: Connection, settings: Settings) -> Source:
    """The platform ``name``, ready to be asked.

    :raises KeyError: where there is no such platform.
    """
    return source_class(name)(connection, settings)


def unasked(name: str, settings: Settings) -> Source:
    """The platform ``name`` to read what it sent, and not to be asked for more."""
    from petitions.connections import Connection

    return create(name, Connection(f"petitions_{name}", ""), settings)


def source_class(name: str) -> type[Source]:
    """The class of the platform ``name``.

    :raises KeyError: where there is no such platform.
    """
    from petitions.sources.base import Source

    module_name = f"{__name__}.{name}"
    if not name.isidentifier() or find_spec(module_name) is None:
        raise KeyError(f"expected a platform with a module of its own in petitions/sources, found {name!r}")
    for told in vars(import_module(module_name)).values():
        if isinstance(told, type) and issubclass(told, Source) and getattr(told, "name", None) == name:
            return told
    raise KeyError(f"petitions/sources/{name}.py: expected a sub-class of Source with name = {name!r}, found none")


def ticket_number(raw: dict[str, Any], field: str) -> str | None:
    """The ticket number under ``field`` of a raw record, cleaned as the checks will clean it; None where there is none."""
    from petitions.values import clean

    value = raw.get(field)
    if value is None or isinstance(value, bool | list | dict):
        return None
    return clean(str(value))
