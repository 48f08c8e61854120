"""What a specification would start, without starting it."""

from dask.system import CPU_COUNT

from tdaflow.cluster.spec import ClusterSpec


def describe(spec: ClusterSpec) -> str:
    """One sentence: who would work, where they would listen, whether traffic would be encrypted."""
    return {
        "sync": _in_process,
        "threads": _in_process,
        "processes": _processes,
        "existing": _existing,
        "ssh": _ssh,
        "slurm": _slurm,
    }[spec.kind](spec)


def job_script(spec: ClusterSpec) -> str | None:
    """The script of each job, if the specification submits jobs.

    Raises
    ------
    ConfigError
        If dask-jobqueue is missing.
    """
    if spec.kind != "slurm":
        return None
    from tdaflow.cluster.slurm import render_job_script

    return render_job_script(spec)


def _in_process(spec: ClusterSpec) -> str:
    if spec.kind == "sync":
        return "sync: the work would be done one batch after the other in the process of tdaflow"
    workers = spec.workers or CPU_COUNT
    return f"threads: {workers} threads of the process of tdaflow would do the work, {_dashboard(spec)}"


def _processes(spec: ClusterSpec) -> str:
    workers = spec.workers or CPU_COUNT
    limit = "their share of the memory" if spec.memory_limit == "auto" else spec.memory_limit
    return (
        f"processes: {workers} processes of one thread would be started on this machine, each started again above "
        f"{limit}; they and the scheduler would listen on {spec.host}, {_encryption(spec)}, {_dashboard(spec)}"
    )


def _existing(spec: ClusterSpec) -> str:
    where = spec.address or f"the address in {spec.scheduler_file}"
    return f"existing: nothing would be started; the workers of the scheduler at {where} would do the work"


def _ssh(spec: ClusterSpec) -> str:
    table = spec.ssh
    assert table is not None
    return (
        f"ssh: {spec.workers or 1} processes of one thread would be started on each of {', '.join(table.hosts)}, and a "
        f"scheduler on {table.scheduler or table.hosts[0]}, {_encryption(spec)}, {_dashboard(spec)} there"
    )


def _slurm(spec: ClusterSpec) -> str:
    table = spec.slurm
    assert table is not None
    return (
        f"slurm: a scheduler would be started in the process of tdaflow on the interface {table.interface}, "
        f"{_encryption(spec)}, {_dashboard(spec)}; {table.minimum_jobs} to {table.jobs} jobs of {table.cores} "
        "processes of one thread would be submitted as the work needs them, each with this script:"
    )


def _encryption(spec: ClusterSpec) -> str:
    return "encrypted" if spec.encrypted else "not encrypted"


def _dashboard(spec: ClusterSpec) -> str:
    return f"with a dashboard on {spec.dashboard}"
