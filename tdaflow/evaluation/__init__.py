"""What the features are worth: the protocol, its metrics and its tables; knows nothing of clusters."""

from tdaflow.evaluation.bootstrap import paired_bootstrap
from tdaflow.evaluation.checks import check_features
from tdaflow.evaluation.features import Features, joined, load_features
from tdaflow.evaluation.folder import EvaluationFolder
from tdaflow.evaluation.held_out import HeldOut, development
from tdaflow.evaluation.ledger import Ledger
from tdaflow.evaluation.predictions import Predictions
from tdaflow.evaluation.protocol import Evaluated, Protocol, evaluate, majority_rows
from tdaflow.evaluation.published import published_rows
from tdaflow.evaluation.results import Results, Row, summarise
from tdaflow.evaluation.subsets import subsets
from tdaflow.evaluation.tables import html_page, markdown

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
