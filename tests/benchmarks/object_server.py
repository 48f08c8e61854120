"""An object store on this machine: moto's server, which speaks S3, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "open-sesame", "AWS_REGION": "us-east-1"}
BUCKET = "s3://archive"


@contextmanager
def s3_server(log: Path | None = None) -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    """Start a server with one empty bucket.

    Parameters
    ----------
    log : Path, optional
        A line a request is written there.

    Yields
    ------
    environment : dict of str
        What leads a process to the server.
    process : Popen
        The server.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"]
    with open(log or os.devnull, "w") as stream:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stream)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(
                    urllib.request.Request(f"{url}/{BUCKET.removeprefix('s3://')}", method="PUT"), timeout=5
                )
                break
            except OSError:
                time.sleep(0.1)
        yield {**CREDENTIALS, "AWS_ENDPOINT_URL": url}, process
    finally:
        process.kill()
        process.wait()


@contextmanager
def environment(settings: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment for the block, as children of this process see it too."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
