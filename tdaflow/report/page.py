"""Build the HTML page."""

from collections.abc import Sequence
from dataclasses import replace

import jinja2
from markupsafe import Markup, escape

from tdaflow import __version__
from tdaflow.printable import printable_lines
from tdaflow.report.blocks import FigureBlock, Section, TableBlock
from tdaflow.report.conclusion import conclusion, limits, scans_shown
from tdaflow.report.run_data import RunData
from tdaflow.report.section_classes import classes_section
from tdaflow.report.section_distances import distances_section
from tdaflow.report.section_evaluation import evaluation_section, read_evaluations
from tdaflow.report.section_explanation import explanation_section
from tdaflow.report.section_learning import learning_section
from tdaflow.report.section_methods import methods_section
from tdaflow.report.section_reliability import reliability_section
from tdaflow.report.section_robustness import robustness_section
from tdaflow.report.section_run import configuration, facts, run_section, versions
from tdaflow.report.section_sweep import sweep_section
from tdaflow.report.section_volume import volume_section
from tdaflow.report.section_where import where_section


def report_page(run: RunData) -> str:
    """Build the report of a run: one HTML page without external references.

    All text from data is escaped; figures are inline SVG with text as outlines.
    """
    evaluations, problems = read_evaluations(run)
    tested = next((one.first.method for one in evaluations if not one.title), None)
    made = {
        ("evaluate",): evaluation_section(run, evaluations, problems),
        (): classes_section(run, evaluations[0].results.positive if evaluations else None),
        ("evaluate", "--robustness"): robustness_section(run, tested),
        ("reliability",): reliability_section(run),
        ("evaluate", "--explain"): explanation_section(run),
        ("sweep",): sweep_section(run),
        ("distances",): distances_section(run),
    }
    sections = [
        *(section for section in made.values() if section is not None),
        *([learning] if (learning := learning_section(run)) is not None else []),
        *([volume] if (volume := volume_section(run)) is not None else []),
        *([where] if (where := where_section(run)) is not None else []),
        run_section(run),
        methods_section(run, evaluations),
    ]
    _number(sections)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tdaflow.report", "templates"),
        autoescape=True,
        finalize=_inert,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = with_code
    environment.tests["figure"] = lambda item: isinstance(item, FigureBlock)
    environment.tests["table"] = lambda item: isinstance(item, TableBlock)
    return environment.get_template("page.html.j2").render(
        title=run.name,
        folder=run.folder.path.resolve().name,
        facts=facts(run),
        conclusion=conclusion(run, evaluations),
        limits=limits(run, evaluations),
        scans=scans_shown(run, sections),
        sections=sections,
        missing=[run.command(*command) for command, section in made.items() if command and section is None],
        configuration=configuration(run.state),
        versions=versions(run.state),
        digests=run.state.get("digests", {}),
        version=__version__,
    )


def _number(sections: Sequence[Section]) -> None:
    """Number the figures through."""
    number = 0
    for section in sections:
        for at, item in enumerate(section.items):
            if isinstance(item, FigureBlock):
                number += 1
                section.items[at] = replace(item, number=number)


def _inert(value: object) -> object:
    """Text that others chose, with control characters as escapes; what is markup already stays."""
    return printable_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def with_code(text: str) -> Markup:
    """Escape text, and mark up text between backticks as code."""
    text = printable_lines(text)
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )
