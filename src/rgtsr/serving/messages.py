"""What the service says, as types: the OpenAPI document and the client are made from them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rgtsr.jobs import State


class Message(BaseModel):
    """Frozen; what a newer service says beside it is let be."""

    model_config = ConfigDict(frozen=True)


class Problem(Message):
    """Why something was not done (RFC 9457). ``code`` stays the same from version to version."""

    type: str = "about:blank"
    title: Annotated[str, Field(examples=["Too large"])]
    status: Annotated[int, Field(examples=[413])]
    code: Annotated[str, Field(examples=["body-too-large"])]
    detail: Annotated[str, Field(examples=["The file is larger than 256 MiB."])]


class Source(Message):
    """The picture that came in."""

    width: int
    height: int
    format: Annotated[str, Field(examples=["JPEG"])]
    size_bytes: int


class Result(Message):
    """The picture that was made of it, and how."""

    name: Annotated[str, Field(examples=["photo_x2.jpg"])]
    width: int
    height: int
    format: Annotated[str, Field(examples=["JPEG"])]
    size_bytes: int
    models: Annotated[tuple[str, ...], Field(examples=[["swift-x2"]])]
    seconds: float
    restored: Annotated[float, Field(description="How far wear was made good, 0..1.")]
    wear: Annotated[str, Field(description="What the picture had been through, in words.")]
    notes: tuple[str, ...]
    can_view: Annotated[bool, Field(description="Whether view/after shows it; else deep zoom.")]


class Job(Message):
    """One picture on its way."""

    id: str
    state: State
    name: Annotated[str, Field(examples=["photo.jpg"])]
    position: Annotated[int | None, Field(description="How many come before it, while queued.")]
    progress: Annotated[float, Field(ge=0, le=1)]
    tiles_done: int
    tiles: int
    seconds_left: float | None
    source: Source
    result: Result | None
    problem: Problem | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state not in (State.QUEUED, State.RUNNING)


class Model(Message):
    """Weights that can be asked for; ``restores``: how far can be chosen."""

    name: Annotated[str, Field(examples=["swift-x2"])]
    family: str
    variant: str
    scale: int
    purpose: str
    licence: str
    parameters: int
    minutes: float
    scores: dict[str, float]
    is_default: bool
    restores: bool


class Limits(Message):
    """What is taken at most."""

    max_pixels: int
    max_body_bytes: int
    max_queue: int


class Models(Message):
    """What there is to choose from."""

    models: tuple[Model, ...]
    formats: tuple[str, ...]
    reads: tuple[str, ...]
    limits: Limits
    restores: Annotated[bool, Field(description="Whether restore can be chosen without a model.")]
