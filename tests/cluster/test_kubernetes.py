"""The manifests for Kubernetes: accepted by its schemas, consistent, and their commands do a run here."""

import json
import tomllib

import pytest
import yaml

from tdaflow.cluster import cluster_spec
from tdaflow.cluster.settings import SETTINGS
from tdaflow.packaged import packaged_file

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason='needs pip install "tdaflow[test]"')

MANIFESTS = list(yaml.safe_load_all(packaged_file("cluster", "kubernetes.yaml").read_text()))
OPERATOR = yaml.safe_load(packaged_file("cluster", "kubernetes-operator.yaml").read_text())
(CONFIG,) = (manifest["data"] for manifest in MANIFESTS if manifest["kind"] == "ConfigMap")
# The oldest in which a Job can tell failures apart, and the newest that is known here.
VERSIONS = ("1.31", kubernetes_validate.latest_version())


def pods():
    """Specifications of all pods, by the names of their containers."""
    templates = [
        manifest["spec"]["template"]["spec"] for manifest in MANIFESTS if "template" in manifest.get("spec", {})
    ]
    templates += [OPERATOR["spec"][role]["spec"] for role in ("scheduler", "worker")]
    return templates


def container(name):
    """The container of that name in the manifests of the way without an operator."""
    return next(found for pod in pods() for found in pod["containers"] if found["name"] == name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}")
def test_the_schemas_of_kubernetes_accept_every_manifest(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_they_accept_the_pods_and_the_service_of_the_operators_cluster(role):
    told = OPERATOR["spec"][role]
    head = {"apiVersion": "v1", "metadata": {"name": "x"}}
    kubernetes_validate.validate({**head, "kind": "Pod", "spec": told["spec"]}, VERSIONS[1], strict=True)
    if role == "scheduler":
        kubernetes_validate.validate({**head, "kind": "Service", "spec": told["service"]}, VERSIONS[1], strict=True)


def test_a_manifest_with_a_typing_error_is_not_accepted():
    wrong = {**MANIFESTS[0], "dta": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="dta"):
        kubernetes_validate.validate(wrong, VERSIONS[1], strict=True)


def test_what_is_named_is_there():
    claims = {m["metadata"]["name"] for m in MANIFESTS if m["kind"] == "PersistentVolumeClaim"}
    for pod in pods():
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        assert {
            v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v
        } <= claims
        for found in pod["containers"]:
            assert {mount["name"] for mount in found.get("volumeMounts", [])} <= volumes.keys()
    (service,) = (m for m in MANIFESTS if m["kind"] == "Service")
    labels = [m["spec"]["template"]["metadata"]["labels"] for m in MANIFESTS if m["kind"] == "Deployment"]
    assert service["spec"]["selector"] in labels
    assert tomllib.loads(CONFIG["cluster.toml"])["address"] == f"tcp://{service['metadata']['name']}:8786"


def test_schedulers_and_workers_have_the_settings_of_those_that_tdaflow_starts():
    ours = {"DASK_" + name.replace(".", "__").replace("-", "_").upper(): str(value) for name, value in SETTINGS.items()}
    given = [pair for pod in pods() for found in pod["containers"] for pair in found.get("env", [])]
    assert given
    for pair in given:
        assert ours[pair["name"]] == pair["value"]


def test_their_commands_do_a_run_whose_workers_come_last(start, tmp_path, wait_for):
    here = tmp_path / "scheduler.json"
    command = container("scheduler")["command"]
    command = command[: command.index("--port")]
    start(*command, "--port", 0, "--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", here)
    wait_for(here.is_file)
    address = json.loads(here.read_text())["address"]
    spec = cluster_spec(**tomllib.loads(CONFIG["cluster.toml"]))
    moved = {spec.address: address, "/config": str(tmp_path), "/runs": str(tmp_path / "runs"), "/tmp": str(tmp_path)}

    def local(name):
        for part in container(name)["command"]:
            known = next((there for there in moved if part.startswith(there)), None)
            yield part if known is None else moved[known] + part.removeprefix(known)

    (tmp_path / "cluster.toml").write_text(CONFIG["cluster.toml"].replace(spec.address, address))
    small = "n_volumes = 4\nshape = [16, 16, 16]\nkinds = ['ball']\n[superpixels]\nn_superpixels = 30\n"
    (tmp_path / "run.toml").write_text(CONFIG["run.toml"].partition("n_volumes")[0] + small)
    client = start(*local("client"))
    log = tmp_path / "runs" / "cohort" / "run.log"
    wait_for(
        lambda: client.poll() or (log.is_file() and "has no workers yet; waiting for the first" in log.read_text())
    )
    start(*local("worker"), "--host", "127.0.0.1")
    told = client.communicate(timeout=120)[1]
    assert client.returncode == 0, told
    assert json.loads((tmp_path / "runs" / "cohort" / "run.json").read_text())["state"] == "done"
