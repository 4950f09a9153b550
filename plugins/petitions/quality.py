"""The checks of ``expectations/``, run on every batch with Great Expectations: red ones send a record to quarantine, yellow ones tell.

Each expectation's ``meta`` says what it means here:

``rule``      the quarantine rule, one of :data:`petitions.model.QUARANTINE_RULES`, or null
``level``     ``red`` (the record does not load) or ``yellow`` (a message for the batch; everything loads)
``sentence``  what to tell people; in a yellow one ``{count}``, ``{total}`` and ``{percent}`` stand for figures
``printed``   the same in Chinese, of a yellow one: the report prints it
``scope``     ``batch`` where the check needs the whole batch at once; left out, it runs chunk by chunk
``at_least``  a yellow share is only judged from so many records on

Great Expectations takes seconds to import: it is imported where a batch is checked and nowhere else.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from petitions.model import QUARANTINE_RULES
from petitions.privacy import mask_text
from petitions.said import Said
from petitions.settings import CHECKOUT
from petitions.sources.base import LaneStopped

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation

TICKET_SUITE = "ticket"
#: The column that names a row in the frames that are checked.
ROW = "row"
# What these say of a text depends on nothing but that text.
_BY_VALUE = frozenset(
    {
        *("expect_column_values_to_be_null", "expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set"),
        *("expect_column_values_to_not_be_in_set", "expect_column_values_to_match_regex", "expect_column_values_to_not_match_regex"),
        *("expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal"),
    }
)
_RANK = {rule: rank for rank, rule in enumerate(QUARANTINE_RULES)}


@dataclass(frozen=True)
class Refusal:
    """Why a row does not load: the first rule in the order of :data:`petitions.model.QUARANTINE_RULES` that it fails."""

    rule: str
    sentence: str


@dataclass
class Tally:
    """What one expectation found over all chunks: how many values it checked, and how many there were none to check."""

    checked: int = 0
    missing: int = 0
    unexpected: int = 0
    failed_chunks: int = 0

    @property
    def share(self) -> float:
        return self.unexpected / self.checked if self.checked else 0.0


@dataclass
class Suite:
    """One suite at work on one batch: that of a source, on the platform's own fields, or that of the canonical ticket.

    :raises LaneStopped: where the suite is missing, a ``meta`` is wrong, or an expectation could not run. That is an error of ours,
        never bad data.
    """

    name: str
    root: Path = CHECKOUT
    tallies: dict[int, Tally] = field(default_factory=dict)

    @cached_property
    def expectations(self) -> dict[int, Expectation]:
        """By a number within the suite."""
        told = self._path, json.dumps(self._told)
        if told not in _SOUND:
            found = dict(enumerate(self._stored()))
            for expectation in found.values():
                self._see_meta(expectation)
            _SOUND[told] = found
        return _SOUND[told]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Every column that an expectation looks at, chunk by chunk; read without Great Expectations."""
        return self._looked_at(lambda _: True)

    def _looked_at(self, chosen: Callable[[str], bool]) -> frozenset[str]:
        """The columns of the expectations whose type is chosen."""
        by_chunk = (told for told in self._told if (told.get("meta") or {}).get("scope") != "batch")
        return frozenset(column for told in by_chunk if chosen(told["type"]) for column in _columns(told["kwargs"]))

    def frame(self, table: pa.Table) -> pd.DataFrame:
        """A table as Great Expectations reads it: times as seconds without a zone, gaps in whole numbers as gaps, text as objects.

        Text that is looked at by value alone is given as categories: each value is then checked once, however many rows hold it.
        """
        import pandas as pd

        plainly = self._looked_at(lambda kind: kind not in _BY_VALUE)

        def column(name: str, told: pa.ChunkedArray) -> Any:
            if pa.types.is_integer(told.type):
                return pd.array(told.to_pylist(), dtype="Int64")
            if not pa.types.is_string(told.type):
                return pd.Series(told.to_numpy())
            return pd.Series(told.to_numpy(), dtype=object) if name in plainly else told.dictionary_encode().to_pandas()

        return pd.DataFrame({name: column(name, told) for name, told in zip(table.column_names, table.columns, strict=True)})

    @cached_property
    def needed(self) -> frozenset[str]:
        """The columns without which a record goes to quarantine."""
        return frozenset(told["kwargs"]["column"] for told in self._told if _demands(told))

    def refuse(self, frame: pd.DataFrame) -> dict[int, Refusal]:
        """Check one chunk: row → why it does not load. What the yellow expectations find is added up for :meth:`messages`."""
        return self._run(frame, of_batch=False)

    def refuse_in_batch(self, frame: pd.DataFrame) -> dict[int, Refusal]:
        """The checks that need the whole batch at once, on its narrow frame."""
        return self._run(frame, of_batch=True)

    def messages(self) -> list[str]:
        """What the yellow expectations say about the batch as a whole."""
        return [told for number in sorted(self.tallies) if (told := self.told(number))]

    def told(self, number: int) -> Said | None:
        """What a yellow expectation says about the batch as a whole; None where it has nothing to say."""
        expectation, tally = self.expectations[number], self.tallies.get(number)
        meta, mostly = _meta(expectation), float(expectation.configuration.kwargs.get("mostly", 1.0))
        if meta["level"] != "yellow" or tally is None or tally.checked < meta.get("at_least", 1) or not tally.failed_chunks:
            return None
        if tally.unexpected and 1 - tally.share >= mostly:
            return None  # a chunk was out of bounds, the batch is not
        figures = {"count": tally.unexpected, "total": tally.checked, "percent": f"{100 * tally.share:.1f} %"}
        return Said(str(meta["sentence"]).format(**figures), str(meta.get("printed", "")).format(**figures))

    # --- Great Expectations -------------------------------------------------------------------------------------------------

    @cached_property
    def _asked(self) -> dict[bool, list[Expectation]]:
        """What Great Expectations is asked of a chunk, and (True) of a batch.

        Results come back in another order, so that each needs its number. Nothing else of ``meta`` goes along, for it is copied again and
        again, and no id, for the suite of one run takes none.
        """
        found: dict[bool, list[Expectation]] = {False: [], True: []}
        for number, one in self.expectations.items():
            found[_meta(one).get("scope") == "batch"].append(one.copy(update={"meta": {"number": number}, "id": None}))
        return found

    def _stored(self) -> list[Expectation]:
        gx, told = great_expectations(), len(self._told)
        from great_expectations.exceptions import GreatExpectationsError

        try:
            found = list(gx.get_context(mode="file", context_root_dir=self.root / "gx").suites.get(self.name).expectations)
        except (GreatExpectationsError, OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(error) from None
        if len(found) != told:  # Great Expectations leaves out what it does not know, and only logs it
            raise LaneStopped(f"{self._path}: expected {told} expectations, found {told - len(found)} unusable (see the log); correct them")
        return found

    @cached_property
    def _told(self) -> list[dict[str, Any]]:
        """The expectations as they stand in the file."""
        try:
            found: list[dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))["expectations"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(error) from None
        return found

    def _unreadable(self, error: Exception) -> LaneStopped:
        return LaneStopped(f"expected a suite in {self._path}, found none that can be read ({type(error).__name__}); restore or correct it")

    @property
    def _path(self) -> Path:
        return self.root / "expectations" / f"{self.name}.json"

    def _run(self, frame: pd.DataFrame, *, of_batch: bool) -> dict[int, Refusal]:
        if frame.empty or not (expectations := self._asked[of_batch]):
            return {}
        from great_expectations.core import ExpectationSuite

        batch = _whole_frame().get_batch({"dataframe": frame})
        asked = {"result_format": "COMPLETE", "unexpected_index_column_names": [ROW], "return_unexpected_index_query": False}
        outcome = batch.validate(ExpectationSuite(name=self.name, expectations=expectations), result_format=asked)
        refusals: dict[int, Refusal] = {}
        for result in outcome.results:
            config = result.expectation_config
            number = config.meta["number"]
            meta = _meta(self.expectations[number])
            self._see_ran(config, result.exception_info)
            self._add_up(number, result)
            if meta["level"] == "red" and not result.success:
                refusal = Refusal(meta["rule"], meta["sentence"])
                add(refusals, dict.fromkeys(self._failing_rows(config, result.result), refusal))
        return refusals

    def _add_up(self, number: int, result: Any) -> None:
        tally, told = self.tallies.setdefault(number, Tally()), result.result
        missing = told.get("missing_count") or 0
        tally.checked += told.get("element_count", 0) - missing
        tally.missing += missing
        tally.unexpected += told.get("unexpected_count", 0)
        tally.failed_chunks += not result.success

    def _failing_rows(self, config: Any, result: dict[str, Any]) -> list[int]:
        listed: list[dict[Hashable, Any]] | None = result.get("unexpected_index_list")
        if listed is None:
            raise LaneStopped(f"{self._path}: {config.type} names no rows and cannot be red; make it yellow, or take one that judges rows")
        return [int(entry[ROW]) for entry in listed]

    def _see_ran(self, config: Any, exception_info: dict[Any, Any] | None) -> None:
        """An expectation that cannot run does not raise; it says ``success=False``, as bad data would."""
        for told in _exceptions(exception_info or {}):
            columns = ", ".join(_columns(config.kwargs))
            raise LaneStopped(f"{self._path}: {config.type} on {columns} could not run ({mask_text(told)}); correct the suite")

    def _see_meta(self, expectation: Expectation) -> None:
        meta, config = _meta(expectation), expectation.configuration
        red, yellow = meta.get("level") == "red", meta.get("level") == "yellow"
        right = (red and meta.get("rule") in QUARANTINE_RULES) or (yellow and meta.get("rule") is None)
        if not right or not meta.get("sentence"):
            raise LaneStopped(
                f"{self._path}: {config.type} on {', '.join(_columns(config.kwargs))}: expected meta with a sentence, and level red with a "
                f"rule of {', '.join(QUARANTINE_RULES)} or level yellow with rule null; found {meta}; correct the suite"
            )


# Suites that were read and found sound: file and content → expectations by number.
_SOUND: dict[tuple[Path, str], dict[int, Expectation]] = {}


@cache
def _whole_frame() -> BatchDefinition[Any]:
    """What is validated: a frame as it is given. Kept in memory, for a context of files would write into gx/great_expectations.yml."""
    gx = great_expectations()
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(), progress_bars={"globally": False}, analytics_enabled=False
    )
    source = gx.get_context(mode="ephemeral", project_config=config).data_sources.add_pandas("batch")
    return source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")


