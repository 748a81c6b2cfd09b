"""What users rely on, as checked-in lists: a change of one is a decision, not an accident."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rgtsr
from rgtsr import pictures
from rgtsr.pictures import Picture

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]


def listed(name: str) -> list[str]:
    return (HERE / name).read_text(encoding="utf-8").splitlines()


def test_the_public_names_are_those_of_the_list() -> None:
    assert sorted(rgtsr.__all__) == listed("public_names.txt")
    for name in rgtsr.__all__:
        assert getattr(rgtsr, name).__doc__, name


def test_every_error_can_be_imported_from_the_package() -> None:
    from rgtsr import errors

    kinds = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert [name for name in kinds if getattr(rgtsr, name) is not vars(errors)[name]] == []
    assert set(kinds) <= set(rgtsr.__all__)


def test_the_packages_help_begins_with_an_example_that_runs(tmp_path: Path, demo_dir: Path) -> None:
    assert rgtsr.__doc__ is not None
    assert rgtsr.__doc__.splitlines()[2] == ">>> import rgtsr"
    photo = pictures.read(demo_dir / "demo-astronaut.png").pixels_HWC[:64, :64]
    pictures.write(Picture.from_array(photo), tmp_path / "photo.jpg")
    lines = [line for line in rgtsr.__doc__.splitlines() if line.startswith((">>>", "..."))]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(line[4:] for line in lines)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(rgtsr.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert pictures.read(tmp_path / "photo_x2.png").size == (128, 128)
    assert pictures.read(tmp_path / "photo_x4.jpg").size == (256, 256)


def test_the_command_line_options_are_those_of_the_list() -> None:
    assert list(options()) == listed("options.txt")


def options() -> Iterator[str]:
    """``command: its options and arguments``, one line a command."""
    import typer.main

    from rgtsr.cli import app

    group = typer.main.get_command(app)
    yield "rgtsr: " + " ".join(names(group.params))
    for name, command in sorted(vars(group)["commands"].items()):
        inner = vars(command).get("commands")
        for path, each in sorted(inner.items()) if inner else [("", command)]:
            yield f"{f'{name} {path}'.rstrip()}: {' '.join(names(each.params))}".rstrip()


def names(parameters: list) -> Iterator[str]:
    for parameter in parameters:
        yield "/".join(parameter.opts) if parameter.opts[0][0] == "-" else parameter.opts[0].upper()


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(line.partition("  #")[0].split()) for line in lines if line.strip()]


def test_the_readmes_commands_are_those_of_the_list() -> None:
    assert readme_commands() == listed("readme_commands.txt")


def test_the_readmes_commands_exist() -> None:
    known = {line.partition(":")[0]: line.split() for line in listed("options.txt")}
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in readme_commands():
        program, *words = line.split()
        if program == "make":
            assert set(words) <= set(targets), line
        elif program == "rgtsr":
            command = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
            spellings = {s for option in known[command] for s in option.split("/")}
            assert {word for word in words if word.startswith("-")} <= spellings, line


def test_the_readmes_python_runs(tmp_path: Path, demo_dir: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    photo = pictures.read(demo_dir / "demo-astronaut.png").pixels_HWC[:64, :64]
    pictures.write(Picture.from_array(photo), tmp_path / "photo.png")
    done = subprocess.run(
        [sys.executable, "-c", example.replace("photo.jpg", "photo.png")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(rgtsr.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_defaults_that_help_texts_name_are_the_real_ones() -> None:
    from rgtsr.cli import options
    from rgtsr.upscaler import planning

    def told(option: object) -> str:
        return vars(option)["__metadata__"][0].help

    assert f"Default: {planning.TILE_PX}" in told(options.Tile)
    assert f"Default: {planning.OVERLAP_PX}." in told(options.Overlap)
    assert f"Default: {pictures.MAX_PIXELS // 10**6} million." in told(options.MaxPixels)


@pytest.mark.skipif(
    "RGTSR_TEST_INSTALLED" not in os.environ, reason="only `make test` installs the wheel"
)
def test_the_installed_wheel_is_what_is_tested() -> None:
    assert "site-packages" in Path(rgtsr.__file__).parts
