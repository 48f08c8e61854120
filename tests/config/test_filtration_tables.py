"""Tables of filtrations: kinds, options, superpixels of their own, several written as one."""

import pytest

from tdaflow.config import RunConfig, load_config
from tdaflow.errors import ConfigError
from tdaflow.homology import FILTRATIONS
from tdaflow.homology.volume_filtrations.masked import Height
from tdaflow.homology.volume_filtrations.scale_space import LaplacianOfGaussian


def config(toml: str) -> RunConfig:
    return load_config(None, [f"filtrations={{{toml}}}"])


@pytest.mark.parametrize("kind", FILTRATIONS)
def test_every_kind_runs_by_its_name_alone(kind):
    assert config(f"{kind} = {{}}").filtrations[kind].filtration() == FILTRATIONS[kind]()


def test_options_are_those_of_the_kind():
    table = config('up = {kind = "height", axis = [0, 1, 2], threshold = "otsu", homology_dimensions = [0]}')
    assert table.filtrations["up"].filtration() == Height(axis=(0.0, 1.0, 2.0), threshold="otsu")


def test_each_writes_out_every_combination():
    found = config('log = {levels = 64, each = {sigma = [1, 2.5], direction = ["sublevel", "superlevel"]}}').filtrations
    assert list(found) == ["log-1-sublevel", "log-1-superlevel", "log-2.5-sublevel", "log-2.5-superlevel"]
    expected = LaplacianOfGaussian(sigma=2.5, direction="superlevel", levels=64)
    assert found["log-2.5-superlevel"].filtration() == expected


def test_each_takes_lists_and_tables_as_values():
    found = config(
        "height = {each = {axis = [[1, 0, 0], [0, 1, 0]]}},"
        "alpha = {each = {superpixels = [{n_superpixels = 300, space_weight = 0.7}, {n_superpixels = 600}]}}"
    )
    assert list(found.filtrations) == ["height-1_0_0", "height-0_1_0", "alpha-300_0.7", "alpha-600"]
    assert found.superpixels_of("alpha-300_0.7").space_weight == 0.7


def test_a_configuration_survives_being_written_and_read():
    before = config("alpha = {superpixels = {n_superpixels = 99}}, log = {each = {sigma = [1, 2]}}")
    assert RunConfig.model_validate(before.model_dump(mode="json")) == before


def test_own_superpixels_lie_over_those_of_the_run():
    found = load_config(None, ["superpixels.space_weight=0.3", "filtrations.alpha.superpixels.n_superpixels=300"])
    own = found.superpixels_of("alpha")
    assert (own.n_superpixels, own.space_weight) == (300, 0.3)
    assert found.superpixels.n_superpixels == 600


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("distance = {superpixels = {n_superpixels = 99}}", "no meaning for kind 'distance'"),
        (
            "alpha = {superpixels = {n_superpixels = 3}}",
            "alpha.superpixels.n_superpixels is 3, .*use 8 or more",
        ),
        (
            "alpha = {superpixels = {colour = 3}}",
            "unknown configuration key 'filtrations.alpha.superpixels.colour'; known are",
        ),
        ("log = {each = 3}", "log.each is 3; give a table of lists"),
        ("log = {each = {}}", "log.each"),
        ("log = {each = {sigma = []}}", "log.each"),
        ("log = {each = {sigma = 2}}", "log.each"),
        ("log = {each = {scale = [2]}}", "unknown configuration key 'filtrations.log-2.scale'"),
        ("log = {each = {sigma = [2]}}, log-2 = {kind = 'log'}", "two filtrations are named 'log-2'"),
        ("gaussian = {sigma = -1}", "sigma=-1.0 must be a positive number"),
        ("distance = {threshold = 'mean'}", "otsu"),
        ("height = {axis = [0, 0, 0]}", "not all 0"),
    ],
)
def test_what_cannot_be_is_one_sentence(toml, message):
    with pytest.raises(ConfigError, match=message) as error:
        config(toml)
    assert "\n" not in str(error.value)
