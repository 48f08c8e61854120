"""Vocabularies of the text that is read from DICOM headers, and the identifying tags that are dropped.

The reader works by an allowlist: only the tags in `tdaflow.sources.dicom.header` are read, as numbers, as words of the
vocabularies below, or to compare images with each other. The list of identifying tags does not protect anything; it
only tells the user which of them the files had.
"""

from collections import Counter
from collections.abc import Iterable

# Direct and indirect identifiers that archives really hold, after the basic confidentiality profile of the standard,
# PS3.15 table E.1-1. Group and element.
IDENTIFYING_TAGS: dict[int, str] = {
    0x00080012: "InstanceCreationDate",
    0x00080014: "InstanceCreatorUID",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080021: "SeriesDate",
    0x00080022: "AcquisitionDate",
    0x00080023: "ContentDate",
    0x0008002A: "AcquisitionDateTime",
    0x00080030: "StudyTime",
    0x00080050: "AccessionNumber",
    0x00080080: "InstitutionName",
    0x00080081: "InstitutionAddress",
    0x00080090: "ReferringPhysicianName",
    0x00080092: "ReferringPhysicianAddress",
    0x00080094: "ReferringPhysicianTelephoneNumbers",
    0x00081010: "StationName",
    0x00081030: "StudyDescription",
    0x0008103E: "SeriesDescription",
    0x00081040: "InstitutionalDepartmentName",
    0x00081048: "PhysiciansOfRecord",
    0x00081050: "PerformingPhysicianName",
    0x00081060: "NameOfPhysiciansReadingStudy",
    0x00081070: "OperatorsName",
    0x00081080: "AdmittingDiagnosesDescription",
    0x00081140: "ReferencedImageSequence",
    0x00100010: "PatientName",
    0x00100020: "PatientID",
    0x00100021: "IssuerOfPatientID",
    0x00100030: "PatientBirthDate",
    0x00100032: "PatientBirthTime",
    0x00100040: "PatientSex",
    0x00101000: "OtherPatientIDs",
    0x00101001: "OtherPatientNames",
    0x00101002: "OtherPatientIDsSequence",
    0x00101005: "PatientBirthName",
    0x00101010: "PatientAge",
    0x00101020: "PatientSize",
    0x00101030: "PatientWeight",
    0x00101040: "PatientAddress",
    0x00101060: "PatientMotherBirthName",
    0x00102000: "MedicalAlerts",
    0x00102154: "PatientTelephoneNumbers",
    0x00102160: "EthnicGroup",
    0x00102180: "Occupation",
    0x001021B0: "AdditionalPatientHistory",
    0x00104000: "PatientComments",
    0x00181000: "DeviceSerialNumber",
    0x00181030: "ProtocolName",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200010: "StudyID",
    0x00200052: "FrameOfReferenceUID",
    0x00204000: "ImageComments",
    0x00321032: "RequestingPhysician",
    0x00321060: "RequestedProcedureDescription",
    0x00380010: "AdmissionID",
    0x00400006: "ScheduledPerformingPhysicianName",
    0x00400244: "PerformedProcedureStepStartDate",
    0x00400253: "PerformedProcedureStepID",
    0x00400275: "RequestAttributesSequence",
    0x0040A730: "ContentSequence",
    0x04000561: "OriginalAttributesSequence",
}
OTHER_KINDS = ("private tags", "curves and overlays")

# Text that may leave the reader. All other text becomes "other", because it could be a mistyped name.
_MODALITIES = "CR CT DX ES IVUS MG MR NM OCT OP OPT OT PT PX RF RG RTDOSE RTIMAGE SC SEG SM US XA XC"
_PHOTOMETRIC = "MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_PARTIAL_422 YBR_PARTIAL_420 YBR_ICT YBR_RCT"
MODALITIES = frozenset(_MODALITIES.split())
PHOTOMETRIC = frozenset(_PHOTOMETRIC.split()) | {"PALETTE COLOR"}
UNITS = frozenset(("HU", "US", "OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"))


def known(value: str, vocabulary: frozenset[str]) -> str:
    """Return the value if it is in the vocabulary, else ``"other"``."""
    return value if value in vocabulary else "other"


def identifying(tags: Iterable[int]) -> tuple[str, ...]:
    """Return the names of the identifying tags of a file, with private tags and overlays as one entry each.

    Parameters
    ----------
    tags : iterable of int
        Group and element of the top-level tags, with or without a value.
    """
    names = {IDENTIFYING_TAGS[tag] for tag in tags if tag in IDENTIFYING_TAGS}
    for tag in tags:
        group = tag >> 16
        if group % 2:
            names.add(OTHER_KINDS[0])
        elif group >> 8 in (0x50, 0x60):
            names.add(OTHER_KINDS[1])
    return tuple(sorted(names))


def dropped_table(per_file: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """Return the number of files that have each identifying tag, in alphabetical order."""
    counts = Counter(name for names in per_file for name in names)
    return dict(sorted(counts.items()))
