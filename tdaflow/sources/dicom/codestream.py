"""Sizes that compressed pixels state for themselves, checked before a decoder believes them.

A few bytes can claim an image of gigabytes, for which a decoder makes room before it finds that there is none.
"""

from typing import Any

from tdaflow.sources.dicom.header import Image

_RLE = "1.2.840.10008.1.2.5"
# Start of frame of JPEG and JPEG-LS: all of C0–CF but the tables C4 and CC and the reserved C8, and F7.
_FRAME_MARKERS = {0xC0 + k for k in range(16)} - {0xC4, 0xC8, 0xCC} | {0xF7}


def check_codestreams(data: Any, images: list[Image]) -> None:
    """Raise `ValueError` if a compressed frame is not of the size of its header.

    Parameters
    ----------
    data : pydicom.Dataset
        With encapsulated pixels.
    images : list of Image
        Frames of it. Run lengths (RLE) state no size: the header's is used by the decoder.
    """
    from pydicom.encaps import get_frame

    if images[0].syntax == _RLE:
        return
    for image in images:
        codestream = get_frame(data.PixelData, image.frame, number_of_frames=image.frames)
        if frame_size(codestream) != (image.rows, image.columns):
            raise ValueError("the compressed pixels are of another size than the header says")


def frame_size(codestream: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream states; None if it states none."""
    # Start of codestream, and SIZ, which must follow; some files have the boxes of JP2 before them.
    if (start := codestream.find(b"\xff\x4f\xff\x51", 0, 256)) >= 0:
        columns, rows, left, top = (
            int.from_bytes(codestream[at : at + 4], "big") for at in range(start + 8, start + 24, 4)
        )
        return rows - top, columns - left
    at = 2
    while codestream[:2] == b"\xff\xd8" and at + 9 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker in _FRAME_MARKERS:
            return int.from_bytes(codestream[at + 5 : at + 7], "big"), int.from_bytes(
                codestream[at + 7 : at + 9], "big"
            )
        at += 1 if marker == 0xFF else 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    return None
