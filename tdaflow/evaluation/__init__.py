"""Evaluate features: the protocol, baselines, analyses of a choice and tables. Knows nothing of clusters.

What the verbs of the command line do, as functions:

- ``tdaflow evaluate``: `evaluate_run`, with ``--nested`` or ``--leave-out`` `evaluate_nested`
- ``tdaflow compare``: `compare_runs`
- ``tdaflow split``: `split_table`
- ``tdaflow sweep``: `Sweep`
- ``tdaflow reliability``: `measure_reliability`
- ``tdaflow baselines``: `tdaflow.nets.run_baselines.make_baselines`
- ``tdaflow reproduce``: `tdaflow.nets.reproduce.reproduce`
"""

from tdaflow.evaluation.compare import compare_runs
from tdaflow.evaluation.model.applied import predict_run
from tdaflow.evaluation.model.keep import load_model
from tdaflow.evaluation.model.model import Model, Predicted
from tdaflow.evaluation.model.saliency import Saliency, saliency
from tdaflow.evaluation.protocol.bootstrap import paired_bootstrap
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.evaluate import Evaluated, Protocol, evaluate, majority_rows
from tdaflow.evaluation.protocol.features import Features, joined, load_features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.grid import Grid, read_grid
from tdaflow.evaluation.protocol.held_out import HeldOut, development
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.protocol.nested import Nested
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.split_table import split_table
from tdaflow.evaluation.protocol.subsets import subsets
from tdaflow.evaluation.protocol.sweep import Sweep, SweepResult
from tdaflow.evaluation.run_evaluation import RunEvaluation, evaluate_run
from tdaflow.evaluation.run_nested import NestedEvaluation, evaluate_nested
from tdaflow.evaluation.stress.analyses import Analyses
from tdaflow.evaluation.stress.reliability.measure import measure_reliability
from tdaflow.evaluation.stress.reliability.table import read_reliability
from tdaflow.evaluation.tables.published import published_rows
from tdaflow.evaluation.tables.results import Results, Row, summarise
from tdaflow.evaluation.tables.results_page import html_page, markdown
from tdaflow.evaluation.tables.written import write_results

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
