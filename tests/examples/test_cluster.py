"""The files for clusters: what a shell and YAML can say of them, and that the options exist."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "cluster"
OPTIONS = {
    name: set(words.split())
    for name, _, words in (
        line.partition(": ")
        for line in (ROOT / "tests/house/options.txt").read_text(encoding="utf-8").splitlines()
    )
}


def shell(script: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["batch.sbatch", "train.sbatch"])
def test_a_script_for_slurm_is_one_that_bash_reads(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    shell(text)
    lines = text.splitlines()
    directives = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    code = next(number for number, line in enumerate(lines) if line and line[0] != "#")
    assert directives
    assert max(directives) < code, "Slurm reads none behind the first command"


@pytest.mark.parametrize("name", ["batch.yml", "train.yml"])
def test_a_job_for_kubernetes_has_what_an_indexed_job_needs(name: str) -> None:
    job = documents(name)[-1]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["parallelism"] <= spec["completions"]
    [container] = spec["template"]["spec"]["containers"]
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    shell("\n".join(container["args"]))
    if name == "batch.yml":
        assert f'+ 1))/{spec["completions"]}"' in container["args"][0]
        assert spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == "rgtsr"
        assert spec["template"]["spec"]["restartPolicy"] == "Never", "a failure policy asks for it"
    else:
        [service] = documents(name)[:-1]
        assert service["metadata"]["name"] == spec["template"]["spec"]["subdomain"]
        assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_every_option_of_rgtsr_in_them_exists(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(
        r"rgtsr (batch|train) (.*?)(?:\n\s*(?:envFrom|resources)|$)", text, re.DOTALL
    )
    assert commands
    for command, words in commands:
        known = {spelling for option in OPTIONS[command] for spelling in option.split("/")}
        used = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words.partition("\n\n")[0]))
        assert used <= known, (name, used - known)
