"""A fitted classifier as arrays: what the pipeline predicts, each row a function of itself."""

import numpy as np
import pytest

from tdaflow.evaluation.protocol.choice import Candidate, fitted
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.fit import fit_choice, members_of
from tdaflow.evaluation.protocol.members import mean_probabilities

BLOCKS = ("alpha H1", "alpha H2", "below H0")


@pytest.fixture(params=[2, 3])
def volumes(request, features, three_classes):
    given = features if request.param == 2 else three_classes
    wide = np.random.default_rng(0).gamma(2.0, size=(len(given), 90))
    return type(given)(**{**vars(given), "blocks": {**given.blocks, "below H0": wide}})


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_members_predict_what_the_pipeline_predicts(volumes, name):
    train, val = volumes.rows("train"), volumes.rows("val")
    candidate = Candidate(name, "all", BLOCKS, CLASSIFIERS[name].grid[0])
    model = fitted(candidate, train, 1)
    members = members_of(candidate, model, train)
    assert len(members) == (2 if name == "committee" else 1)
    assert mean_probabilities(members, val.blocks) == pytest.approx(model.predict_proba(val.matrix(BLOCKS)), abs=1e-9)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_row_alone_in_any_order_or_batch_has_the_same_probabilities(volumes, name):
    train, test = volumes.rows("train"), volumes.rows("test")
    fit = fit_choice(Candidate(name, "all", BLOCKS, CLASSIFIERS[name].grid[0]), train, 1)
    together = fit.probabilities(test.blocks)[0]
    order = np.random.default_rng(0).permutation(len(test))
    shuffled = fit.probabilities(test.taken(order).blocks)[0]
    alone = np.concatenate([fit.probabilities(test.taken(np.array([i])).blocks)[0] for i in range(len(test))])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-12)
    np.testing.assert_allclose(shuffled, together[order], rtol=0, atol=1e-12)
