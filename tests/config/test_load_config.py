"""A configuration is a preset, under a file, under ``--set``; whatever is wrong with it is one sentence."""

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.config import PRESETS, RunConfig, apply_overrides, load_config
from tdaflow.errors import ConfigError
from tdaflow.images import ImageOptions
from tdaflow.superpixels import SuperpixelOptions


@pytest.fixture
def toml(tmp_path):
    """Writer of a TOML file."""

    def write(text: str) -> Path:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_a_file_the_default_preset_holds():
    config = load_config(None)
    assert config == RunConfig()
    assert config.reference == "all"
    assert config.superpixels == SuperpixelOptions()
    assert config.images == ImageOptions()
    assert config.channels == [("alpha", 0), ("alpha", 1), ("alpha", 2)]
    assert config.filtrations["alpha"].min_persistence == 0


def test_the_default_is_this():
    images, cloud = RunConfig().images, RunConfig().superpixels
    assert (images.resolution, images.weight, images.plane) == (32, "constant", "birth-persistence")
    assert (images.epsilon, images.quantiles) == (0.95, (0.02, 0.98))
    assert (cloud.n_superpixels, cloud.intensity_scale, cloud.smoothing) == (600, "auto", "step")


def test_a_file_lies_over_its_preset_and_set_over_both(toml):
    path = toml('preset = "zhu2024"\n[images]\nepsilon = 0.5\nresolution = 20\n')
    config = load_config(
        path, ["images.resolution=[10, 30]", "superpixels.n_superpixels=100", "images.plane=birth-death"]
    )
    assert config.images.weight == "gaussian"  # preset
    assert config.images.epsilon == 0.5  # file
    assert config.images.shape == (10, 30)  # --set
    assert config.superpixels.n_superpixels == 100
    assert config.superpixels.grid == "integer-step"
    assert config.channels == [("alpha", 2)]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_valid_configuration(preset):
    config = load_config(None, [f"preset={preset}"])
    assert config.preset == preset
    assert config.images.epsilon == 0.95


def test_the_preset_zhu2024_is_the_published_method():
    config = load_config(None, ["preset=zhu2024"])
    assert config.superpixels.n_superpixels == 600
    assert config.superpixels.grid == "integer-step"
    assert config.channels == [("alpha", 2)]
    images = config.images
    assert (images.epsilon, images.plane, images.weight, images.sampling) == (0.95, "birth-death", "gaussian", "centre")
    assert (images.resolution, images.normalise, images.quantiles) == (100, "max", (0, 1))
    assert (config.superpixels.intensity_scale, images.constant_birth) == (1.0, "image")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_holds_however_the_configuration_is_made(preset):
    named = RunConfig(preset=preset)
    assert named == load_config(None, [f"preset={preset}"])
    assert RunConfig.model_validate(named.model_dump(mode="json")) == named
    over = RunConfig(preset=preset, images={"epsilon": 0.5})
    assert over.images == replace(named.images, epsilon=0.5)
    assert over.filtrations == named.filtrations


def test_none_in_toml_is_none(toml):
    config = load_config(toml('preset = "zhu2024"\n[superpixels]\nsmoothing = "none"\n[images]\nnormalise = "none"\n'))
    assert config.superpixels.smoothing is None
    assert config.images.normalise is None


def test_the_filtrations_of_a_file_are_all_there_are(toml):
    config = load_config(toml('preset = "zhu2024"\n[filtrations.sub]\nkind = "cubical"\ndirection = "superlevel"\n'))
    assert list(config.filtrations) == ["sub"]
    assert config.filtrations["sub"].filtration().direction == "superlevel"


def test_a_filtration_lies_over_its_namesake_in_the_preset():
    config = load_config(None, ["preset=zhu2024", "filtrations.alpha.min_persistence=0.01"])
    assert config.channels == [("alpha", 2)]
    assert config.filtrations["alpha"].min_persistence == 0.01


