"""Every file that comes as a workflow is what it says: a run, a grid of a sweep, or a plan of tables."""

import pytest

from tdaflow.config import load_config, run_workflows
from tdaflow.evaluation.protocol.grid import overridden, read_grid
from tdaflow.evaluation.tables.overview import read_plan
from tdaflow.packaged import packaged_file


@pytest.mark.parametrize("name", run_workflows())
def test_every_workflow_is_valid(name):
    load_config(packaged_file("workflows", name))


def test_grids_and_plans_are_not_among_the_workflows_that_run():
    assert {"quickstart", "organmnist3d", "zhu2024"} <= set(run_workflows())
    assert not {"tables", "best", "sweep-epsilon", "best/organmnist3d"} & set(run_workflows())
    assert read_grid(packaged_file("workflows", "sweep-epsilon")).full == {
        "images.epsilon": tuple(round(0.85 + 0.01 * i, 2) for i in range(13))
    }


def test_settings_of_the_grid_are_settings_of_every_data_set():
    grid = read_grid(packaged_file("workflows", "sweep-epsilon"))
    config = load_config(packaged_file("workflows", "organmnist3d"))
    for cell in [*grid.cells(), *({k: v} for k, values in grid.one_at_a_time.items() for v in values)]:
        overridden(config, cell)


@pytest.mark.parametrize("name", ["tables", "best"])
def test_a_plan_names_workflows_for_every_data_set(name):
    plan = read_plan(packaged_file("workflows", name))
    assert len(plan.data_sets) == 6
    for run in plan.runs.values():
        for data_set in plan.data_sets:
            assert run.config_of(data_set).data["name"] == data_set


@pytest.mark.parametrize("name", read_plan(packaged_file("workflows", "best")).data_sets)
def test_each_data_set_has_its_best_plan(name):
    everything, own = (read_plan(packaged_file("workflows", plan)) for plan in ("best", f"best/{name}"))
    assert own.data_sets == (name,)
    assert own.runs == everything.runs


def test_a_configuration_of_pinet_that_is_run_names_the_verb_for_it(tdaflow):
    refused = tdaflow("run", "pinet-images")
    assert refused.code == 2
    assert "run `tdaflow pinet train" in refused.sentence
