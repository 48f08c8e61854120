"""The command line, called in this process, and a small configuration."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr; fails if there is another."""
        (line,) = self.err.splitlines()
        assert line.startswith("tdaflow: ")
        return line


@pytest.fixture
def tdaflow(monkeypatch, capfd) -> Callable[..., Outcome]:
    """Run a command line; returns its exit code and what it printed."""
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["tdaflow", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, handler)


def smooth_volumes(n: int) -> np.ndarray:
    """uint8 volumes (n, 12, 12, 12)."""
    rng = np.random.default_rng(0)
    stack = np.stack([gaussian_filter(rng.standard_normal((12, 12, 12)), 1.2) for _ in range(n)])
    return np.rint(255 * (stack - stack.min()) / np.ptp(stack)).astype(np.uint8)


CONFIG = """
[data]
kind = "arrays"
path = "{path}"

[superpixels]
n_superpixels = 40

[images]
resolution = 6

[run]
cluster = "sync"
batch = 2
"""


@pytest.fixture
def config(tmp_path) -> Callable[..., Path]:
    """Maker of a configuration for six volumes, some of them bad."""

    def make(*, nan: int = 0, extra: str = "") -> Path:
        stack = smooth_volumes(6).astype(np.float32)
        stack[:nan, 0, 0, 0] = np.nan
        np.savez_compressed(tmp_path / "stack.npz", images=stack)
        path = tmp_path / "small.toml"
        path.write_text(CONFIG.format(path=tmp_path / "stack.npz") + extra)
        return path

    return make