def test_a_table_named_after_a_kind_needs_no_kind(toml):
    config = load_config(toml("[filtrations.alpha]\n[filtrations.cubical]\ndownsample = 2\n"))
    assert config.filtrations["cubical"].filtration().downsample == 2
    assert [c[0] for c in config.channels] == ["alpha"] * 3 + ["cubical"] * 3


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("images.epsilon=0.9", "images", "epsilon", 0.9),
        ("images.weight=power(2)", "images", "weight", "power(2)"),
        ('images.weight="linear"', "images", "weight", "linear"),
        ("images.quantiles=[0.01, 0.99]", "images", "quantiles", [0.01, 0.99]),
        ("superpixels.smoothing=none", "superpixels", "smoothing", "none"),
        ("run.allow_failed=true", "run", "allow_failed", True),
    ],
)
def test_values_of_set_are_toml_and_bare_words_are_text(override, section, key, value):
    assert apply_overrides({}, [override]) == {section: {key: value}}


def test_overrides_do_not_change_what_they_are_given():
    given_ = {"images": {"epsilon": 0.9}}
    apply_overrides(given_, ["images.epsilon=0.1"])
    assert given_ == {"images": {"epsilon": 0.9}}


@settings(max_examples=20)
@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4))
def test_the_last_override_of_a_key_wins(values):
    config = load_config(None, [f"images.epsilon={v}" for v in values])
    assert config.images.epsilon == values[-1]


def test_data_fills_the_path_option_of_the_kind_of_source(toml, tmp_path):
    path = toml('[data]\nkind = "arrays"\npath = "elsewhere"\n')
    config = load_config(path, data=tmp_path)
    assert config.source().path == tmp_path
    medmnist = toml('[data]\nkind = "medmnist"\nname = "organmnist3d"\n')
    assert load_config(medmnist, data=tmp_path).data["data_dir"] == str(tmp_path)
    for text in ('[data]\nkind = "phantoms"\n', "", "data = 3\n", '[data]\nstore = "x"\n'):
        with pytest.raises(
            ConfigError, match=r"--data .* has no meaning for a source of kind 'phantoms'; leave it out"
        ):
            load_config(toml(text), data=tmp_path)


def test_a_store_stands_alone_in_the_data_section(tmp_path):
    assert load_config(None, [f"data.store={tmp_path}"]).store == tmp_path
    assert load_config(None).store is None
    for more in (["data.kind=phantoms"], ["data.store=3"]):
        with pytest.raises(ConfigError, match=r"data\.store is the path of a volume store"):
            load_config(None, [f"data.store={tmp_path}", *more])


