"""``tdaflow inspect``: draw one volume from its slices to its persistence images."""

from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.progress import Console
from tdaflow.report.libraries import require_libraries
from tdaflow.store.ome_zarr import safe_file_name


def inspect_command(path: Path, identity: str, out: Path | None) -> int:
    """Draw one volume into a PNG; return the exit code."""
    require_libraries("matplotlib")
    from tdaflow.report.example import read_example
    from tdaflow.report.files import write_whole
    from tdaflow.report.inspection import inspection_figure, inspection_images
    from tdaflow.report.render import png
    from tdaflow.report.run_data import RunData

    run = RunData(path)
    example = read_example(run, run.row_of(identity))
    units = {name: run.unit(name) for name, _ in example.diagrams}
    figure = inspection_figure(example, inspection_images(run, identity), units)
    target = out or Path(f"{safe_file_name(identity)}.png")
    write_whole(target, png(figure))
    Console(stderr=True).print(f"{identity} in {target}")
    return DONE
