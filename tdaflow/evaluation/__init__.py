"""What the features are worth: the protocol, its metrics and its tables; knows nothing of clusters."""

from tdaflow.evaluation.protocol.bootstrap import paired_bootstrap
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.evaluate import Evaluated, Protocol, evaluate, majority_rows
from tdaflow.evaluation.protocol.features import Features, joined, load_features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.held_out import HeldOut, development
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.subsets import subsets
from tdaflow.evaluation.tables.published import published_rows
from tdaflow.evaluation.tables.results import Results, Row, summarise
from tdaflow.evaluation.tables.results_page import html_page, markdown

__all__ = [
    "Evaluated",
    "EvaluationFolder",
    "Features",
    "HeldOut",
    "Ledger",
    "Predictions",
    "Protocol",
    "Results",
    "Row",
    "check_features",
    "development",
    "evaluate",
    "html_page",
    "joined",
    "load_features",
    "majority_rows",
    "markdown",
    "paired_bootstrap",
    "published_rows",
    "subsets",
    "summarise",
]
