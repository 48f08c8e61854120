"""Options of ingest that concern patients: the key that makes their ids, and the map from ids to files."""

import os
from dataclasses import dataclass
from pathlib import Path

from tdaflow.cli.settings import say
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import Dicom
from tdaflow.sources.identity import check_key_location, default_key_path


@dataclass(frozen=True)
class PatientOptions:
    """Options of a DICOM source, from the command line.

    Attributes
    ----------
    id_key : Path or None
        File of the key that ids are made with.
    allow_uneven : bool
        Resample uneven and tilted series.
    private_map : Path or None
        New file for the table of ids and files.
    """

    id_key: Path | None = None
    allow_uneven: bool = False
    private_map: Path | None = None

    def applied(self, config: RunConfig) -> RunConfig:
        """Return the configuration with the options of the DICOM source set.

        Raises
        ------
        ConfigError
            If options are given and the source is another.
        """
        given = {
            "--id-key": self.id_key is not None,
            "--allow-uneven": self.allow_uneven,
            "--write-private-map": self.private_map is not None,
        }
        used = next((name for name, is_given in given.items() if is_given), None)
        if used is None:
            return config
        if config.store is not None or config.data.get("kind") != "dicom":
            kind = "a volume store" if config.store is not None else f"a source of kind {config.data.get('kind')!r}"
            raise ConfigError(f"{used} is for DICOM, this is {kind}: leave it out")
        data = dict(config.data)
        if self.id_key is not None:
            data["id_key"] = str(self.id_key)
        if self.allow_uneven:
            data["allow_uneven"] = True
        return RunConfig.model_validate({**config.model_dump(mode="json"), "data": data})

    def check(self, config: RunConfig, folder: Path) -> None:
        """Refuse, before anything is made, a key or a map inside the run folder, which may be passed on.

        Raises
        ------
        InputError
            Also if the file for the map exists, or its folder does not.
        """
        if config.store is not None:
            return
        source = config.source()
        if isinstance(source, Dicom):
            key = source.id_key or default_key_path()
            check_key_location(key, folder)
            check_key_location(key, source.path)
        if self.private_map is None:
            return
        path = self.private_map.expanduser()
        problem = None
        if path.resolve().is_relative_to(folder.resolve()):
            problem = "lies inside the run's folder and would be passed on with it"
        elif os.path.lexists(path):
            problem = "exists already"
        elif not path.parent.is_dir():
            problem = "is in a folder that does not exist"
        if problem is not None:
            raise InputError(f"the file for the private map {problem}; name a new file with --write-private-map")

    def write_map(self, config: RunConfig) -> None:
        """Write the private map if it was requested; after the ingest, for it would stop a resumed one."""
        source = config.source() if self.private_map is not None else None
        if isinstance(source, Dicom) and self.private_map is not None:
            source.write_private_map(self.private_map)
            say("the private map is written, readable by you alone; it identifies patients")
