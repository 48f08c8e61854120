"""Colours and marks that colour-blind readers can tell apart."""

# Okabe and Ito (2008) without black and yellow, which vanish on a dark or a white page.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "^", "s", "D", "v", "P")
# For lines and text that matter less.
MUTED = "#63656e"


def colour(index: int) -> str:
    """Colour of a class or homology dimension."""
    return PALETTE[index % len(PALETTE)]
