"""Warnings about a DICOM data set, counted over all of it."""

from collections import Counter
from collections.abc import Mapping

from tdaflow.printable import counted
from tdaflow.sources.dicom.privacy import dropped_table
from tdaflow.sources.dicom.scan import Scan


def notes_on(scan: Scan, splits: Mapping[str, str | None], *, allow_uneven: bool) -> tuple[str, ...]:
    """Return sentences about ignored files, refused series, patients and dropped tags, without text from the files.

    Parameters
    ----------
    scan : Scan
        The folder.
    splits : mapping of str to str or None
        Split by keyed id, where known.
    allow_uneven : bool
        True if uneven series are used.
    """
    series = scan.series
    n_images = len({number for one in series for number in one.by_file})
    n_series = len({one.id.partition("/")[0] for one in series})
    notes = [f"{counted(scan.n_files, 'file')}, of which {counted(n_images, 'image')} in {n_series} series"]
    if others := scan.other_files:
        notes.append(f"{counted(len(others), 'file')} set aside: {_list(Counter(other.kind for other in others))}")
    if n_broken := len(scan.items) - len(series):
        notes.append(f"{counted(n_broken, 'file')} cannot be read or belong to no series")
    problems = [one.obstacle(allow_uneven=allow_uneven) for one in series]
    refused = Counter(problem.kind for problem in problems if problem)
    if refused:
        what = "series" if n_series == len(series) else "volumes"
        notes.append(f"{refused.total()} of {len(series)} {what} cannot be used: {_list(refused)}")
    if divided := Counter(tag for one in series if "/" in one.id and one.division for tag in one.division.tags):
        notes.append(
            f"series are divided into their stacks by these tags, with the number of volumes: {_list(divided)}"
        )
    if joined := Counter(tag for one in series if one.division for tag in one.division.joined):
        notes.append(
            "tags that alternate between the slices of a series, which is one volume because InstanceNumber counts "
            f"through them, with the number of series: {_list(joined)}"
        )
    if allow_uneven and (n_mended := sum(one.unevenness is not None for one in series)):
        notes.append(f"{counted(n_mended, 'series is', 'series are')} resampled to an even, upright grid")
    return (*notes, *scan.left_out, *_about_patients(scan, splits), *_about_privacy(scan))


def _about_patients(scan: Scan, splits: Mapping[str, str | None]) -> list[str]:
    series = scan.series
    notes = []
    nameless = sum(not all(image.has_patient_id for image in one.files) for one in series)
    if nameless:
        notes.append(
            f"{counted(nameless, 'series has', 'series have')} no PatientID: they are "
            "grouped by study, so a patient may be several groups"
        )
    groups = {one.group for one in series}
    if len(series) > 1 and len(groups) == 1:
        notes.append(
            "all series have the same PatientID: if de-identification made it so, groups do not tell patients apart"
        )
    used: dict[str, set[str]] = {}
    for one in series:
        if split := splits.get(one.id):
            used.setdefault(one.group, set()).add(split)
    if leaks := sorted(group for group, names in used.items() if len(names) > 1):
        notes.append(f"{counted(len(leaks), 'patient')} in more than one split, the first is {leaks[0]}")
    return notes


def _about_privacy(scan: Scan) -> list[str]:
    files = {number: image for one in scan.series for number, image in one.by_file.items()}
    table = dropped_table(image.dropped for image in files.values())
    if not table:
        return []
    return [f"identifying tags that were dropped, with the number of files that have them: {_list(table)}"]


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
