"""Tiny files in the published layout, and a registry that expects them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tdaflow.sources import Growing, registry

COUNTS = {"train": 4, "val": 2, "test": 3}


@pytest.fixture
def tiny_registry(monkeypatch):
    """The real registry with splits of 4, 2 and 3 volumes."""
    entries = {name: replace(e, splits=COUNTS) for name, e in registry.medmnist3d_registry().items()}
    monkeypatch.setattr(registry, "medmnist3d_registry", lambda: entries)
    return entries


@pytest.fixture
def medmnist_arrays():
    """Maker of the arrays of a tiny set; voxel [0, 0, 0] is the volume's running number."""

    def make(size: int = 28, n_classes: int = 2) -> dict[str, np.ndarray]:
        arrays, number = {}, 0
        for split, n in COUNTS.items():
            images = np.full((n, size, size, size), 200, np.uint8)
            images[:, 0, 0, 0] = np.arange(number, number + n)
            arrays[f"{split}_images"] = images
            arrays[f"{split}_labels"] = (np.arange(n) % n_classes).astype(np.uint8)[:, None]
            number += n
        return arrays

    return make


@pytest.fixture
def save_npz(tmp_path):
    """Writer of a compressed .npz in tmp_path."""

    def save(name: str, arrays: dict[str, np.ndarray]) -> Path:
        path = tmp_path / name
        np.savez_compressed(path, **arrays)
        return path

    return save


@pytest.fixture
def assert_grows():
    """Check that a source knows its volumes unread, and that the same ones are the same once others are added."""

    def check(source, add):
        assert isinstance(source, Growing)
        before = source.members()
        items = list(source.volumes())
        assert [(m.id, m.label, m.split, m.group) for m in before] == [(i.id, i.label, i.split, i.group) for i in items]
        assert json.loads(json.dumps([m.made_of for m in before])) is not None
        add()
        after = {m.id: m for m in source.members()}
        assert all(after[m.id] == m for m in before)
        added = [identity for identity in after if identity not in {m.id for m in before}]
        assert added
        assert [item.id for item in source.volumes(only=set(added))] == added
        assert source.describe().n_volumes == len(after)

    return check
