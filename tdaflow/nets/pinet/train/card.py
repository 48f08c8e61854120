"""The model card: intended use, training data, errors and limits of a trained network.

After Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tdaflow.nets.pinet.model.volume_model import CHECKPOINT, FACTS, WEIGHTS, VolumeModel

HEADER = ("channel", "relative L2", "… of the mean image", "correlation", "… of deviations", "volumes")


def model_card(model: VolumeModel) -> str:
    """Return the model card as Markdown."""
    facts, record, config = model.facts, model.record, model.exact.state["config"]
    phases = ", ".join(f"{p['epochs']} epochs at {p['learning_rate']:g}" for p in facts["schedule"]["phases"])
    shapes = ", ".join("×".join(map(str, shape)) for shape in record.shapes)
    filtrations = {name: config["filtrations"][name] for name in dict.fromkeys(c.filtration for c in model.channels)}
    kinds = ", ".join(f"{name} ({told['kind']})" for name, told in filtrations.items())
    device = f"{facts['device']}, mixed precision" if facts["mixed_precision"] else facts["device"]
    kept = f"epoch {facts['chosen_epoch'] + 1}, of the lowest validation loss, was kept"
    return f"""# Volume PI-Net for {record.data_set}

Predicts persistence images that `tdaflow run` computes: {", ".join(model.exact.blocks)}.
Filtrations: {kinds}. Made with tdaflow {facts["tdaflow"]}, torch {facts["torch"]}; model digest `{model.digest}`.

## Data
- Training: {record.n_train} volumes of `{record.data_set}` (split train); validation:
  {record.n_val}. The test split was not read.
- Licence of the data: {record.licence}. Weights derived from them are under the same terms.
- Shape {shapes}; spacing {_span(record.spacing_low, record.spacing_high)} mm; smallest values {_range(record.minimum)},
  largest {_range(record.maximum)}; mean difference of neighbouring voxels {_range(record.roughness)}.
- Digest of the volumes `{record.volumes_digest}`, of the images `{facts["images_digest"]}`.

## Network and training
- {facts["n_parameters"]:,} parameters, width {model.options.width}, decoder "{model.options.decoder}".
- Preset "{facts["preset"]}": {phases}; Adam, batches of {facts["schedule"]["batch"]}, mean squared error in
  units of each channel's size, seed {facts["seed"]}, on {device}.
- {facts["epochs"]} epochs in {facts["seconds"]:.0f} s; {kept}.

## Metrics on the validation volumes
The epoch was chosen on these volumes, so they flatter it a little; `tdaflow pinet evaluate` gives those of the test
split.

{fidelity_table(facts["validation"])}

"Mean image" predicts every volume's images by the mean training image: relative L2 below it is what the network knows.
"Deviations" are from that mean image.

## Uncertainty
For each volume the network gives an error, relative to the channels' usual size and over all channels, below which its
own will lie with probability {model.calibration.level:g}; calibrated on {model.calibration.n} validation volumes.
That holds for volumes like these only: those whose out-of-distribution score (the Mahalanobis distance of their
features) is above {float(model.out_of_distribution.limit):.3g}, as that of 1 % of the training volumes, are computed
exactly in any case.

## Limits
- For volumes like those above only. Another shape, spacing, intensity range or noise level is recognised by this record
  and sent to the exact computation; another scanner, anatomy or disease within those limits is not.
- Approximate: bars cannot be read back from predicted images, and rare topology (a single long bar) is what a network
  trained on mean squared error misses first. Not for diagnosis.
- Files: `{WEIGHTS}` (read without unpickling code), `{FACTS}`, `{CHECKPOINT}` (of the training, to go on from).
"""


def fidelity_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table of what `ChannelFidelity.to_dict` gave."""
    lines = [" | ".join(HEADER), " | ".join("---" if i == 0 else "---:" for i in range(len(HEADER)))]
    for row in rows:
        numbers = (row[n] for n in ("relative_l2", "relative_l2_of_mean", "correlation", "correlation_of_deviations"))
        empty = f" ({row['n_empty']} empty)" if row["n_empty"] else ""
        cells = [row["channel"], *("–" if n is None else f"{n:.3f}" for n in numbers), f"{row['n_volumes']}{empty}"]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _range(values: Sequence[float]) -> str:
    return f"{values[0]:.4g} to {values[1]:.4g}"


def _span(low: Sequence[float], high: Sequence[float]) -> str:
    texts = ["×".join(f"{value:.3g}" for value in values) for values in (low, high)]
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)
