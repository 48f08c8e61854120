"""Named preprocessings.

CT windows are those of radiological reading (width W, level L, in HU): abdomen W 400 L 40, lung W 1500 L −600, bone
W 1800 L 400; see "Windowing (CT)", Radiopaedia.org. They end on 0–255 in uint8, the grey
values that the other parameters' defaults are made for; one grey level is then 1.6, 5.9 and 7.1 HU, below the noise of
a voxel. All their bounds are fixed, so they work block by block.

The MR preset is nnU-Net's for modalities without a unit (F. Isensee et al., Nature Methods 18, 2021), with the
statistics of the voxels that are not zero.
"""

from typing import Any


def _ct(width: float, level: float) -> tuple[dict[str, Any], ...]:
    low, high = level - width / 2, level + width / 2
    return (
        {"step": "window", "low": low, "high": high},
        {"step": "rescale", "low": 0, "high": 255, "from_low": low, "from_high": high, "dtype": "uint8"},
    )


PRESETS: dict[str, tuple[dict[str, Any], ...]] = {
    "ct-abdomen": _ct(400, 40),
    "ct-lung": _ct(1500, -600),
    "ct-bone": _ct(1800, 400),
    "mr-zscore": ({"step": "zscore", "over": "nonzero"},),
}
"""Tables of steps by name; see the module for where they come from."""
