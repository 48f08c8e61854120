"""2D-TDA: the method of Zhu et al. (2024) on slices instead of volumes.

Each chosen slice gives an alpha diagram of its superpixels (points y, x, intensity in R³) and cubical diagrams of its
pixels. Superpixels and images have the run's options; ranges and σ come from the training volumes.

A slice can have no bar of positive length in a homology dimension, an empty slice of a mask for one: it then has *no
valid persistence image*. Such cases are counted, reported under every table, and enter the classifier as images of
zeros.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from tdaflow.diagrams import Bars, Channel, RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.tabular import evaluate_columns
from tdaflow.evaluation.baselines.volumes import LabelledVolumes
from tdaflow.evaluation.protocol.choice import candidates
from tdaflow.evaluation.protocol.evaluate import Protocol
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.homology import Alpha, Cubical
from tdaflow.images import image_of
from tdaflow.pipeline.recipe import learnt_scales
from tdaflow.superpixels import SuperpixelOptions, superpixel_point_cloud, with_volume_scale

AXES = "zyx"
FAMILY = "baseline tda2d"
CLASSIFIERS = ("logistic", "forest")

# (name, filtration, homology dimensions of a slice)
_ALPHA = ("alpha", Alpha(), (0, 1, 2))
_CUBICAL = (
    ("sublevel", Cubical(direction="sublevel"), (0, 1)),
    ("superlevel", Cubical(direction="superlevel"), (0, 1)),
)


@dataclass(frozen=True)
class SliceAt:
    """One slice: the axis it is perpendicular to (0 is z), and its index, None for the middle one."""

    axis: int = 0
    index: int | None = None

    @property
    def name(self) -> str:
        """Name of the slice, such as "z14" or "z central"."""
        return f"{AXES[self.axis]} central" if self.index is None else f"{AXES[self.axis]}{self.index}"

    def of(self, volume: np.ndarray) -> np.ndarray:
        """Cut the 2D slice out of a volume; InputError if the index is too large."""
        length = volume.shape[self.axis]
        index = length // 2 if self.index is None else self.index
        if index >= length:
            raise InputError(
                f"there is no slice {self.name}: a volume has {length} along {AXES[self.axis]}, 0 is the first"
            )
        return volume.take(index, axis=self.axis)


CENTRAL = (SliceAt(0),)


def parsed_slices(text: str) -> tuple[SliceAt, ...]:
    """Read "central" (middle axial slice), "central-3" (the middle of each axis), or a list such as "z10,z14,x3"."""
    if text == "central":
        return CENTRAL
    if text == "central-3":
        return tuple(SliceAt(axis) for axis in range(3))
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([zyx])(\d+)\s*", part)
        if not match:
            raise InputError(
                f"slices {text!r} cannot be read: write central, central-3, or axis and index such as z10,z14,x3"
            )
        found.append(SliceAt(AXES.index(match[1]), int(match[2])))
    return tuple(dict.fromkeys(found))


def tda2d_title(slices: Sequence[SliceAt]) -> str:
    """Name of 2D-TDA on some slices in tables."""
    return f"2D-TDA ({', '.join(s.name for s in slices)})"


@dataclass(frozen=True)
class SliceDiagrams:
    """Diagrams of the slices of all volumes.

    Attributes
    ----------
    channels : tuple of Channel
        ("alpha z central", 1), …: filtration with slice, and homology dimension.
    diagrams : list of mapping
        One a volume: channel to bars (n, 2) of positive length.
    """

    channels: tuple[Channel, ...]
    diagrams: list[Mapping[Channel, Bars]]

    def n_invalid(self) -> dict[str, int]:
        """Number of volumes without a valid persistence image (without any bar), by channel."""
        return {f"{name} H{k}": sum(not d[name, k].n_bars for d in self.diagrams) for name, k in self.channels}

    def n_all_invalid(self, filtration: str) -> int:
        """Number of volumes without a bar in any slice and dimension of one filtration ("" for all of them)."""
        mine = [c for c in self.channels if c[0].startswith(filtration)]
        return sum(not any(d[c].n_bars for c in mine) for d in self.diagrams)


def slice_diagrams(volumes: LabelledVolumes, slices: Sequence[SliceAt]) -> SliceDiagrams:
    """Compute the diagrams of every volume's slices.

    Raises
    ------
    InputError
        For a slice that a volume does not have, or of fewer than 8 pixels.
    """
    config, table = volumes.config, volumes.table
    learnt = next(iter(learnt_scales(config, table).values()), None)
    superpixels = config.superpixels
    if learnt is not None:
        superpixels = replace(superpixels, intensity_scale=learnt.for_clouds)
    found: list[Mapping[Channel, Bars]] = []
    for voxels, spacing, (low, high) in zip(volumes.voxels(), table.spacing, table.extent, strict=True):
        options = with_volume_scale(superpixels, voxels.shape, spacing, high - low)
        diagrams: dict[Channel, Bars] = {}
        for at in slices:
            plane = at.of(voxels)
            points = _points(plane, np.delete(spacing, at.axis), options)
            for name, filtration, dimensions in (_ALPHA, *_CUBICAL):
                diagram = filtration.diagram(points if filtration.takes == "points" else plane, dimensions)
                clean = diagram.with_essential(filtration.default_essential)
                diagrams |= {(f"{name} {at.name}", k): clean.bars[k] for k in dimensions}
        found.append(diagrams)
    channels = tuple(
        (f"{name} {at.name}", k) for at in slices for name, _, dimensions in (_ALPHA, *_CUBICAL) for k in dimensions
    )
    return SliceDiagrams(channels, found)


def _points(plane: np.ndarray, spacing: np.ndarray, options: SuperpixelOptions) -> np.ndarray:
    """Superpixels of a slice as points (y, x, I): as many as the volume has, at most one a pixel."""
    n = min(options.n_superpixels, plane.size)
    # A slice has no thickness; that of a pixel keeps the grid's blocks square.
    thick = (float(spacing.min()), *map(float, spacing))
    return superpixel_point_cloud(plane[None], **asdict(replace(options, n_superpixels=n)), spacing=thick)[:, 1:]  # type: ignore[arg-type]


def slice_images(volumes: LabelledVolumes, made: SliceDiagrams) -> dict[str, np.ndarray]:
    """Flattened persistence images (n, pixels) of every channel that has a bar in train, ranges and σ from train.

    A volume without a valid image has a row of zeros.
    """
    images, train = volumes.config.images, volumes.train
    of_train = (made.diagrams[row] for row in np.flatnonzero(train))
    record = RangeRecord.from_volumes(of_train, made.channels, images.quantiles)
    blocks = {}
    for channel in made.channels:
        if not record.channels[channel].n_bars:
            continue
        # Alpha H0 is born at 0 throughout: one column holds it all.
        columns = 1 if channel[0].startswith("alpha") and channel[1] == 0 else images.shape[1]
        shape = (images.shape[0], columns)
        ranges = resolve_ranges(record, channel, resolution=shape, plane=images.plane)
        options = replace(images, resolution=shape, normalise=None)
        rows = [
            image_of(options, bars.pairs, ranges.birth_range, ranges.death_range, counts=bars.counts).ravel()
            for bars in (diagram[channel] for diagram in made.diagrams)
        ]
        blocks[f"{channel[0]} H{channel[1]}"] = np.array(rows, dtype=np.float32)
    return blocks


def evaluate_tda2d(
    volumes: LabelledVolumes,
    slices: Sequence[SliceAt],
    ledger: Ledger,
    *,
    n_seeds: int,
    allow_second_test: bool = False,
) -> Predictions:
    """Evaluate 2D-TDA under the protocol; channels and classifier are chosen on validation.

    Raises
    ------
    InputError
        If no training volume has a valid persistence image in any channel: the row is then "n/a".
    """
    made = slice_diagrams(volumes, slices)
    blocks = slice_images(volumes, made)
    invalid, n = made.n_invalid(), len(volumes)
    if not blocks:
        raise InputError(
            f"no training volume has a valid 2D persistence image ({n} volumes, slices "
            f"{', '.join(s.name for s in slices)}): the row is n/a, or choose other slices"
        )
    features = volumes.features(blocks, slices=[s.name for s in slices])
    counted = ", ".join(f"{name} {count}" for name, count in invalid.items() if count) or "none"
    facts = {
        "n_volumes": n,
        "no_valid_pi": invalid,
        "no_valid_pi_in_any_channel": made.n_all_invalid(""),
        "no_valid_cubical_pi": sum(
            not any(bars.n_bars for (name, _), bars in d.items() if not name.startswith("alpha")) for d in made.diagrams
        ),
    }
    return evaluate_columns(
        features,
        candidates(list(blocks), CLASSIFIERS, Protocol(CLASSIFIERS).resolved(features).channels),
        title=tda2d_title(slices),
        family=FAMILY,
        ledger=ledger,
        n_seeds=n_seeds,
        note=(
            f"No valid PI (no bar of positive length), of {n} volumes: {counted}; no cubical one at all: "
            f"{facts['no_valid_cubical_pi']}. They enter as all-zero images."
        ),
        allow_second_test=allow_second_test,
        details=facts,
    )
