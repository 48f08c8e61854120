"""Section on what is learnt from few volumes of each class."""

from tdaflow.errors import InputError
from tdaflow.evaluation.learning_curve import N_DRAWS, read_learning_curve, summary
from tdaflow.report.blocks import Section, figure_block
from tdaflow.report.figure_learning import learning_figure
from tdaflow.report.run_data import RunData


def learning_section(run: RunData) -> Section | None:
    """Build the section; None if no learning curve was measured."""
    section = Section("learning", "Learning from few volumes")
    try:
        points = read_learning_curve(run.folder.path)
    except InputError as error:
        section.notes.append(str(error))
        return section
    if not points:
        return None
    curves = summary(points)
    text = (
        f"Volumes of each class are drawn from train and validation, {N_DRAWS} times a size, and all others of them "
        "are classified; the test split stays closed. Options are fixed in advance and nothing is chosen. Lines are "
        "means over draws, bands hold the middle 80 % of them; all rows learn from the same draws."
    )
    section.items.append(
        figure_block(
            learning_figure({run.name: curves}),
            "Area under the ROC curve over the number of volumes learnt from",
            text,
            f"Mean AUC of {', '.join(curves)} over the number of training volumes of each class.",
        )
    )
    return section
