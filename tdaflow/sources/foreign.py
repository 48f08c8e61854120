"""Formats that are recognised to say what they are and how to convert them, and are not read."""

from collections.abc import Iterable

# nib-convert and parrec2nii come with nibabel.
_CONVERT = "nib-convert {name} {stem}.nii.gz"
_FORMATS: dict[str, tuple[str, str]] = {
    ".mnc": ("MINC", _CONVERT),
    ".par": ("Philips PAR/REC", "parrec2nii {name}"),
    ".head": ("AFNI", _CONVERT),
    ".brik": ("AFNI", "nib-convert {stem}.HEAD {stem}.nii.gz"),
    ".brik.gz": ("AFNI", "nib-convert {stem}.HEAD {stem}.nii.gz"),
    ".v": ("ECAT", _CONVERT),
    ".img": ("Analyze or NIfTI without a header", "put its .hdr file beside it"),
    ".png": ("pictures of slices", "stack them in an array (z, y, x) and numpy.save it"),
    ".jpg": ("pictures of slices", "stack them in an array (z, y, x) and numpy.save it"),
    ".mat": ("MATLAB", "numpy.save an array of scipy.io.loadmat('{name}')"),
    ".h5": ("HDF5", "numpy.save an array of h5py.File('{name}')"),
    ".nii.bz2": ("NIfTI in bzip2", "bunzip2 {name}"),
    ".nii.zst": ("NIfTI in Zstandard", "unzstd {name}"),
    ".zip": ("an archive", "unpack it"),
    ".tar": ("an archive", "unpack it"),
    ".tar.gz": ("an archive", "unpack it"),
    ".tgz": ("an archive", "unpack it"),
}


def foreign_note(names: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence about files of formats that are not read; an empty tuple if there are none.

    Parameters
    ----------
    names : iterable of str
        All files of a folder; the data beside the header of a pair is not foreign.
    """
    names = set(names)
    headers = {name.lower().removesuffix(".gz") for name in names if name.lower().endswith((".hdr", ".hdr.gz"))}
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        suffix = max((s for s in _FORMATS if name.lower().endswith(s)), key=len, default=None)
        if suffix is not None and not (suffix == ".img" and name.lower()[:-4] + ".hdr" in headers):
            found.setdefault(suffix, []).append(name)
    told = []
    for suffix, members in found.items():
        what, remedy = _FORMATS[suffix]
        convert = remedy.format(name=members[0], stem=members[0][: -len(suffix)])
        told.append(f"{len(members)} {suffix} ({what}; {convert})")
    return (f"formats that are not read, with a way to convert them: {', '.join(told)}",) if told else ()
