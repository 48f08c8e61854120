"""The methods that the tables compare, under one name whoever measured them."""

import re

TDA = "3D TDA"
MAJORITY = "majority class"
METHODS = ("2D-TDA", "2.5D ResNet-18", "3D ResNet-18", "ACS ResNet-18", TDA, MAJORITY)
"""In the order of the method's Table 2; any other follows them."""

_SUFFIX = re.compile(r"( \((reduced|choice \d+)\))+$")
_MEDMNIST = re.compile(r"ResNet-(\d+) (2\.5D|3D|ACS)$")


def method_key(name: str) -> str:
    """The method of the tables that a published or saved method belongs to; its own name where there is none."""
    name = _SUFFIX.sub("", name)
    name = _MEDMNIST.sub(r"\2 ResNet-\1", name)
    return next((key for key in METHODS if name.startswith(key)), name)


def row_label(name: str) -> str:
    """How our row of a method is called: "ours", and what tells it from others of the same method."""
    key = method_key(name)
    rest = name.removeprefix(key).strip()
    if key == MAJORITY and rest:
        return f"ours, most frequent in {rest.strip('()')}"
    return f"ours {rest}".strip()
