"""A Dask scheduler that somebody else started and that is left running."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from tdaflow.cluster.spec import ClusterSpec
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine


class Existing(ClusterSpec):
    """A Dask scheduler that is up already.

    Attributes
    ----------
    address, scheduler_file : str or None
        Where it is: one of them.
    """

    kind: Literal["existing"] = "existing"
    address: str | None = None
    scheduler_file: str | None = None

    @model_validator(mode="after")
    def _check_address(self) -> "Existing":
        if [self.address, self.scheduler_file].count(None) != 1:
            raise ValueError('kind = "existing" needs one of address and scheduler_file')
        if self.tls is not None:
            raise ValueError(
                "tls is for clusters that tdaflow starts; the address of an existing one begins with tls://"
            )
        return self

    def check(self) -> None:
        """Refuse a scheduler file that is not there."""
        if self.scheduler_file is not None and not Path(self.scheduler_file).is_file():
            # Dask would wait for it for ever.
            raise ConfigError(
                f"the cluster specification names {self.scheduler_file}, which is not there; check the path"
            )

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Reach the scheduler's workers; where there are none yet, the first is waited for.

        Raises
        ------
        ConfigError
            If it does not answer, gets no workers, or one of them has another tdaflow.
        """
        from distributed import Client

        from tdaflow.cluster.client import client_engine
        from tdaflow.cluster.tls import security_from_files

        where: dict[str, Any] = {"address": self.address} if self.address else {"scheduler_file": self.scheduler_file}
        security = security_from_files(self)
        if security is not None:
            where["security"] = security
        try:
            client = Client(**where, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {self.address or self.scheduler_file} ({error}); start one with "
                "`dask scheduler`, and name its certificates if it speaks TLS"
            ) from None
        with client:
            yield client_engine(client, self.kind, say)

    def describe(self) -> str:
        """Return who would work."""
        where = self.address or f"the address in {self.scheduler_file}"
        return f"existing: nothing would be started; the workers of the scheduler at {where} would do the work"
