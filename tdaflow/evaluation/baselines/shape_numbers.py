"""Textbook numbers of a mask, named and defined as the Image Biomarker Standardisation Initiative does where it does.

Zwanenburg et al., "The Image Biomarker Standardization Initiative", Radiology 2020; the reference manual's codes stand
beside the names. The surface is the marching cubes mesh at ½ between the mask and what surrounds it.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage.measure import euler_number, label, marching_cubes, mesh_surface_area

# Vertices of the hull of a mask of a million voxels are some thousands; their distances are its square.
_MAX_VERTICES = 4000


def shape_numbers(mask: np.ndarray, spacing: Sequence[float] = (1.0, 1.0, 1.0)) -> dict[str, float]:
    """Measure a mask.

    Parameters
    ----------
    mask : bool array, shape (z, y, x)
        Of any size; several components are measured together.
    spacing : three floats
        Millimetres along z, y, x.

    Returns
    -------
    dict of str to float
        38 finite numbers, lengths in mm; all 0 for an empty mask, ratios 0 where they are not defined.
    """
    mask, edges = np.asarray(mask, dtype=bool), np.asarray(spacing, dtype=np.float64)
    if not mask.any():
        return dict.fromkeys(shape_numbers(np.ones((1, 1, 1), dtype=bool)), 0.0)
    box = tuple(slice(at.min(), at.max() + 1) for at in np.nonzero(mask))
    inside = np.pad(mask[box], 1)
    points = np.argwhere(inside) * edges
    return {
        **_surface(inside, edges, points),
        **_axes(points, float(edges.prod())),
        **_topology(inside),
        **_thickness(inside, edges),
    }


def _surface(inside: np.ndarray, edges: np.ndarray, points: np.ndarray) -> dict[str, float]:
    vertices, faces, _, _ = marching_cubes(inside.astype(np.float32), 0.5, spacing=tuple(edges))
    corners = vertices[faces].astype(np.float64)
    volume = abs(float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum()) / 6)
    area = float(mesh_surface_area(vertices, faces))
    sides = (np.array(inside.shape) - 2) * edges
    box_area = 2 * float(sides[0] * sides[1] + sides[1] * sides[2] + sides[0] * sides[2])
    sphericity = _ratio((36 * np.pi * volume**2) ** (1 / 3), area)
    found = {
        "volume_mesh": volume,  # RNU0
        "volume_voxels": len(points) * float(edges.prod()),  # YEKZ
        "surface_area": area,  # C0JK
        "surface_to_volume": _ratio(area, volume),  # 2PR5
        "compactness_1": _ratio(volume, np.sqrt(np.pi) * area**1.5),  # SKGS
        "compactness_2": _ratio(36 * np.pi * volume**2, area**3),  # BQWJ
        "spherical_disproportion": _ratio(1.0, sphericity),  # KRCK
        "sphericity": sphericity,  # QCFX
        "asphericity": _ratio(1.0, sphericity) - 1,  # 25C7
        "volume_density_box": _ratio(volume, float(sides.prod())),  # PBX1
        "area_density_box": _ratio(area, box_area),  # R59B
        "extent_z": float(sides[0]), "extent_y": float(sides[1]), "extent_x": float(sides[2]),
    }  # fmt: skip
    try:
        hull = ConvexHull(vertices)
        corners = vertices[hull.vertices]
        hull_volume, hull_area = float(hull.volume), float(hull.area)
    except QhullError:
        corners, hull_volume, hull_area = vertices, 0.0, 0.0
    step = -(-len(corners) // _MAX_VERTICES)
    return {
        **found,
        "volume_density_hull": _ratio(volume, hull_volume),  # R3ER
        "area_density_hull": _ratio(area, hull_area),  # 7T7F
        "maximum_diameter": float(pdist(corners[::step]).max()),  # L0JK
    }


def _axes(points: np.ndarray, voxel: float) -> dict[str, float]:
    """Lengths of the inertia axes, and moments of order three and four along them and from the centre."""
    centred = points - points.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(points))
    variances, axes = variances[::-1], axes[:, ::-1]
    # A flat mask's least variance is rounding, in the unit of its greatest.
    variances = np.where(variances > 1e-12 * max(variances[0], 0.0), variances, 0.0)
    lengths = 4 * np.sqrt(variances)
    standard = centred @ axes / np.where(variances > 0, np.sqrt(variances), np.inf)
    radii = np.linalg.norm(centred, axis=1)
    ellipsoid = np.pi / 6 * lengths.prod()
    return {
        "major_axis": float(lengths[0]),  # TDIC
        "minor_axis": float(lengths[1]),  # P9VJ
        "least_axis": float(lengths[2]),  # 7J51
        "elongation": _ratio(lengths[1], lengths[0]),  # Q3CK
        "flatness": _ratio(lengths[2], lengths[0]),  # N17B
        "volume_density_ellipsoid": _ratio(len(points) * voxel, ellipsoid),  # 6BDE
        # The sign of an axis is arbitrary, that of its skewness too.
        **{f"skewness_{i + 1}": float(abs((standard[:, i] ** 3).mean())) for i in range(3)},
        **{f"kurtosis_{i + 1}": float((standard[:, i] ** 4).mean()) for i in range(3)},
        "radius_mean": float(radii.mean()),
        "radius_variation": _ratio(radii.std(), radii.mean()),
    }


def _topology(inside: np.ndarray) -> dict[str, float]:
    components = int(label(inside, connectivity=3).max())
    cavities = int(label(~inside, connectivity=1).max()) - 1
    euler = int(euler_number(inside, connectivity=3))
    return {
        "euler_number": float(euler),
        "components": float(components),
        "tunnels": float(components + cavities - euler),
        "cavities": float(cavities),
    }


def _thickness(inside: np.ndarray, edges: np.ndarray) -> dict[str, float]:
    """Distance of the voxels of the mask from what surrounds it."""
    depths = distance_transform_edt(inside, sampling=tuple(edges))[inside]
    return {"depth_mean": float(depths.mean()), "depth_variation": _ratio(depths.std(), depths.mean()),
            "depth_maximum": float(depths.max())}  # fmt: skip


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under > 0 else 0.0
