"""The text headers of MetaImage (.mha, .mhd) and NRRD files: what SimpleITK does not tell, or does not check.

A header may name another file as the place of its data, MetaIO goes on with damaged compressed data after a line on
stderr, NRRD's reader compares no checksum, and defaults hide that a file says nothing about orientation. So the text is
looked at first.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import AGAIN, explained

_MAX_TEXT = 1 << 16
_PIECE = 1 << 20
_META_ORIENTATION = ("transformmatrix", "orientation", "rotation")
_NRRD_ORIENTATION = ("space directions",)


@dataclass(frozen=True)
class TextHeader:
    """Fields of a text header.

    Parameters
    ----------
    fields : dict of str to str
        Keys in lower case.
    offset : int
        First byte after the header.
    data_file : str or None
        File beside the header that holds the data; None if they follow the header.
    oriented : bool
        Whether the file says which way its axes run.
    """

    fields: dict[str, str]
    offset: int
    data_file: str | None
    oriented: bool


def meta_header(path: Path) -> TextHeader:
    """Header of a MetaImage (`InputError` if there is none, or if its data lie in another folder or several files)."""
    fields, offset = _fields(path, "=", last="elementdatafile")
    if "elementdatafile" not in fields or "ndims" not in fields:
        raise InputError("the file is not a MetaImage: its header has no NDims and ElementDataFile")
    data_file = fields["elementdatafile"]
    local = data_file.upper() == "LOCAL"
    if not local:
        _check_beside(path, data_file)
    oriented = any(name in fields for name in _META_ORIENTATION)
    return TextHeader(fields, offset, None if local else data_file, oriented)


def nrrd_header(path: Path) -> TextHeader:
    """Header of a NRRD (`InputError` as for `meta_header`)."""
    with explained(), path.open("rb") as stream:
        if stream.read(4) != b"NRRD":
            raise InputError("the file is not NRRD: it does not begin with that word")
    fields, offset = _fields(path, ":", last="")
    data_file = fields.get("data file", fields.get("datafile"))
    if data_file is not None:
        _check_beside(path, data_file)
    oriented = "space" in fields and any(name in fields for name in _NRRD_ORIENTATION)
    return TextHeader(fields, offset, data_file, oriented)


def check_data(path: Path, header: TextHeader, n_bytes: int) -> None:
    """Compare the data with what the header promises, as far as they are raw or of the zlib kind.

    Parameters
    ----------
    path : pathlib.Path
        The header's file.
    header : TextHeader
        From `meta_header` or `nrrd_header`.
    n_bytes : int
        Bytes that dimensions and type promise.

    Raises
    ------
    InputError
        If data are missing, left over, or compressed and damaged. Text, bzip2 and data after a skipped part are left to
        SimpleITK.
    """
    encoding = _encoding(header.fields)
    if encoding is None:
        return
    data = path if header.data_file is None else path.parent / header.data_file
    with explained(), data.open("rb") as stream:
        stream.seek(header.offset if header.data_file is None else 0)
        if encoding == "raw":
            found = data.stat().st_size - stream.tell()
        else:
            found = _inflated(stream, n_bytes, 31 if encoding == "gzip" else 15)
    if found != n_bytes:
        what = "is truncated" if found < n_bytes else "has data left over"
        found_bytes = f"{found} are there" if found < n_bytes else "there are more"
        raise InputError(f"the file {what}: its header promises {n_bytes} bytes of data, {found_bytes}; {AGAIN}")


def _encoding(fields: dict[str, str]) -> Literal["raw", "zlib", "gzip"] | None:
    if "elementdatafile" in fields:
        # MetaIO's long has had two sizes.
        if (
            "headersize" in fields
            or fields.get("binarydata", "true").lower() != "true"
            or "LONG" in fields.get("elementtype", "")
        ):
            return None
        return "zlib" if fields.get("compresseddata", "false").lower() == "true" else "raw"
    if any(name in fields for name in ("byte skip", "byteskip", "line skip", "lineskip")):
        return None
    return {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(fields.get("encoding", "").lower())  # type: ignore[return-value]


def _inflated(stream: IO[bytes], limit: int, wbits: int) -> int:
    """Bytes that a zlib or gzip stream holds, its checksum compared; stops soon after `limit`."""
    inflate, n = zlib.decompressobj(wbits), 0
    while not inflate.eof and n <= limit:
        piece = inflate.unconsumed_tail or stream.read(_PIECE)
        if not piece:
            raise EOFError
        n += len(inflate.decompress(piece, _PIECE))
    return n


def _fields(path: Path, separator: str, last: str) -> tuple[dict[str, str], int]:
    """``key separator value`` lines up to the key `last`, or up to an empty line."""
    fields: dict[str, str] = {}
    with explained(), path.open("rb") as stream:
        text = stream.read(_MAX_TEXT)
    position = 0
    while position < len(text):
        end = text.find(b"\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].decode("latin-1").strip()
        position = end + 1
        if not line and not last:
            break
        key, found, value = line.partition(separator)
        if found and not line.startswith("#"):
            fields.setdefault(key.strip().lower(), value.strip())
            if last and key.strip().lower() == last:
                break
    return fields, position


def _check_beside(path: Path, data_file: str) -> None:
    """Only a plain file name is followed: anything else could reach files that the user did not give."""
    if (
        not data_file.isprintable()
        or not data_file
        or "/" in data_file
        or "\\" in data_file
        or "%" in data_file
        or data_file in (".", "..")
    ):
        raise InputError("the header points to data outside its folder: only a file beside it is read")
    if (path.parent / data_file).resolve().parent != path.parent.resolve():
        raise InputError("the header's data file is a link out of its folder: only a file beside it is read")
    if data_file.upper().split()[0] in ("LIST", "SKIPLIST") or len(data_file.split()) > 1:
        raise InputError("the header's data are in several files: save the image as one file")
