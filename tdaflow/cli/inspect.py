"""``tdaflow inspect``: draw one volume from its slices to its persistence images."""

from pathlib import Path
from typing import TYPE_CHECKING

from tdaflow.cli.exit_codes import DONE
from tdaflow.errors import ConfigError
from tdaflow.progress import Console, busy
from tdaflow.report.libraries import require_libraries
from tdaflow.store.anatomy import Anatomy
from tdaflow.store.ome_zarr import safe_file_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tdaflow.report.run_data import RunData


def inspect_command(
    path: Path, identity: str, out: Path | None, *, where: bool = False, class_name: str | None = None
) -> int:
    """Draw one volume, or where in it the decision of the run's model lies, into a PNG; return the exit code."""
    require_libraries("matplotlib")
    if class_name is not None and not where:
        raise ConfigError("--class belongs to --where: it says which class's decision is shown")
    from tdaflow.report.example import read_example
    from tdaflow.report.files import write_whole
    from tdaflow.report.inspection import inspection_figure, inspection_images
    from tdaflow.report.render import png
    from tdaflow.report.run_data import RunData

    run = RunData(path)
    target = out or Path(f"{safe_file_name(identity)}{'.where' if where else ''}.png")
    with busy(f"drawing {identity}"):
        if where:
            figure = _where(run, identity, class_name)
        else:
            example = read_example(run, run.row_of(identity))
            units = {name: run.unit(name) for name, _ in example.diagrams}
            figure = inspection_figure(example, inspection_images(run, identity), units)
        write_whole(target, png(figure))
    Console(stderr=True).print(f"{identity} in {target}")
    return DONE


def _where(run: "RunData", identity: str, class_name: str | None) -> "Figure":
    from tdaflow.evaluation import saliency
    from tdaflow.report.figure_saliency import saliency_figure

    found = saliency(run.folder.path, identity, class_name=class_name)
    row = run.row_of(identity)
    assert run.volumes is not None
    voxels = next(run.volumes.voxels(row, row + 1))
    return saliency_figure(found, identity, voxels, Anatomy.of(str(run.rows.facts[row]), found.spacing))
