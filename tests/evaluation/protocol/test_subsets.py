"""Which subsets of blocks are tried: coarse ones always, fine ones while there are few, regions never apart."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.config import RunConfig
from tdaflow.evaluation import Features, load_features, subsets
from tdaflow.evaluation.protocol.choice import scale_widths
from tdaflow.evaluation.protocol.subsets import MOST_SUBSETS
from tdaflow.homology.regions import REGION_PRESETS
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder
from tdaflow.store.block_names import BlockName

OCTANTS = REGION_PRESETS["octants"].names


def names(filtrations, dimensions=(0, 1, 2), regions=("whole",), kinds=("image",)) -> list[str]:
    return [str(BlockName(*parts)) for parts in itertools.product(filtrations, dimensions, regions, kinds)]


@settings(max_examples=60, deadline=None)
@given(
    st.text(min_size=1).filter(lambda t: t.strip() == t and "\n" not in t and " H" not in t),
    st.integers(0, 9), st.sampled_from(["whole", *OCTANTS]), st.sampled_from(["image", "betti", "atol"]),
)  # fmt: skip
def test_a_name_can_be_taken_apart_again(filtration, dimension, region, kind):
    name = BlockName(filtration, dimension, region, kind)
    assert BlockName.parsed(str(name)) == name


def test_names_are_short_where_there_is_nothing_to_tell():
    assert names(["sub"], [1], ["whole", "z0y0x1"], ["image", "betti"]) == [
        "sub H1", "sub H1 betti", "sub H1 @z0y0x1", "sub H1 @z0y0x1 betti",
    ]  # fmt: skip
    assert BlockName.parsed("the last layer of a network") is None


def test_regions_of_a_channel_stay_together():
    blocks = names(["sub", "super"], [0, 1], OCTANTS)
    found = subsets(blocks)
    assert list(found) == [
        "sub H0", "sub H1", "super H0", "super H1", "sub, all dimensions", "super, all dimensions",
        "H0, all filtrations", "H1, all filtrations", "all channels",
    ]  # fmt: skip
    assert found["sub H0"] == tuple(names(["sub"], [0], OCTANTS))
    assert found["all channels"] == tuple(blocks)


def test_whole_volumes_and_regions_are_also_tried_apart():
    found = subsets(names(["sub"], [0, 1], ["whole", "z0y0x0", "z0y0x1"]))
    assert found["whole volume, all channels"] == ("sub H0", "sub H1")
    assert found["regions, all channels"] == tuple(names(["sub"], [0, 1], ["z0y0x0", "z0y0x1"]))


def test_kinds_are_tried_apart_and_together():
    found = subsets(names(["sub"], [0, 1], kinds=["image", "betti"]))
    assert found == {
        "sub H0": ("sub H0",), "sub H0 betti": ("sub H0 betti",), "sub H1": ("sub H1",),
        "sub H1 betti": ("sub H1 betti",), "sub H0, all kinds": ("sub H0", "sub H0 betti"),
        "sub H1, all kinds": ("sub H1", "sub H1 betti"), "sub image, all dimensions": ("sub H0", "sub H1"),
        "sub betti, all dimensions": ("sub H0 betti", "sub H1 betti"),
        "sub, all dimensions": ("sub H0", "sub H0 betti", "sub H1", "sub H1 betti"),
    }  # fmt: skip


def test_a_block_of_something_else_stands_for_itself():
    found = subsets(["alpha H1", "a network"])
    assert found["a network"] == ("a network",)
    assert found["all channels"] == ("alpha H1", "a network")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_there_are_never_many_and_the_whole_is_always_among_them(n_filtrations, n_dimensions, n_kinds, regional):
    blocks = names(
        [f"f{i}" for i in range(n_filtrations)], range(n_dimensions), OCTANTS if regional else ["whole"],
        ["image", "betti", "landscape", "silhouette", "entropy", "atol"][:n_kinds],
    )  # fmt: skip
    found = subsets(blocks)
    assert len(found) <= MOST_SUBSETS
    assert tuple(blocks) in found.values()
    assert len(set(found.values())) == len(found)
    assert [len(members) for members in found.values()] == sorted(len(members) for members in found.values())


@pytest.mark.parametrize(
    ("block", "widths"),
    [
        ("sub H1", [3]), ("sub H1 betti", [3]), ("sub H1 @z0y0x0 atol", [3]), ("sub H1 statistics", [1, 1, 1]),
        ("a network", [3]),
    ],
)  # fmt: skip
def test_only_numbers_of_one_unit_share_a_scale(block, widths):
    assert scale_widths(block, 3) == widths


def test_a_run_becomes_blocks_of_every_region_and_kind(tmp_path):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).integers(0, 9, (4, 6, 6, 6)).astype(np.uint8))
    rows = [f"v{i},{i % 2},train" for i in range(4)]
    (tmp_path / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    config = {
        "data": {"kind": "arrays", "path": str(tmp_path / "stack.npy"), "table": str(tmp_path / "table.csv")},
        "filtrations": {"sub": {"kind": "cubical", "homology_dimensions": [1], "regions": {"blocks": [1, 1, 2]}}},
        "images": {"resolution": 4},
        "vectorisations": ["statistics", "betti"],
    }
    run(RunConfig.model_validate(config), RunFolder(tmp_path / "run"), InProcess(), Silent())
    features: Features = load_features(tmp_path / "run")
    assert {name: block.shape for name, block in features.blocks.items()} == {
        "sub H1 @z0y0x0": (4, 16), "sub H1 @z0y0x0 betti": (4, 32), "sub H1 @z0y0x0 statistics": (4, 38),
        "sub H1 @z0y0x1": (4, 16), "sub H1 @z0y0x1 betti": (4, 32), "sub H1 @z0y0x1 statistics": (4, 38),
    }  # fmt: skip
