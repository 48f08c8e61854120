"""Names of the methods that the tables compare, common to published rows and ours."""

import re

TDA = "3D TDA"
MULTI = "multi-filtration TDA"
"""More filtrations than the published three: alpha, sublevel and superlevel."""
MAJORITY = "majority class"
METHODS = ("2D-TDA", "2.5D ResNet-18", "3D ResNet-18", "ACS ResNet-18", TDA, MULTI, MAJORITY)
"""In the order of Table 2 of Zhu et al. (2024); others follow."""

_SUFFIX = re.compile(r"( \((reduced|choice \d+)\))+$")
_MEDMNIST = re.compile(r"ResNet-(\d+) (2\.5D|3D|ACS)$")


def method_key(name: str) -> str:
    """Return the method of the tables that a published or saved method belongs to, or its own name."""
    name = _SUFFIX.sub("", name)
    name = _MEDMNIST.sub(r"\2 ResNet-\1", name)
    return next((key for key in METHODS if name.startswith(key)), name)


def row_label(name: str) -> str:
    """Label our row of a method: "ours", and what distinguishes it from others of the same method."""
    key = method_key(name)
    rest = name.removeprefix(key).strip()
    if key == MAJORITY and rest:
        return f"ours, most frequent in {rest.strip('()')}"
    return f"ours {rest}".strip()
