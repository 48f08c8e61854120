"""Maps of a linear model: coefficients land on the pixels that they belong to, with SD over resamples of patients."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, load_features
from tdaflow.evaluation.protocol.choice import Candidate, fitted
from tdaflow.evaluation.stress.explanation.linear import _effects, linear_maps
from tdaflow.evaluation.stress.explanation.maps import read_maps, write_maps

OPTIONS = {"n_components": 30, "whiten": True, "square_root": False, "C": 1.0}


@pytest.mark.parametrize("options", [OPTIONS, {**OPTIONS, "whiten": False}, {**OPTIONS, "square_root": True}], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_effect_is_the_change_of_the_decision_by_one_sd_of_a_pixel(features, three_classes, options, n_classes):
    train = (features if n_classes == 2 else three_classes).rows("train")
    names = ("alpha H1", "alpha H2")
    model = fitted(Candidate("logistic", "both", names, options), train, 0)
    effects = _effects(model, train, names)
    assert effects.shape == (1 if n_classes == 2 else 3, 18)
    root = np.sqrt if options["square_root"] else np.asarray
    columns = root(train.matrix(names))
    moved = columns.copy()
    moved[:, 4] += columns[:, 4].std()
    changed = model.decision_function(moved**2 if options["square_root"] else moved)
    difference = changed - model.decision_function(train.matrix(names))
    expected = np.broadcast_to(effects[:, 4], (len(train), len(effects))).squeeze()
    np.testing.assert_allclose(difference, expected, atol=1e-9)


def test_maps_have_the_shape_of_the_images_and_an_sd_over_resamples(evaluated, recorded):
    features = load_features(evaluated)
    found = linear_maps(evaluated, features, recorded.candidate)
    assert tuple(found.mean) == recorded.candidate.blocks
    assert found.classes == features.class_names[1:]
    for name, mean in found.mean.items():
        assert mean.shape == found.sd[name].shape == (1, 6, 6)
        assert found.sd[name].max() > 0
        assert len(found.axes[name].death) == 6
    assert len(found.about["val_auc"]) == 5
    assert "itself" in found.about["notes"]


def test_test_volumes_change_no_map(evaluated, recorded):
    features = load_features(evaluated)
    test = features.splits == "test"
    other = {name: np.where(test[:, None], 7.0, block) for name, block in features.blocks.items()}
    maps = [linear_maps(evaluated, f, recorded.candidate, 2) for f in (features, replace(features, blocks=other))]
    for name in maps[0].mean:
        np.testing.assert_array_equal(maps[0].mean[name], maps[1].mean[name])


def test_a_choice_that_is_not_linear_has_a_regression_in_its_place(evaluated, recorded):
    chosen = replace(recorded.candidate, classifier="forest")
    found = linear_maps(evaluated, load_features(evaluated), chosen, 2)
    assert "random forest" in found.about["notes"]
    assert found.about["model"].startswith("logistic regression")


def test_one_seed_and_a_choice_without_images_are_refused(evaluated, recorded):
    features = load_features(evaluated)
    with pytest.raises(InputError, match="at least 2"):
        linear_maps(evaluated, features, recorded.candidate, 1)
    with pytest.raises(InputError, match="no persistence image"):
        linear_maps(evaluated, features, replace(recorded.candidate, blocks=("below H0 betti",)))


def test_maps_are_read_as_they_were_written(evaluated, recorded):
    folder = EvaluationFolder(evaluated)
    assert read_maps(folder, "explanation-linear") is None
    found = linear_maps(evaluated, load_features(evaluated), recorded.candidate, 2)
    path = write_maps(found, folder, "explanation-linear")
    again = read_maps(folder, "explanation-linear")
    assert (again.classes, dict(again.about)) == (found.classes, dict(found.about))
    for name in found.mean:
        np.testing.assert_array_equal(again.mean[name], found.mean[name])
        np.testing.assert_array_equal(again.axes[name].death, found.axes[name].death)
        assert again.axes[name].birth_range == found.axes[name].birth_range
    path.write_bytes(b"no arrays")
    with pytest.raises(InputError, match="cannot be read"):
        read_maps(folder, "explanation-linear")