WRONG = [
    ("superpixel.n=3", "unknown configuration key 'superpixel'; did you mean 'superpixels'"),
    ("images.eps=0.9", "unknown configuration key 'images.eps'; did you mean 'images.epsilon'"),
    ("run.batches=3", "unknown configuration key 'run.batches'"),
    (
        "filtrations.alpha.engin=gudhi",
        "unknown configuration key 'filtrations.alpha.engin'; did you mean 'filtrations.alpha.engine'",
    ),
    ("filtrations.alpha.engine=cgal", "filtrations.alpha.*engine"),
    ("filtrations.rips.max=3", "filtrations.rips.*unknown filtration kind 'rips'; known are alpha, cubical"),
    ("filtrations.alpha.homology_dimensions=[]", "filtrations.alpha.*each once"),
    ("filtrations.alpha.homology_dimensions=[1, 1]", "filtrations.alpha.*each once"),
    (
        "filtrations.alpha.homology_dimensions=[-1]",
        r"filtrations.alpha.homology_dimensions.0.*greater than or equal to 0",
    ),
    ("filtrations.alpha.min_persistence=1", "filtrations.alpha.min_persistence.*less than 1"),
    ("filtrations={}", "filtrations.*at least 1"),
    ("data.kind=tiff", "no source of kind 'tiff'"),
    ("data.sede=3", "data.kind is not given: choose one of medmnist"),
    ("data={kind='phantoms', sede=3}", "unknown configuration key 'data.sede'; did you mean 'data.seed'"),
    ("data={kind='phantoms', shape=[2, 2, 2]}", "^a phantom 'ball' needs at least"),
    ("images.epsilon=0", r"images.epsilon is 0.0, outside \(0, 1\)"),
    ("images.epsilon=1", r"images.epsilon is 1.0, outside \(0, 1\)"),
    ("images.epsilon=1.5", r"images.epsilon is 1.5, outside \(0, 1\)"),
    ("images.epsilon=nan", r"images.epsilon is nan, outside \(0, 1\)"),
    ("images.epsilon=high", "images.epsilon.*got 'high'"),
    ("images.resolution=0", "images.resolution is 0; use a whole number ≥ 1"),
    ("images.plane=death-birth", "images.plane: .*'birth-death' or 'birth-persistence'.*got 'death-birth'"),
    ("images.weight=cubic", "images.weight is 'cubic'; use .*'linear'"),
    ("images.weight=power(-1)", r"images.weight is 'power\(-1\)'"),
    ("images.sampling=corner", "images.sampling"),
    ("images.normalise=mean", "images.normalise.*'dataset-max'"),
    ("images.outside=wrap", "images.outside"),
    ("images.ranges_from=train", '^images.ranges_from is called reference now, .*: write reference = "train"$'),
    ("reference=test", r'reference: write "all", "train", the folder of a finished run, or a file.* \(got .test.\)'),
    (
        "images.quantiles=[0.9, 0.1]",
        r"images.quantiles are \(0.9, 0.1\); give \(low, high\) with 0 <= low < high <= 1",
    ),
    ("images.quantiles=[0, 2]", r"images.quantiles are \(0.0, 2.0\)"),
    ("images.dtype=float16", "images.dtype"),
    ("superpixels.n_superpixels=7", "superpixels.n_superpixels is 7, .*use 8 or more"),
    ("superpixels.space_weight=1.1", r"superpixels.space_weight is 1.1, outside \[0, 1\]"),
    ("superpixels.grid=hex", "superpixels.grid"),
    ("superpixels.intensity_step=0", "superpixels.intensity_step is 0.0; it must be a positive"),
    ("superpixels.intensity_scale=-1", "superpixels.intensity_scale is -1.0; it must be a positive"),
    ("superpixels.intensity_scale=range", '^superpixels.intensity_scale = "range" .* is gone: write "cohort"'),
    (
        "filtrations.alpha.superpixels={intensity_scale='range'}",
        '^filtrations.alpha.superpixels.intensity_scale = "range" .* is gone',
    ),
    ("run.batch=0", "run.batch"),
    ("run.allow_failed=-1", "run.allow_failed"),
    ("run.allow_quarantined=many%", "run.allow_quarantined"),
    ("run.allow_quarantined=500%", "run.allow_quarantined"),
    ("run.allow_quarantined=many", "run.allow_quarantined"),
    ("preset=adam", "unknown preset 'adam'; did you mean 'adams'"),
    ("preset=report", "^the preset 'report' is called 'zhu2024'; write preset = \"zhu2024\"$"),
    ("preset=[1]", "unknown preset"),
    ("images=3", "images"),
    ("images", "'images' is not section.key=value"),
    ("images..x=3", "not section.key=value"),
]


@pytest.mark.parametrize(("override", "sentence"), WRONG, ids=[o for o, _ in WRONG])
def test_what_is_wrong_is_one_sentence_that_names_the_key(override, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_config(None, [override])
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_value_is_no_section():
    with pytest.raises(ConfigError, match="'epsilon' is a value, not a section"):
        load_config(None, ["images.epsilon=0.5", "images.epsilon.low=0.1"])


def test_a_file_that_is_not_there_or_not_toml_is_named(toml, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read \(No such file"):
        load_config(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match=r"run\.toml is not valid TOML: Invalid value"):
        load_config(toml("images = ["))
    toml("").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"run\.toml is not valid TOML"):
        load_config(tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("given_", "kept"), [("5%", 0.05), ("100%", 1.0), ("3", 3), (3, 3), (0.25, 0.25), (True, 1.0), (False, 0)]
)
def test_a_tolerance_is_a_count_or_a_share(given_, kept):
    tolerance = RunConfig.model_validate({"run": {"allow_quarantined": given_}}).run.allow_quarantined
    assert tolerance == kept
    assert type(tolerance) is type(kept)


def test_a_configuration_cannot_be_changed_behind_the_digests():
    config = load_config(None)
    with pytest.raises(FrozenInstanceError):
        config.images.epsilon = 0.5
    with pytest.raises(ValueError, match="frozen"):
        config.reference = "train"


@pytest.mark.parametrize("text", ["a = " + "[" * 40 + "]" * 40, "a = " + "[" * 5000 + "]" * 5000, "a." * 50 + "b = 1"])
def test_values_nested_too_deeply_are_one_sentence(tmp_path, text):
    (tmp_path / "deep.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"deep.toml is not valid TOML: its values are nested"):
        load_config(tmp_path / "deep.toml")
