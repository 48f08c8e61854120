"""How regions and vectorisations are written, what is refused, and that leaving them out changes no digest."""

import pytest

from tdaflow.config import RunConfig, load_config
from tdaflow.errors import ConfigError
from tdaflow.homology.regions import REGION_PRESETS, Regions
from tdaflow.vectorisations import Atol, Betti, Landscape


def digests(*overrides: str) -> tuple[str, str]:
    config = load_config(None, overrides)
    diagrams = config.diagrams_digest("volumes")
    return diagrams, config.images_digest(diagrams)


@pytest.mark.parametrize(
    ("written", "regions"),
    [
        ("'whole'", Regions()),
        ("'octants'", REGION_PRESETS["octants"]),
        ("{blocks = [1, 2, 3], overlap = 0.5, whole = true}", Regions((1, 2, 3), 0.5, True)),
    ],
)
def test_regions_have_names_or_are_written_out(written, regions):
    config = load_config(None, [f"filtrations.alpha.regions={written}"])
    assert config.filtrations["alpha"].regions == regions
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("override", "match"),
    [
        ("filtrations.alpha.regions='quadrants'", r"must be 'whole', 'octants', .* or a table such as"),
        ("filtrations.alpha.regions={blocks=[2, 2]}", "blocks"),
        ("filtrations.alpha.regions={blocks=[2, 2, 0]}", "blocks"),
        ("filtrations.alpha.regions={overlap=1.5, blocks=[2, 2, 2]}", "overlap=1.5"),
        (
            "filtrations.alpha.regions={block=[2, 2, 2]}",
            "unknown configuration key 'filtrations.alpha.regions.block'; did you mean '.*.blocks'",
        ),
        ("filtrations={'a@z0y0x0'={kind='alpha'}}", "named like a block"),
        ("vectorisations=['bettis']", "unknown vectorisation 'bettis'; did you mean 'betti'"),
        ("vectorisations='betti'", "must be a table"),
        (
            "vectorisations.betti.sigma=3",
            "unknown configuration key 'vectorisations.betti.sigma'; known are resolution",
        ),
        ("vectorisations.betti.resolution=0", "resolution=0"),
        ("vectorisations.landscape.n_landscapes='x'", "n_landscapes"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(override, match):
    with pytest.raises(ConfigError, match=match) as refusal:
        load_config(None, [override])
    assert "\n" not in str(refusal.value)


def test_vectorisations_are_a_table_or_a_list():
    table = load_config(None, ["vectorisations.landscape.n_landscapes=2", "vectorisations.betti={}"])
    assert table.vectorisation_options() == {"betti": Betti(), "landscape": Landscape(n_landscapes=2)}
    assert load_config(None, ["vectorisations=['atol']"]).vectorisation_options() == {"atol": Atol()}
    assert RunConfig.model_validate(table.model_dump(mode="json")) == table


def test_the_whole_volume_and_no_vectorisation_are_what_is_left_out():
    assert digests("filtrations.alpha.regions='whole'", "vectorisations=[]") == digests()


def test_regions_change_the_diagrams_and_vectorisations_the_images_only():
    regional = digests("filtrations.alpha.regions='octants'")
    assert regional[0] != digests()[0]
    assert digests("filtrations.alpha.regions={blocks=[2, 2, 2]}") == regional
    with_betti = digests("vectorisations=['betti']")
    assert with_betti[0] == digests()[0]
    assert with_betti[1] != digests()[1]
    assert with_betti[1] != digests("vectorisations.betti.resolution=16")[1]
    assert with_betti == digests("vectorisations.betti.resolution=32")