def great_expectations() -> ModuleType:
    """Imported only where it is needed, and without what only checks of distributions and their charts would use: half of it."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    if "great_expectations" not in sys.modules:
        for name in ("scipy.stats", "altair"):
            if name not in sys.modules and find_spec(name):
                _PutOff(name)
    # Two hundred lines of its inside with every check; the levels that Airflow can be told reach Airflow's own loggers alone.
    if (log := logging.getLogger("great_expectations")).level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    import great_expectations

    return great_expectations


class _PutOff(ModuleType):
    """Stands for a module, which is imported when something of it is asked for and not before.

    :class:`importlib.util.LazyLoader` would import it at the sight of ``import altair``, for that asks the module for its specification.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        sys.modules[name] = self
        package, _, own = name.rpartition(".")
        if package:
            setattr(import_module(package), own, self)

    def __getattr__(self, asked: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), asked)


def add(refusals: dict[int, Refusal], more: Mapping[int, Refusal]) -> None:
    """Join refusals; of two for one row the one stands whose rule comes first."""
    for row, refusal in more.items():
        before = refusals.get(row)
        if before is None or _RANK[refusal.rule] < _RANK[before.rule]:
            refusals[row] = refusal


def _demands(told: Mapping[str, Any]) -> bool:
    return told.get("type") == "expect_column_values_to_not_be_null" and told.get("meta", {}).get("level") == "red"


def _meta(expectation: Expectation) -> dict[str, Any]:
    return expectation.meta or {}


def _columns(kwargs: dict[str, Any]) -> list[str]:
    names = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return [*names, *kwargs.get("column_list", ())]


def _exceptions(info: dict[Any, Any]) -> Iterator[str]:
    for told in [info] if "raised_exception" in info else info.values():
        if isinstance(told, dict) and told.get("raised_exception"):
            yield str(told.get("exception_message")).partition("\n")[0][:200]
