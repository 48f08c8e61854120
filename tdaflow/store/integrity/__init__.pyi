from .cohort import check_against, check_cohort, cohort_line, cohort_rows, cohort_summary
from .problem import Problem, Severity, has_errors
from .run import check_insensitive, check_run
from .table import check_table, same_voxels, table_facts
from .volumes import check_volumes

__all__ = [
    "Problem",
    "Severity",
    "check_against",
    "check_cohort",
    "check_insensitive",
    "check_run",
    "check_table",
    "check_volumes",
    "cohort_line",
    "cohort_rows",
    "cohort_summary",
    "has_errors",
    "same_voxels",
    "table_facts",
]
