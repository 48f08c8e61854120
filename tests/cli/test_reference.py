"""``tdaflow reference``: files of sites, their shares, and the risk that remains."""

import numpy as np
import pytest

from tdaflow.cli.reference import reference_command
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two sites of 10 and 30 volumes."""
    root = tmp_path_factory.mktemp("sites")
    for name, n in (("a", 10), ("b", 30)):
        np.save(root / f"{name}.npy", np.random.default_rng(n).random((n, 6, 6, 6)).astype(np.float32))
        config = RunConfig.model_validate(
            {
                "data": {"kind": "arrays", "path": str(root / f"{name}.npy")},
                "filtrations": {"sublevel": {"kind": "cubical", "homology_dimensions": [0]}},
                "images": {"resolution": 4},
            }
        )
        run(config, RunFolder(root / name), InProcess(), Silent())
    return root


def test_shares_the_next_step_and_the_risk_are_said(runs, tmp_path, capsys):
    files = [tmp_path / f"{name}.json" for name in "ab"]
    for name, file in zip("ab", files, strict=True):
        assert reference_command([runs / name], file, merged=False) == 0
    assert "counts of 10 volumes, no volume and no id" in capsys.readouterr().err
    assert reference_command(files, tmp_path / "joint.json", merged=True) == 0
    said = capsys.readouterr().err
    for expected in ("a.json: 10 volumes, 25.0% of all", "--set reference=FILE", "risk: who has two releases"):
        assert expected in said


def test_what_is_no_request_is_refused(runs, tmp_path):
    with pytest.raises(ConfigError, match="the folder of one run, or --merge"):
        reference_command([runs / "a", runs / "b"], tmp_path / "a.json", merged=False)
    with pytest.raises(ConfigError, match=r"ends in \.json"):
        reference_command([runs / "a"], tmp_path / "a.txt", merged=False)
