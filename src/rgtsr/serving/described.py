"""Options, headers, and what requests and answers look like, for the description of the API."""

from typing import Any

from rgtsr.jobs import State
from rgtsr.serving import asking, messages
from rgtsr.upscaler.restoring import SHARES

Json = dict[str, Any]  # Any: JSON

OPTIONS: Json = {
    "scale": {
        "type": "number",
        "minimum": 1,
        "maximum": 16,
        "description": "How many times longer each side gets; fractions too. Excludes pixels.",
        "example": 2,
    },
    "width": {"type": "integer", "minimum": 1, "description": "Exactly this wide, in pixels."},
    "height": {
        "type": "integer",
        "minimum": 1,
        "description": "Exactly this high. With width the picture covers both and is cropped.",
    },
    "long_side": {"type": "integer", "minimum": 1, "description": "The longer side, in pixels."},
    "model": {
        "type": "string",
        "description": "A name of /v1/models, or auto.",
        "example": "auto",
    },
    "restore": {
        "type": "string",
        "enum": ["auto", *(f"{share:g}" for share in SHARES)],
        "description": "How far noise and JPEG's traces are removed; auto: as the picture needs.",
    },
    "format": {
        "type": "string",
        "enum": list(asking.FORMATS),
        "description": "Of the result. Without it the picture's own, or PNG.",
    },
    "quality": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "Of JPEG, WebP and AVIF.",
    },
    "strip": {"type": "boolean", "description": "Leave all metadata out."},
    "name": {"type": "string", "description": "What the file is called.", "example": "photo.jpg"},
}
SOURCE = messages.Source(width=1200, height=800, format="JPEG", size_bytes=412_345)
QUEUED = messages.Job(
    id="4f1c2b7d9e8a40c3",
    state=State.QUEUED,
    name="photo.jpg",
    position=2,
    progress=0.0,
    tiles_done=0,
    tiles=0,
    seconds_left=None,
    source=SOURCE,
    result=None,
    problem=None,
)
RUNNING = QUEUED.model_copy(
    update={"state": State.RUNNING, "position": None, "progress": 0.25, "tiles_done": 12}
    | {"tiles": 48, "seconds_left": 21.5}
)
RESULT = messages.Result(
    name="photo_x2.jpg",
    width=2400,
    height=1600,
    format="JPEG",
    size_bytes=1_530_211,
    models=("swift-x2",),
    seconds=28.7,
    restored=0.5,
    wear="JPEG of quality 75, noise 3",
    notes=(),
    can_view=True,
)
DONE = RUNNING.model_copy(
    update={"state": State.DONE, "progress": 1.0, "tiles_done": 48, "seconds_left": None}
    | {"result": RESULT}
)
REQUEST = {"picture": "(the file's bytes)", "scale": "2", "model": "auto", "format": "jpg"}
OF_MADE = ("X-Rgtsr-Models", "X-Rgtsr-Seconds")
HEADERS: Json = {
    "Retry-After": {"description": "Seconds after which to ask again.", "example": 5},
    "Location": {"description": "Of the job.", "example": f"/v1/jobs/{QUEUED.id}"},
    "X-Rgtsr-Models": {"description": "The weights that ran.", "example": "swift-x2"},
    "X-Rgtsr-Seconds": {"description": "How long that took.", "example": 28.7},
}
