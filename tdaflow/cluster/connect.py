"""Start or reach a Dask cluster for the time of a run. `distributed` is imported only on first use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tdaflow.cluster.settings import SETTINGS
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.pipeline import Engine, OnDemand, dashboard_sentence

_CONNECT_SECONDS = 20


@contextmanager
def connect(spec: ClusterSpec, say: Callable[[str], None] = lambda _: None) -> Iterator[Engine]:
    """Yield an engine that runs tasks where `spec` says; what was started for it ends with the block.

    The user's Dask configuration is read but not changed.

    Parameters
    ----------
    spec : ClusterSpec
    say : callable
        Told what a person should know, such as what is waited for; from any thread.

    Raises
    ------
    ConfigError
        If a scheduler or a host does not answer, or a package for this kind of cluster is missing.
    """
    spec.check()
    with _started(spec, say) as engine:
        yield engine


@contextmanager
def on_demand(
    spec: ClusterSpec,
    say: Callable[[str], None],
    recorded: Callable[[Engine], AbstractContextManager[None]] | None = None,
) -> Iterator[Engine]:
    """Yield the same engine, but start it when it is first needed: not for a run that has nothing to do.

    Parameters
    ----------
    spec : ClusterSpec
    say : callable
        Told the dashboard's address, and what the engine cannot do, until the engine is told to `listen` to another.
    recorded : callable, optional
        Returns a block in which the engine works.

    Raises
    ------
    ConfigError
        As `connect`: at once, what can be known before anything is started, the rest when it is needed.
    """
    spec.check()
    with ExitStack() as stack:

        def start(say: Callable[[str], None]) -> Engine:
            engine = stack.enter_context(_started(spec, say))
            if told := dashboard_sentence(engine.describe()):
                say(told)
            if not engine.isolates:
                say(f"{engine.name}: a volume that crashes the process ends the run; --cluster processes isolates it")
            if recorded is not None:
                stack.enter_context(recorded(engine))
            return engine

        yield OnDemand(spec.kind, start, say)


@contextmanager
def _started(spec: ClusterSpec, say: Callable[[str], None]) -> Iterator[Engine]:
    if not spec.uses_dask:
        with spec.engine(say) as engine:
            yield engine
        return
    import dask
    import distributed  # noqa: F401  # loads its defaults, which the end of `set` would take away again if it came first

    timeout = {"distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s"}
    with dask.config.set({**SETTINGS, **timeout}), spec.engine(say) as engine:
        yield engine
