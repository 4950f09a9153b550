"""What a posting says of a ticket's state as one number: the column ``kind`` of ``core.posting``.

A question reads and groups by one column of small numbers in place of seventeen, and a refresh writes one; what it says is told by name in
:data:`POSTINGS`. A warehouse keeps such numbers: whoever changes the layout adds a migration.
"""

from __future__ import annotations

_CLASSES = ("on_time", "late", "overdue", "not_due", "no_deadline", "not_started")
#: What follows from the times of a posting, and stands in its kind too, so that tickets can be counted by kind alone.
FACTS = {"replied": "replied_at is not null", "accepted": "accepted_at is not null", "backwards": "done_at < received_at"}
#: The names that conditions may name, each with its values: the place of a value is what stands for it.
VALUES: dict[str, tuple[bool | str | None, ...]] = {
    **dict.fromkeys(("valid", "closed", "suspended", "repeat", "first_replied", "returned", "reopened", "extended"), (False, True)),
    **dict.fromkeys(("provisional", *FACTS), (False, True)),
    **dict.fromkeys(("accept_class", "reply_class", "close_class"), _CLASSES),
    "satisfaction": (None, "satisfied", "basically_satisfied", "dissatisfied"),
    "close_due_source": (None, "rule", "platform"),
}


def named() -> list[str]:
    """The names by which :func:`packed` asks, beside times."""
    return [name for name in VALUES if name not in FACTS]


def packed() -> str:
    """SQL over a state told by name: its kind."""
    return " + ".join(f"case {_cases(name, 1 << shift)} else 0 end" for name, shift in _shifts().items())


def unpacked() -> list[str]:
    """SQL over ``kind``: each of :data:`VALUES` under its name."""
    return [f"{_unpacked(name, shift)} as {name}" for name, shift in _shifts().items()]


def _shifts() -> dict[str, int]:
    """From which bit on each stands."""
    shifts, behind = {}, 0
    for name, values in VALUES.items():
        shifts[name] = behind
        behind += (len(values) - 1).bit_length()
    return shifts


def _cases(name: str, unit: int) -> str:
    told = FACTS.get(name, name)
    if VALUES[name] == (False, True):
        return f"when {told} then {unit}"
    return " ".join(f"when {told} = '{value}' then {place * unit}" for place, value in enumerate(VALUES[name]) if place and value)


def _unpacked(name: str, shift: int) -> str:
    values = VALUES[name]
    if values == (False, True):
        return f"(kind & {1 << shift}) <> 0"
    cases = " ".join(f"when {place} then '{value}'" for place, value in enumerate(values) if value)
    return f"case (kind >> {shift}) & {(1 << (len(values) - 1).bit_length()) - 1} {cases} end"


#: The ledger with all that its kinds say, by name.
POSTINGS = f"(select *, {', '.join(unpacked())} from core.posting) p"
