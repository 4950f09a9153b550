"""The SQL texts of ``sql/``: one for both engines, cut into statements; Jinja puts in pieces that repeat."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from petitions.settings import CHECKOUT

SQL = CHECKOUT / "sql"

_STATEMENT_END = re.compile(r";[ \t]*(?:\n|$)")


def render(file: str, **pieces: Any) -> str:
    """The text of ``sql/<file>``. ``pieces`` are what its Jinja expressions name."""
    text = (SQL / file).read_text(encoding="utf-8")
    if "{%" not in text and "{{" not in text:
        return text
    return str(_templates().get_template(file).render(**pieces))


def statements(text: str) -> list[str]:
    """The statements of a SQL text; a semicolon at the end of a line ends one."""
    without_comments = re.sub(r"(?m)^\s*--.*\n", "", text)
    return [part.strip() for part in _STATEMENT_END.split(without_comments) if part.strip()]


def query(file: str, **pieces: Any) -> str:
    """The text of ``sql/<file>``, which holds one query and nothing else."""
    (text,) = statements(render(file, **pieces))
    return text


def ticket_key(ticket_id: str) -> str:
    """The key that core.sighting has for a ticket, of an expression that tells the ticket's id; every text may call it."""
    return f"cast(md5({ticket_id}) as uuid)"


@cache
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(loader=FileSystemLoader(SQL), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    found.globals["ticket_key"] = ticket_key
    return found
