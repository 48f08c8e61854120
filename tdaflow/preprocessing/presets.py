"""Named preprocessings.

CT windows are those of radiological reading (width W, level L, in HU): abdomen W 400 L 40, lung W 1500 L −600, bone
W 1800 L 400; see "Windowing (CT)", Radiopaedia.org. They end on 0–255 in uint8, the grey
values that the defaults of the other parameters assume; one grey level is then 1.6, 5.9 and 7.1 HU, below the noise of
a voxel. All their bounds are fixed, so they can be applied in blocks.

"mr" is for modalities without a unit, where every scan has its own scale: nonzero voxels get median 0 and spread 1.
"mr-zscore" uses mean and standard deviation, as nnU-Net does (F. Isensee et al., Nature Methods 18, 2021); one outlier
can set both, so prefer "mr".

"none" does nothing. "auto" chooses by the modality of a cohort, see `resolved_preset`.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tdaflow.errors import InputError

AUTO = "auto"
"""Preset that `resolved_preset` replaces by another one."""


def _ct(width: float, level: float) -> tuple[dict[str, Any], ...]:
    low, high = level - width / 2, level + width / 2
    return (
        {"step": "window", "low": low, "high": high},
        {"step": "rescale", "low": 0, "high": 255, "from_low": low, "from_high": high, "dtype": "uint8"},
    )


PREPROCESSING_PRESETS: dict[str, tuple[dict[str, Any], ...]] = {
    "ct-abdomen": _ct(400, 40),
    "ct-lung": _ct(1500, -600),
    "ct-bone": _ct(1800, 400),
    "mr": ({"step": "robust-zscore", "over": "nonzero"},),
    "mr-zscore": ({"step": "zscore", "over": "nonzero"},),
    "none": (),
}
"""Name → tables of steps; the docstring of the module gives their sources."""

# Common names of modalities → DICOM code; empty for "not known".
_CODES = {"MRI": "MR", "PET": "PT", "OTHER": "", "UNKNOWN": "", "N/A": "", "NONE": ""}


def resolved_preset(modalities: Iterable[str | None]) -> tuple[str | None, str]:
    """Choose the preset that replaces "auto" for a cohort.

    Parameters
    ----------
    modalities : iterable of str or None
        One per volume: a DICOM code such as "CT", "MR" or "PT" in any case ("MRI" and "PET" are understood), None where
        it is not known. Volumes of unknown modality count as those of the cohort's modality.

    Returns
    -------
    preset : str or None
        "mr" for MR, whose grey values have no unit. Otherwise None, no preprocessing: HU mean the same in every CT, so
        a window would only discard values; for other modalities no choice is known to be safe.
    sentence : str
        The choice, its reason, and the option that changes it.

    Raises
    ------
    InputError
        If volumes of several modalities are mixed: no single preprocessing makes their grey values comparable.
    """
    counts = Counter(_code(modality) for modality in modalities)
    unknown = counts.pop(None, 0)
    if len(counts) > 1:
        found = ", ".join(f"{n} {code}" for code, n in sorted(counts.items()))
        raise InputError(
            f"the volumes are of several modalities ({found}{f', {unknown} unknown' if unknown else ''}), whose grey "
            "values cannot be compared; split the cohort into one data set for each, or choose a preset for all: "
            "--set preprocess.preset=none, or another name"
        )
    rest = f" ({unknown} of {unknown + counts.total()} do not say and are taken as such)" if unknown else ""
    (code,) = counts or (None,)
    if code == "MR":
        return "mr", (
            f"preprocessing: mr, because the volumes are MR{rest} and MR has no unit: median 0 and spread 1 in every "
            "volume; for values as they are: --set preprocess.preset=none"
        )
    if code == "CT":
        reason = f"the volumes are CT{rest}, whose unit is HU; for a window: --set preprocess.preset=ct-abdomen"
    elif code is not None:
        reason = f"no preset is made for {code}{rest}; for spread 1 in every volume: --set preprocess.preset=mr"
    else:
        reason = "no modality is known; if every volume has a scale of its own, as in MR: --set preprocess.preset=mr"
    return None, f"preprocessing: none, because {reason}"


def _code(modality: str | None) -> str | None:
    word = (modality or "").strip().upper()
    return _CODES.get(word, word) or None
