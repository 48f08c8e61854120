from .compare import compare_runs
from .model.applied import predict_run
from .model.keep import load_model
from .model.model import Model, Predicted
from .model.saliency import Saliency, saliency
from .protocol.bootstrap import paired_bootstrap
from .protocol.checks import check_features
from .protocol.evaluate import Evaluated, Protocol, evaluate, majority_rows
from .protocol.features import Features, joined, load_features
from .protocol.folder import EvaluationFolder
from .protocol.grid import Grid, read_grid
from .protocol.held_out import HeldOut, development
from .protocol.ledger import Ledger
from .protocol.nested import Nested
from .protocol.predictions import Predictions
from .protocol.split_table import split_table
from .protocol.subsets import subsets
from .protocol.sweep import Sweep, SweepResult
from .run_evaluation import RunEvaluation, evaluate_run
from .run_nested import NestedEvaluation, evaluate_nested
from .stress.analyses import Analyses
from .stress.reliability.measure import measure_reliability
from .stress.reliability.table import read_reliability
from .tables.published import published_rows
from .tables.results import Results, Row, summarise
from .tables.results_page import html_page, markdown
from .tables.written import write_results

__all__ = [
    "Analyses",
    "Evaluated",
    "EvaluationFolder",
    "Features",
    "Grid",
    "HeldOut",
    "Ledger",
    "Model",
    "Nested",
    "NestedEvaluation",
    "Predicted",
    "Predictions",
    "Protocol",
    "Results",
    "Row",
    "RunEvaluation",
    "Saliency",
    "Sweep",
    "SweepResult",
    "check_features",
    "compare_runs",
    "development",
    "evaluate",
    "evaluate_nested",
    "evaluate_run",
    "html_page",
    "joined",
    "load_features",
    "load_model",
    "majority_rows",
    "markdown",
    "measure_reliability",
    "paired_bootstrap",
    "predict_run",
    "published_rows",
    "read_grid",
    "read_reliability",
    "saliency",
    "split_table",
    "subsets",
    "summarise",
    "write_results",
]
