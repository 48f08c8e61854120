"""One table over several data sets: what is planned, what each set has, and the method's Tables 1 and 2 made of it."""

from tdaflow.evaluation.tables.overview.gathered import SetResults, gather
from tdaflow.evaluation.tables.overview.layout import overview_notes, overview_tables
from tdaflow.evaluation.tables.overview.plan import PlannedRun, TablesPlan, read_plan
from tdaflow.evaluation.tables.overview.written import write_overview

__all__ = [
    "PlannedRun",
    "SetResults",
    "TablesPlan",
    "gather",
    "overview_notes",
    "overview_tables",
    "read_plan",
    "write_overview",
]
