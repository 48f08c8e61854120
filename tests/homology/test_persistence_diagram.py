"""The front: one call for every filtration, and what it does not import."""

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.homology import FILTRATIONS, Alpha, Cubical, persistence_diagram

POINTS = np.random.default_rng(0).integers(0, 9, (20, 4))
VOLUME = np.random.default_rng(0).integers(0, 9, (4, 4, 4))


def test_alpha_h0_to_h2_is_the_default():
    diagram = persistence_diagram(POINTS)
    assert diagram.dimensions == (0, 1, 2)
    assert diagram == persistence_diagram(POINTS, filtration=Alpha())


def test_a_name_is_a_filtration_with_default_options():
    assert persistence_diagram(VOLUME, filtration="cubical") == persistence_diagram(VOLUME, filtration=Cubical())


def test_the_registry_holds_frozen_dataclasses_that_say_what_they_take():
    points = {name for name, kind in FILTRATIONS.items() if kind.takes == "points"}
    assert points == {"alpha", "dtm"}
    for name, kind in FILTRATIONS.items():
        assert kind.takes in ("points", "volume")
        assert kind.default_essential == ("drop" if name in points else "cap")
        assert kind().name.startswith(name)
    for kind in FILTRATIONS.values():
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(kind(), dataclasses.fields(kind)[0].name, "other")
        assert pickle.loads(pickle.dumps(kind())) == kind()


def test_superlevel_and_sublevel_do_not_share_a_channel():
    assert Cubical().name != Cubical(direction="superlevel").name


def test_a_filtration_of_ones_own():
    class Nothing:
        takes = "points"
        default_essential = "drop"
        name = "nothing"

        def diagram(self, data, homology_dimensions):
            return Alpha().diagram(np.zeros((1, 4)), homology_dimensions)

    assert len(persistence_diagram(POINTS, filtration=Nothing())[0]) == 0


@pytest.mark.parametrize("filtration", ["rips", 3, Alpha, None])
def test_unknown_filtrations_are_refused(filtration):
    with pytest.raises(InputError, match="filtration="):
        persistence_diagram(POINTS, filtration=filtration)


@pytest.mark.parametrize("dimensions", [(), (-1,), (0, 0), (1.0,), (True,), "01", ("0",), None])
def test_homology_dimensions_are_distinct_integers_from_0_up(dimensions):
    with pytest.raises(InputError, match="homology_dimensions="):
        persistence_diagram(POINTS, homology_dimensions=dimensions)


def test_homology_dimensions_end_where_the_space_does():
    assert persistence_diagram(POINTS, homology_dimensions=np.array([3, 0])).dimensions == (0, 3)
    with pytest.raises(InputError, match=r"dimension 4 does not exist for points in R\^4; .* may hold 0, 1, 2, 3"):
        persistence_diagram(POINTS, homology_dimensions=(0, 4))


def test_nothing_heavy_is_loaded_before_a_diagram_and_gudhi_not_by_one_of_the_kernel():
    code = (
        "import sys, tdaflow.homology, tdaflow.diagrams\n"
        "kernels = {'tdaflow.homology.alpha_kernel', 'tdaflow.homology.cubical_kernel'}\n"
        "heavy = {'gudhi', 'numba', 'dask', 'zarr', 'torch', 'matplotlib', *kernels}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "tdaflow.homology.persistence_diagram([[0.0], [1.0]], homology_dimensions=(0,))\n"
        "volume = [[[0.0, 1.0], [1.0, 0.0]]] * 2\n"
        "for top in ('vertices', 'top'):\n"
        "    cubical = tdaflow.homology.Cubical('superlevel', top)\n"
        "    tdaflow.homology.persistence_diagram(volume, filtration=cubical, homology_dimensions=(0, 1, 2))\n"
        "print('gudhi' in sys.modules)\n"
        "alpha = tdaflow.homology.Alpha(engine='gudhi')\n"
        "tdaflow.homology.persistence_diagram([[0.0], [1.0]], filtration=alpha, homology_dimensions=(0,))\n"
        "print('gudhi' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["[]", "False", "True"]
