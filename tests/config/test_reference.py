"""The configuration reference: every key is there, explained, and means what it says."""

import inspect
import tomllib
from dataclasses import fields

import pytest

from tdaflow.config import PRESETS, RunConfig, load_config
from tdaflow.config.docstrings import described
from tdaflow.config.json_schema import json_schema
from tdaflow.config.reference import STEP, reference, reference_text
from tdaflow.config.sections import ExecutionConfig, FiltrationConfig
from tdaflow.config.toml import to_toml
from tdaflow.errors import ConfigError
from tdaflow.homology import FILTRATIONS
from tdaflow.homology.regions import Regions
from tdaflow.images import ImageOptions
from tdaflow.packaged import packaged_file, packaged_names
from tdaflow.preprocessing import Preprocessing
from tdaflow.preprocessing.pipeline import STEPS
from tdaflow.sources import SOURCES
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import VECTORISATIONS

KEYS = reference()
# What a source cannot do without, and what makes a step with every other option left out.
NEEDED = {"medmnist": ['data.name="organmnist3d"'], "arrays": ["data.path=a.npy"]}
STEP_OPTIONS = {"window": "low=0, high=1", "clip": "low=0", "resample": "spacing=2", "crop-pad": "shape=[4, 4, 4]"}


@pytest.fixture(scope="module")
def schema():
    return json_schema()


def same(config: RunConfig):
    """What two configurations that give the same run have in common."""
    diagrams = config.diagrams_digest("v")
    return config.run, config.preprocessing(), config.images, diagrams, config.images_digest(diagrams)


def declared():
    """(section, kind or "", option) of every option of every dataclass that a configuration is made of."""
    for section, cls in {
        "superpixels": SuperpixelOptions, "images": ImageOptions, "preprocess": Preprocessing,
        "filtrations.NAME.regions": Regions, **{f"vectorisations.{k}": v for k, v in VECTORISATIONS.items()},
    }.items():  # fmt: skip
        yield from ((section, "", name) for name in inspect.signature(cls).parameters)
    for section, table in {"data": SOURCES, STEP: STEPS, "filtrations.NAME": FILTRATIONS}.items():
        for kind, cls in table.items():
            yield from ((section, kind, f.name) for f in fields(cls) if f.init)
    yield from (("run", "", name) for name in ExecutionConfig.model_fields)
    yield from (("filtrations.NAME", "", name) for name in FiltrationConfig.model_fields if name != "options")


@pytest.mark.parametrize(("section", "kind", "name"), list(declared()))
def test_every_option_is_printed_with_its_meaning(section, kind, name):
    (key,) = [k for k in KEYS if (k.section, k.name) == (section, name) and (kind in k.kinds if kind else not k.kinds)]
    assert key.type
    assert key.meaning
    assert "`" not in key.meaning


def test_the_top_level_and_every_kind_are_printed():
    text = reference_text()
    assert all(f"{name} = " in text for name in ("preset", "reference", "vectorisations", "data.kind"))
    for kind in (*SOURCES, *STEPS, *FILTRATIONS, *PRESETS):
        assert f'"{kind}"' in text
    assert all(kind in text for kind in VECTORISATIONS)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width):
    lines = reference_text(width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("key", "kind"),
    # A crop without a shape is refused as one that was forgotten.
    [
        (key, kind)
        for key in KEYS
        for kind in key.kinds or ("",)
        if key.default is not None and (kind, key.name) != ("crop-pad", "shape")
    ],
    ids=lambda x: x if isinstance(x, str) else x.key,
)
def test_every_printed_default_is_accepted_back(key, kind, tmp_path):
    if key.section == STEP:
        needed = STEP_OPTIONS.get(kind, "")
        if needed.startswith(key.name):  # one of several ways to say it: another one is needed beside the default
            needed = {"window": "percentiles=[1, 99]", "clip": "high=1", "resample": "shape=[4, 4, 4]"}.get(kind, "")
        if kind == "window" and key.name == "high":
            needed = "percentiles=[1, 99]"
        given = ", ".join([f'step="{kind}"', *filter(None, [needed]), f"{key.name}={key.default}"])
        load_config(None, [f"preprocess.steps=[{{{given}}}]"])
        return
    context = []
    name = kind or "alpha"
    if key.section == "data":
        context = [f"data.kind={kind or 'phantoms'}", *NEEDED.get(kind, [f"data.path={tmp_path}"])]
        context = context[:1] if kind in ("", "phantoms") else context
    elif key.section.startswith("filtrations"):
        context = [f"filtrations.{name}.kind={name}"]
    elif key.section.startswith("vectorisations"):
        context = [f"{key.section}={{}}"]
    typed = f"{key.key}={key.default}".replace("NAME", name)
    assert same(load_config(None, [*context, typed])) == same(load_config(None, [c for c in context if c != typed]))


def test_the_wrong_value_of_a_printed_key_is_told_by_that_key():
    for key in KEYS:
        if key.section in ("superpixels", "images", "run") and key.type.startswith(("int", "float")):
            with pytest.raises(ConfigError, match=f"{key.key}[ :=.]"):
                load_config(None, [f"{key.key}=[]"])


def test_units_stand_where_there_are_some():
    units = {key.key: key.unit for key in KEYS}
    assert units["filtrations.NAME.sigma"] == "mm"
    assert units["run.volume_seconds"] == "seconds"
    assert units["data.noise"] == "grey levels"
    assert units["images.epsilon"] == ""


WORKFLOWS = [name for name in packaged_names("workflows") if name.endswith(".toml")]
RUNS = [n for n in WORKFLOWS if "data" in tomllib.loads(packaged_file("workflows", n).read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", RUNS)
def test_a_resolved_configuration_gives_the_same_run(name, tmp_path):
    config = load_config(packaged_file("workflows", name), ["images.epsilon=0.9"])
    written = tmp_path / "resolved.toml"
    written.write_text(to_toml(config), encoding="utf-8")
    again = load_config(written)
    assert again.source() == config.source()
    assert (again.preset, again.reference, same(again)) == (config.preset, config.reference, same(config))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_resolved_preset_gives_the_same_run(preset, tmp_path):
    config = load_config(None, [f"preset={preset}", "filtrations.alpha.regions={blocks=[1, 2, 3]}"])
    (tmp_path / "resolved.toml").write_text(to_toml(config), encoding="utf-8")
    assert same(load_config(tmp_path / "resolved.toml")) == same(config)


def test_the_json_schema_accepts_every_workflow_and_what_is_resolved(schema):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in RUNS:
        path = packaged_file("workflows", name)
        jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), schema)
        jsonschema.validate(tomllib.loads(to_toml(load_config(path))), schema)
    jsonschema.validate({}, schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"superpixel": {}},
        {"images": {"epsilonn": 0.9}},
        {"images": {"plane": "death-birth"}},
        {"data": {"kind": "tiff"}},
        {"data": {"kind": "nifti"}},
        {"filtrations": {"x": {"kind": "log", "sigmaa": 1}}},
        {"preprocess": {"steps": [{"low": 1}]}},
    ],
)
def test_the_json_schema_refuses_what_a_run_refuses(wrong, schema):
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
    with pytest.raises(ValueError, match=r"."):
        RunConfig.model_validate(wrong)


def test_the_schema_says_what_a_key_means(schema):
    epsilon = schema["properties"]["images"]["properties"]["epsilon"]
    assert epsilon["description"] == described(ImageOptions)["epsilon"].meaning
    assert epsilon["default"] == 0.95
