"""The section on numbers that repeat: channels, and the strongest features; nothing where nothing was measured."""

import json

import tdaflow
from tdaflow.evaluation import Protocol, evaluate_run
from tdaflow.report.page import report_page
from tdaflow.report.run_data import RunData
from tdaflow.report.section_reliability import reliability_section


def test_where_nothing_was_measured_there_is_no_section(finished_run):
    assert reliability_section(RunData(finished_run)) is None
    assert f"tdaflow reliability {finished_run}" in report_page(RunData(finished_run))


def test_channels_and_the_strongest_features_have_their_icc(run_copy):
    tdaflow.open_run(run_copy).reliability(6, cluster="sync", progress=False)
    (channels,) = reliability_section(RunData(run_copy)).items
    assert [row[0] for row in channels.rows] == ["alpha H0", "alpha H1", "alpha H2", "sublevel H0"]
    assert all(" [" in row[1] and " of 42" in row[-2] for row in channels.rows)
    evaluate_run(run_copy, Protocol(("logistic",), n_seeds=1, choose_on="validation"), n_resamples=100)
    section = reliability_section(RunData(run_copy))
    assert "6 training volumes" in section.paragraphs[0]
    assert "repeat" in section.paragraphs[1]
    _, strongest = section.items
    assert strongest.title.endswith("for 1")
    assert len(strongest.rows) == 10
    assert all(row[1][0] in "+−" for row in strongest.rows)
    page = report_page(RunData(run_copy))
    assert "<script>" not in page
    assert "Which numbers repeat" in page


def test_reliability_of_earlier_features_is_a_sentence(run_copy):
    tdaflow.open_run(run_copy).reliability(6, cluster="sync", progress=False)
    path = run_copy / "evaluation" / "reliability.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "about": {**told["about"], "features": "another"}}))
    section = reliability_section(RunData(run_copy))
    assert "earlier features" in section.paragraphs[0]
    assert not section.items
