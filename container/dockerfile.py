"""A Dockerfile as data, and what .dockerignore lets through. Runs nothing.

Only what ours uses; anything else is refused, so that no step is passed over in silence.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = "0:0"


@dataclass(frozen=True)
class Step:
    """``RUN``, ``COPY``, ``WORKDIR`` or ``ENV``, in their order; ``text`` follows the word."""

    kind: str
    text: str


@dataclass
class Stage:
    """From one ``FROM`` to the next; what is no step holds for the container that runs."""

    base: str
    name: str | None
    steps: list[Step] = field(default_factory=list)
    user: str = ROOT
    volumes: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    health: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)


def stages(path: Path) -> list[Stage]:
    """All stages of the file. Raises ValueError for what is not known here."""
    found: list[Stage] = []
    for word, text in _instructions(path.read_text(encoding="utf-8")):
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            found.append(Stage(base, name or None))
        else:
            _take(found[-1], word, text)
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in pairs]


def _take(stage: Stage, word: str, text: str) -> None:
    match word:
        case "RUN" | "COPY" | "WORKDIR" | "ENV" if stage.user == ROOT:
            stage.steps.append(Step(word, text))
        case "USER":
            stage.user = text
        case "VOLUME":
            stage.volumes.append(text)
        case "EXPOSE":
            stage.ports.append(int(text))
        case "STOPSIGNAL":
            stage.stop_signal = text
        case "HEALTHCHECK":
            stage.health = json.loads(text.partition(" CMD ")[2])
        case "ENTRYPOINT":
            stage.entry = json.loads(text)
        case "LABEL":
            pass
        case _:
            raise ValueError(f"{word} {text}: it is not known how to rehearse that")


def context(root: Path) -> list[Path]:
    """Files of the folder that a build is sent, relative to it: by .dockerignore's last word."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    patterns = [(_pattern(rule.removeprefix("!")), rule.startswith("!")) for rule in rules]

    def is_sent(path: Path) -> bool:
        verdict = True
        for pattern, lets_through in patterns:
            if any(pattern.fullmatch(part.as_posix()) for part in (path, *path.parents)):
                verdict = lets_through
        return verdict

    sent: list[Path] = []
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        names[:] = [name for name in names if is_sent(here / name)]  # no rule of ours looks deeper
        sent += [here / name for name in files if is_sent(here / name)]
    return sorted(sent)


def _pattern(rule: str) -> re.Pattern[str]:
    """As Go's filepath.Match, and ``**/`` for any number of folders."""
    escaped = re.escape(rule.rstrip("/"))
    escaped = escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(escaped)
