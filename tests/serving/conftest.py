"""One service for all tests that do not change it."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from serving.services import Service, ready, serving


@pytest.fixture(scope="session")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="session")
def service(spool: Path) -> Generator[Service]:
    options = ("--max-pixels", "2300000", "--max-body", "8M", "--max-queue", "8")
    with serving(*options, "--folder", spool) as started:
        yield ready(started)


@pytest.fixture
def http(service: Service) -> Generator[httpx.Client]:
    with service.http() as client:
        yield client
