"""Small stores, and a way to damage them."""

from pathlib import Path

import numpy as np
import pytest

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.sources import Volume
from tdaflow.store import ChannelAxes, DiagramBatch, DiagramStore, FeatureStore, VolumeBuilder, VolumeStore, VolumeTable


@pytest.fixture
def flip_byte():
    """Flip one byte in the middle of every chunk of an array; return how many chunks there were."""

    def flip(array: Path) -> int:
        chunks = [f for f in array.rglob("*") if f.is_file() and f.name != "zarr.json"]
        for chunk in chunks:
            data = bytearray(chunk.read_bytes())
            data[len(data) // 2] ^= 0x40
            chunk.write_bytes(data)
        return len(chunks)

    return flip


@pytest.fixture
def built(tmp_path):
    """Maker of a finished volume store of the given volumes and rejections."""

    def make(items, *, shape=None, dtype=None, name: str = "volumes.zarr", attributes=None) -> VolumeStore:
        builder = VolumeBuilder.create(
            tmp_path / f".{name}", n_entries=len(items), shape=shape, dtype=dtype, attributes=attributes or {}
        )
        for start in range(0, len(items), builder.chunk):
            part = items[start : start + builder.chunk]
            builder.write_part(start, builder.write_voxels(start, part))
        builder.finish(tmp_path / name)
        return VolumeStore(tmp_path / name)

    return make


@pytest.fixture
def volume_store(built):
    """Maker of a volume store of the given arrays."""

    def make(arrays, *, equal: bool = True, name: str = "volumes.zarr") -> VolumeStore:
        volumes = [
            Volume(f"v{i}", voxels, (1.0, 0.5, 0.25), label=i, split="train", group=f"g{i}")
            for i, voxels in enumerate(arrays)
        ]
        return built(
            volumes, shape=arrays[0].shape if equal else None, dtype=arrays[0].dtype if equal else None, name=name
        )

    return make


@pytest.fixture
def diagram_store(tmp_path) -> DiagramStore:
    """An empty diagram store."""
    return DiagramStore.create(tmp_path / "diagrams.zarr", digest="d", filtrations=["alpha", "sublevel"])


@pytest.fixture
def batch():
    """Maker of a batch whose row r has r + 1 bars in alpha H1 and none in sublevel H0."""

    def make(start: int, stop: int) -> DiagramBatch:
        diagrams = [
            {("alpha", 1): Bars.of(np.arange(2.0 * (row + 1)).reshape(-1, 2)), ("sublevel", 0): NO_BARS}
            for row in range(start, stop)
        ]
        return DiagramBatch(start, stop, diagrams, [{"id": f"v{row}", "status": "ok"} for row in range(start, stop)])

    return make


@pytest.fixture
def feature_store(tmp_path):
    """Maker of an unwritten feature store of n volumes: two image channels and one vector channel."""

    def make(n: int = 3, *, path: Path = tmp_path / "features.in-progress") -> FeatureStore:
        text = np.array(["Ünïcode-肺", "b", "c", "d", "e"][:n], dtype=object)
        table = VolumeTable(
            id=text,
            label=np.arange(n) - 1,
            split=np.array(["train"] * n, dtype=object),
            group=np.array([""] * n, dtype=object),
            row=np.arange(n),
            shape=np.ones((n, 3), dtype=np.int64),
            spacing=np.ones((n, 3)),
            minimum=np.zeros(n),
            maximum=np.ones(n),
            extent=np.tile([0.0, 1.0], (n, 1)),
            quantiles=np.tile([0.0, 0.5, 1.0], (n, 1)),
            background=np.tile([0.0, 0.1], (n, 1)),
            others=np.tile([0.0, 1.0], (n, 1)),
            n_values=np.full(n, 256),
            dtype=np.array(["uint8"] * n, dtype=object),
            digest=text,
            facts=text,
            reason=np.array([""] * n, dtype=object),
        )

        def channel(dimension: int, *, vector: bool) -> ChannelAxes:
            birth = np.zeros(1) if vector else np.arange(5.0)
            return ChannelAxes("alpha", dimension, (0.0, 1.0), (0.0, 2.0), 0.5, birth, np.arange(4.0), vector=vector)

        return FeatureStore.create(
            path,
            table=table,
            rows=np.arange(n),
            channels=[channel(0, vector=True), channel(1, vector=False), channel(2, vector=False)],
            dtype="float32",
            attributes={"digest": "images", "rows": "these"},
        )

    return make


@pytest.fixture
def chunk_of_features():
    """Maker of the parts of one chunk: every pixel has the given value."""

    def make(n: int, value: float) -> dict[str, np.ndarray]:
        return {
            "persistence_vector": np.full((n, 1, 4), value, np.float32),
            "persistence_image": np.full((n, 2, 4, 5), value, np.float32),
            "vector_n_bars": np.full((n, 1), 7, np.int32),
            "vector_n_outside": np.full((n, 1), 1, np.int32),
            "n_bars": np.full((n, 2), 0, np.int32),
            "n_outside": np.full((n, 2), 2, np.int32),
        }

    return make
