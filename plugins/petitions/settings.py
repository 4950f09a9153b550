"""Where a home is and how the office set things: ``PETITIONS_HOME``, ``PETITIONS_CONFIG`` and ``petitions.toml``."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

CHECKOUT = Path(__file__).resolve().parents[2]


class SettingsError(Exception):
    """A setting that cannot be used; the message names the file, the key, what was expected and what was found."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    return text


def _sessions(told: tuple[tuple[time, time], ...]) -> tuple[tuple[time, time], ...]:
    moments = [moment for session in told for moment in session]
    if not told or any(one >= other for one, other in pairwise(moments)):
        raise ValueError("expected at least one session, each of a begin and a later end, one after the other")
    return told


def _time_of_day(told: Any) -> Any:
    """A number would be taken for seconds after midnight."""
    if not isinstance(told, str | time):
        raise ValueError('expected a time such as "08:00"')
    return told


# A value of the wrong kind is refused, also where it could be read as the right one: "3" is no number, 1 is no yes.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Section):
    appeal_channels: tuple[str, ...] = ("公众举报",)


class Pull(_Section):
    look_back_days: Whole = Field(default=3, ge=0)


class Calendar(_Section):
    office_hours: Annotated[tuple[tuple[TimeOfDay, TimeOfDay], ...], AfterValidator(_sessions)] = (
        (time(8), time(12)),
        (time(14), time(18)),
    )
    holiday_roll: Literal["none", "next_workday"] = "none"


class Replies(_Section):
    courtesies: tuple[Pattern, ...] = ()
    acknowledgements: tuple[Pattern, ...] = ()
    replied_is_closed: Flag = True


class Checks(_Section):
    volume_low: Number = Field(default=0.3, ge=0)
    volume_high: Number = Field(default=3.0, gt=0)
    quarantine_share: Number = Field(default=0.05, ge=0, le=1)


class Retention(_Section):
    landing_days: Whole = Field(default=0, ge=0)


class Reports(_Section):
    few_tickets: Whole = Field(default=10, ge=1)
    due_soon_days: Whole = Field(default=5, ge=0)
    small_cell: Whole = Field(default=3, ge=1)
    organisation: str = ""


class Options(_Section):
    """The whole of ``petitions.toml``."""

    first_day: Day = date(2000, 1, 1)
    population: Population = Population()
    pull: Pull = Pull()
    calendar: Calendar = Calendar()
    replies: Replies = Replies()
    checks: Checks = Checks()
    reports: Reports = Reports()
    retention: Retention = Retention()


@dataclass(frozen=True)
class Settings:
    """One home and one configuration. Two homes never touch each other."""

    home: Path
    config: Path

    @classmethod
    def from_environment(cls) -> Settings:
        """
        :raises SettingsError: where ``PETITIONS_CONFIG`` is no folder. Whoever mistypes it must not be given the project's time limits.
        """
        config = Path(os.environ.get("PETITIONS_CONFIG") or CHECKOUT / "config").absolute()
        if not config.is_dir():
            raise SettingsError(f"PETITIONS_CONFIG: expected a folder, found none at {config}; correct it, or unset it for the default")
        return cls(home=Path(os.environ.get("PETITIONS_HOME") or CHECKOUT / ".petitions").absolute(), config=config)

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    def config_file(self, name: str) -> Path:
        """The office's file of that name, or the project's own where the office has none."""
        own = self.config / name
        return own if own.exists() else CHECKOUT / "config" / name

    @cached_property
    def options(self) -> Options:
        """What the office's file says, over what the project's own file says.

        :raises SettingsError: for an unknown key or a value of the wrong kind, by name.
        """
        path = self.config_file("petitions.toml")
        try:
            return Options.model_validate(_over(load_toml(CHECKOUT / "config" / "petitions.toml"), load_toml(path)))
        except ValidationError as error:
            told = "; ".join(_sentence(item) for item in error.errors(include_url=False, include_context=False))
            raise SettingsError(f"{path}: {told}") from None

    @cached_property
    def source_maps(self) -> dict[str, dict[str, Any]]:
        """Field maps, code tables and header synonyms per source: ``config/sources/<source>.toml``."""
        from petitions.model import SOURCES

        return {name: load_toml(self.config_file(f"sources/{name}.toml")) for name in SOURCES}


def load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows write a mark before the text
    except FileNotFoundError:
        raise SettingsError(f"{path}: not found; copy it from {CHECKOUT / 'config'}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: expected UTF-8, found another encoding; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not readable as TOML: {error}") from None


def _over(project: dict[str, Any], office: dict[str, Any]) -> dict[str, Any]:
    """The project's settings with the office's on top, section by section."""
    sections = {key: _over(project[key], value) for key, value in office.items() if isinstance(value, dict) and key in project}
    return project | office | sections


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}; the keys are explained in config/petitions.toml of the project"
    told = "expected a list" if error["type"] == "tuple_type" else error["msg"]
    told = told.removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{key}: {told}, found {error['input']!r}"
