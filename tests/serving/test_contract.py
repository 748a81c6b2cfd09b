"""The service and its own description: what the one says, the other keeps."""

import subprocess
import sys
from pathlib import Path

from cli.running import environment
from serving.services import ready, serving

EXAMPLES = 10


def test_the_service_keeps_what_its_description_says(tmp_path: Path) -> None:
    with serving("--max-queue", "10000") as service:
        _check(ready(service).address, tmp_path)
        assert not [line for line in service.said if "Traceback" in line], service.said


def _check(address: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{address}/openapi.json",
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
            *("--checks", "response_schema_conformance,response_headers_conformance"),
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
