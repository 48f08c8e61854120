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

import lazy_loader

# Names are imported on first use, so that one does not cost what all of them need: see `__init__.pyi`.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
