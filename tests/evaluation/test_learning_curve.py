"""Learning curves: more volumes help, draws are the same for all columns, the test split is not read."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation.learning_curve import (
    Point,
    learning_curve,
    read_learning_curve,
    summary,
    table,
    write_learning_curve,
)
from tdaflow.evaluation.protocol import features as features_module
from tdaflow.report.run_data import RunData
from tdaflow.report.section_learning import learning_section


def test_a_curve_of_a_run(evaluated, monkeypatch):
    read = []
    taken = features_module.Features.taken
    monkeypatch.setattr(
        features_module.Features, "taken", lambda self, keep: read.append(set(self.splits[keep])) or taken(self, keep)
    )
    points = learning_curve(evaluated, sizes=(2, 4), n_draws=2)
    assert {(p.n_a_class, p.draw) for p in points} == {(2, 0), (2, 1), (4, 0), (4, 1)}
    assert {"shape", "voxels"} < {p.columns for p in points}
    assert not any("test" in splits for splits in read)
    assert points == learning_curve(evaluated, sizes=(2, 4), n_draws=2)
    assert read_learning_curve(evaluated) == []
    path = write_learning_curve(points, evaluated)
    assert read_learning_curve(evaluated) == points
    section = learning_section(RunData(evaluated))
    assert section is not None
    assert [type(item).__name__ for item in section.items] == ["FigureBlock"]
    path.write_text(path.read_text().replace("shape,2", "shape,two"))
    with pytest.raises(InputError, match="--learning-curve` again"):
        read_learning_curve(evaluated)


def test_a_learner_of_ones_own_learns_from_the_same_draws(evaluated):
    told = []

    def learner(learnt, rest, seed):
        told.append((len(learnt), len(set(learnt.ids) & set(rest.ids)), seed))
        return np.full((len(rest), len(rest.class_names)), 0.5)

    points = learning_curve(evaluated, sizes=(2,), n_draws=2, learners={"a coin": learner})
    assert [p.auc for p in points if p.columns == "a coin"] == [0.5, 0.5]
    assert told == [(4, 0, 0)] * 2


def test_sizes_that_leave_too_little_are_left_out(evaluated):
    with pytest.raises(InputError, match="leaves 10 of each class"):
        learning_curve(evaluated, sizes=(10_000,))


def test_a_summary_has_mean_and_the_middle_of_the_draws():
    points = [Point("shape", 5, draw, auc, 0.0, 0.0) for draw, auc in enumerate(np.linspace(0.5, 0.7, 11))]
    assert summary(points)["shape"][5] == pytest.approx((0.6, 0.52, 0.68))
    assert "| shape | .600 [.520, .680] |" in table(points)
