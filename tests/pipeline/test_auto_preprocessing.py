"""preprocess.preset = "auto": resolved once for a cohort by its modality, said, recorded, and kept."""

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.store import VolumeStore


@pytest.fixture
def modalities(save_stack, volumes, tmp_path):
    """Maker of the data section of a stack whose table names modalities."""

    def make(*named: str) -> dict[str, str]:
        data = save_stack(tmp_path / "data", volumes[: len(named)])
        rows = [f"v{i},{i % 2},train,{name}" for i, name in enumerate(named)]
        (tmp_path / "data" / "table.csv").write_text("\n".join(["id,label,split,modality", *rows]) + "\n")
        return data

    return make


AUTO = {"preset": "auto"}


def test_mr_gets_the_robust_preset_and_a_sentence(sync, settings, folder, observer, modalities):
    sync(settings(data=modalities(*["MR"] * 6), preprocess=AUTO), observer=observer)
    assert any("mr" in m and "--set preprocess.preset=" in m for m in observer.messages)
    store = VolumeStore(folder.volumes)
    assert [step["step"] for step in store.attributes["preprocessing"]] == ["robust-zscore"]
    assert np.abs(np.median(next(iter(store.voxels(0, 1))))) < 0.5


def test_what_was_chosen_holds_when_the_run_goes_on(sync, settings, folder, modalities):
    config = settings(data=modalities(*["MR"] * 6), preprocess=AUTO)
    sync(config)
    before = VolumeStore(folder.volumes).digest
    sync(config)
    assert VolumeStore(folder.volumes).digest == before


def test_another_preset_is_another_source(sync, settings, folder, modalities):
    data = modalities(*["MR"] * 6)
    sync(settings(data=data, preprocess=AUTO))
    with pytest.raises(ConfigError, match="preprocessing has changed"):
        sync(settings(data=data, preprocess={"preset": "mr-zscore"}))


def test_a_cohort_without_known_modality_stays_as_it_is(sync, settings, folder, data):
    sync(settings(data=data, preprocess=AUTO))
    assert VolumeStore(folder.volumes).attributes["preprocessing"] == []


def test_mixed_modalities_are_refused_before_anything_is_written(sync, settings, folder, modalities):
    with pytest.raises(InputError, match=r"CT.*MR|MR.*CT"):
        sync(settings(data=modalities("MR", "CT", "MR", "CT"), preprocess=AUTO))
    assert not folder.volumes.exists()
