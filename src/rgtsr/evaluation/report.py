"""Scores as a table, CSV and JSON. Knows how they look, not how they were taken."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite

from rich.table import Table
from rich.text import Text

from rgtsr.evaluation.score import Protocol, SetScore


def table(sets: Sequence[SetScore]) -> Table:
    """A table for the terminal: each picture's row, then each set's mean."""
    result = Table(box=None, pad_edge=False)
    for heading in ("set", "scale", "model", "picture"):
        result.add_column(heading)
    result.add_column("PSNR-Y / dB", justify="right")
    result.add_column("SSIM-Y", justify="right")
    for one in sets:
        # as Text, so that brackets in names are not read as styles
        start = Text(one.name), f"x{one.scale}", Text(one.model)
        for row in one.pictures:
            result.add_row(*start, Text(row.name), f"{row.psnr_y:.3f}", f"{row.ssim_y:.4f}")
        result.add_row(*start, "mean", f"{one.psnr_y:.3f}", f"{one.ssim_y:.4f}", style="bold")
    return result


def as_csv(sets: Sequence[SetScore]) -> str:
    """One line a picture, and one named ``mean`` a set; an infinite PSNR reads ``inf``.

    What was redone is counted for the set alone.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["set", "scale", "model", "picture", "psnr_y", "ssim_y", "redone_tiles"])
    for one in sets:
        start = one.name, one.scale, one.model
        for row in one.pictures:
            writer.writerow([*start, row.name, row.psnr_y, row.ssim_y, ""])
        writer.writerow([*start, "mean", one.psnr_y, one.ssim_y, one.redone_tiles])
    return out.getvalue()


def as_json(protocol: Protocol, sets: Sequence[SetScore]) -> str:
    """``{"protocol": {...}, "sets": [{"name", ..., "pictures": [{"name", "psnr_y", "ssim_y"}]}]}``.

    Equal pictures have an infinite PSNR, which JSON cannot hold: it is written as null.
    """
    content = {"protocol": asdict(protocol), "sets": [_plain(one) for one in sets]}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def remarks(sets: Sequence[SetScore]) -> list[str]:
    """A line for each thing that the scores do not say."""
    notes = [f"{one.name} x{one.scale}: {note}" for one in sets for note in one.notes]
    again = redone((f"{one.model} on {one.name} x{one.scale}", one.redone_tiles) for one in sets)
    return [*dict.fromkeys(notes), *([again] if again else [])]


def redone(counted: Iterable[tuple[str, int]]) -> str:
    """One line that says whose tiles were redone in float32, and how many; empty for none."""
    said = [f"{name}, {tiles} tile{'s' * (tiles > 1)}" for name, tiles in counted if tiles]
    return f"redone in float32: {'; '.join(said)}" if said else ""


def _plain(one: SetScore) -> dict[str, object]:
    return {
        "name": one.name,
        "scale": one.scale,
        "model": one.model,
        "psnr_y": _finite(one.psnr_y),
        "ssim_y": one.ssim_y,
        "redone_tiles": one.redone_tiles,
        "notes": list(one.notes),
        "pictures": [
            {"name": row.name, "psnr_y": _finite(row.psnr_y), "ssim_y": row.ssim_y}
            for row in one.pictures
        ],
    }


def _finite(psnr: float) -> float | None:
    return psnr if isfinite(psnr) else None
