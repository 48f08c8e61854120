"""Learning curves: more volumes help, draws are the same for all columns, the test split is not read."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation.learning_curve import Point, learning_curve, summary, table, write_learning_curve
from tdaflow.evaluation.protocol import features as features_module


def test_a_curve_of_a_run(evaluated, monkeypatch, tmp_path):
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
    written = write_learning_curve(points, tmp_path / "curve.csv").read_text().splitlines()
    assert written[0].startswith("columns,n_a_class,draw,auc")
    assert len(written) == 1 + len(points)


def test_sizes_that_leave_too_little_are_left_out(evaluated):
    with pytest.raises(InputError, match="leaves 10 of each class"):
        learning_curve(evaluated, sizes=(10_000,))


def test_a_summary_has_mean_and_the_middle_of_the_draws():
    points = [Point("shape", 5, draw, auc, 0.0, 0.0) for draw, auc in enumerate(np.linspace(0.5, 0.7, 11))]
    assert summary(points)["shape"][5] == pytest.approx((0.6, 0.52, 0.68))
    assert "| shape | .600 [.520, .680] |" in table(points)
