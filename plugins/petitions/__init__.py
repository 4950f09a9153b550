"""Petitions ETL: four petition platforms and a visit register in one warehouse, and the figures that an office answers for.

``from petitions import Petitions`` gives notebooks and other DAGs the answers of the command line as pandas data frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from petitions.explain import Explanation
    from petitions.questions import Scope
    from petitions.settings import Settings
    from petitions.warehouse import Warehouse

__all__ = ["Petitions"]

#: Rows, and the columns that they have or would have.
Answers = tuple[Sequence[dict[str, Any]], Sequence[str]]


class Petitions:
    """Read-only questions to one home's warehouse."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def open(cls) -> Petitions:
        """With the settings of the environment (``PETITIONS_HOME``, ``PETITIONS_CONFIG``, ``AIRFLOW_CONN_PETITIONS_WAREHOUSE``)."""
        from petitions.settings import Settings

        return cls(Settings.from_environment())

    def metrics(
        self,
        population: str,
        start: date | str,
        end: date | str,
        as_of: date | datetime | str | None = None,
        as_known: datetime | str | None = None,
        by: str | Sequence[str] = (),
    ) -> pd.DataFrame:
        """One row per group, or one row in all without ``by``; a rate is ``<key>_num``, ``<key>_den`` and the percent text ``<key>``.

        :param as_of: valid time, default the end of the window; a date means its end in Beijing time.
        :param as_known: only batches fetched at or before it count, default all.
        :raises petitions.questions.WrongQuestion: for a population or grouping that does not exist.
        """
        from petitions import questions

        grouping = questions.names(by)

        def ask(warehouse: Warehouse, scope: Scope) -> Answers:
            return _answers(*questions.figures(warehouse, scope, self._appeal_channels, grouping), grouping)

        return _frame(*self._ask(ask, population, start, end, as_of, as_known))

    def tickets(
        self,
        metric: str,
        population: str,
        start: date | str,
        end: date | str,
        as_of: date | datetime | str | None = None,
        as_known: datetime | str | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """The tickets behind a count, one row each, in order of registration.

        :raises petitions.questions.WrongQuestion: for a rate, naming its two counts.
        """
        from petitions import questions

        def ask(warehouse: Warehouse, scope: Scope) -> Answers:
            return questions.tickets(warehouse, scope, self._appeal_channels, metric, limit), questions.TICKET_COLUMNS

        return _frame(*self._ask(ask, population, start, end, as_of, as_known))

    def flow(
        self, population: str, start: date | str, end: date | str, as_known: datetime | str | None = None, by: str | Sequence[str] = ()
    ) -> pd.DataFrame:
        """Opening, received, reopened, restored, closed, excluded and closing of a period."""
        from petitions import questions

        grouping = questions.names(by)

        def ask(warehouse: Warehouse, scope: Scope) -> Answers:
            return _answers(*questions.flow(warehouse, scope, self._appeal_channels, grouping), grouping)

        return _frame(*self._ask(ask, population, start, end, None, as_known))

    def explain(self, ticket_id: str, as_of: date | datetime | str | None = None, as_known: datetime | str | None = None) -> Explanation:
        """Each clock of a ticket step by step, and its versions; print it to read it.

        :param as_of: valid time, default the latest fetch that counts.
        :raises petitions.questions.WrongQuestion: for a ticket that is not known.
        """
        from petitions import warehouse
        from petitions.explain import explain
        from petitions.questions import instant

        with warehouse.reader(self.settings) as held:
            return explain(held, self.settings, ticket_id, instant(as_of), instant(as_known))

    def due(
        self,
        within: int,
        population: str = "appeals",
        as_of: date | datetime | str | None = None,
        as_known: datetime | str | None = None,
    ) -> pd.DataFrame:
        """Open tickets that fall due within so many working days after ``as_of`` (yellow cards), and overdue ones (red cards)."""
        from petitions import early_warning, warehouse
        from petitions.questions import instant

        with warehouse.reader(self.settings) as held:
            scope = early_warning.scope(held, population, instant(as_of), instant(as_known))
            return _frame(early_warning.due(held, scope, self._appeal_channels, within), early_warning.DUE_COLUMNS)

    def compare(
        self,
        population: str,
        start: date | str,
        end: date | str,
        as_of: date | datetime | str | None = None,
        as_known: datetime | str | None = None,
    ) -> pd.DataFrame:
        """Counts and rates beside the year before (同比) and the period before (环比), one row per metric."""
        from petitions import comparison

        def ask(warehouse: Warehouse, scope: Scope) -> Answers:
            rows = comparison.compare(warehouse, scope, self._appeal_channels)
            return rows, list(rows[0])

        return _frame(*self._ask(ask, population, start, end, as_of, as_known))

    @property
    def _appeal_channels(self) -> Sequence[str]:
        return self.settings.options.population.appeal_channels

    def _ask(
        self, question: Callable[[Warehouse, Scope], Answers], population: str, start: Any, end: Any, as_of: Any, as_known: Any
    ) -> Answers:
        from petitions import warehouse
        from petitions.questions import Scope, day, instant

        with warehouse.reader(self.settings) as held:
            scope = Scope.of(held, population, day(start), day(end), instant(as_of), instant(as_known))
            return question(held, scope)


def _answers(groups: Sequence[dict[str, Any]], total: dict[str, Any], by: Sequence[str]) -> Answers:
    """One row per group, or the total alone. Where no group has a ticket, the columns are there nevertheless."""
    return [_flat(row) for row in (groups if by else [{"by": {}} | total])], [*by, *_flat({"by": {}} | total)]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = dict(row["by"])
    for key, value in row.items():
        if key == "by":
            continue
        if isinstance(value, dict):
            flat |= {f"{key}_num": value["numerator"], f"{key}_den": value["denominator"], key: value["percent"]}
        else:
            flat[key] = value
    return flat


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))
