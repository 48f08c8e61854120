"""Places for objects: in this process, and on a server that speaks S3."""

import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from object_server import BUCKET, environment, s3_server

from tdaflow.remote import place


@pytest.fixture
def memory():
    """A place that no other test uses."""
    return place(f"memory://{uuid.uuid4().hex}/place")


@pytest.fixture(scope="session")
def server():
    """The environment that leads to a server of this session."""
    with s3_server() as (settings, _), environment(settings):
        yield settings


@pytest.fixture
def s3(server):
    """A place on the server that no other test uses."""
    return place(f"{BUCKET}/{uuid.uuid4().hex}")


@pytest.fixture(params=["memory", "s3"])
def somewhere(request):
    """One after the other."""
    return request.getfixturevalue(request.param)
