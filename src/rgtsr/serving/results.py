"""What is said of a picture that was made."""

import re
from pathlib import Path

from rgtsr.pictures import formats, screen
from rgtsr.serving import messages
from rgtsr.upscaler import Report

PAGE = re.compile(r"page 1 of (\d+) was read: --page takes another\.")
ONE_OF = r"of its \1 frames or pages the first was enlarged."  # the page looks for it


def of(report: Report, target: Path, name: str) -> messages.Result:
    """``name``: what others call the file. Raises OSError where it is gone."""
    height, width = report.size
    return messages.Result(
        name=name,
        width=width,
        height=height,
        format=formats.for_writing(target).name,
        size_bytes=target.stat().st_size,
        models=report.models,
        seconds=round(report.seconds, 2),
        restored=report.restored,
        wear=str(report.wear),
        notes=tuple(PAGE.sub(ONE_OF, note) for note in report.notes),
        can_view=screen.can_view(width, height),
    )
