"""The demo year: a made-up county's 2023, whose figures are those a county bureau printed (metric page, section 6).

Everything follows from the seed. What must come out, as of 2023-12-31: 197 appeals = 3 provincial + 3 smart-city (公众举报) + 18 online
politics + 173 hotline, 35 open and none of them late, 162 closed on time; as of 2023-10-24: 246 smart-city cases, 245 closed.
"""

from __future__ import annotations

from datetime import datetime

from platforms.demo.chance import Chance
from platforms.demo.hotline import hotline_year
from platforms.demo.online_politics import online_politics_year
from platforms.demo.provincial import provincial_year
from platforms.demo.smart_city import smart_city_year
from platforms.demo.visits import visit_year
from platforms.life import Life

SEED = 2023
END_OF_YEAR = datetime(2023, 12, 31, 23, 59, 59)


def demo_year(seed: int = SEED) -> list[Life]:
    """All lives of the year, source by source, in the order of registration. One stream of chance per source: a change to one
    platform's words leaves the others as they were."""
    lives = provincial_year(Chance(f"{seed} provincial"))
    lives += smart_city_year(Chance(f"{seed} smart_city"))
    lives += online_politics_year(Chance(f"{seed} online_politics"))
    lives += hotline_year(Chance(f"{seed} hotline_12345"))
    visits = visit_year(Chance(f"{seed} visits"))
    petitions = [life for life in lives if life.source == "provincial" and life.group == "valid"]
    for visit in visits:
        related = next((one for one in petitions if 0 <= (visit.received_at - one.received_at).days < 14), None)
        visit.about["related"] = related.number if related else ""
    return lives + visits
