"""Tables over several data sets: the plan, the results of each set, and Tables 1 and 2 of Zhu et al. (2024)."""

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
