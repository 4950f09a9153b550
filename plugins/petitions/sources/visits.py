"""来访登记: the register of visits, export files in a drop folder.

Service:    files, see ``files.py``
Record:     one visit of one or more persons
Notes:      a visit is received (已接访) when the register names who received it and when
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from petitions.model import Event
from petitions.sources.files import FileSource

if TYPE_CHECKING:
    from petitions.record import Record


class Visits(FileSource):
    name = "visits"

    def events(self, record: Record) -> Iterable[Event]:
        yield Event("received", record.time("来访时间"))
        received_at = record.time("接访时间")
        if received_at and record.text("接访人"):
            yield Event("accepted", received_at)
