"""What can fail outside our control, or was asked for wrongly. Knows nobody: it imports nothing.

The caller's mistakes are ``ValueError``. Those that somebody can have typed, as an option or in a
recipe, are ``UsageError``: the command line exits with 2 for them, and with 1 for everything else.
The others here are the world's; a kind that is both (a name that nobody has) inherits from both.
"""


class UsageError(ValueError):
    """What was asked for cannot be; the message says what, and what can."""


class RgtsrError(Exception):
    """Something outside the program is not as it must be; the message says what and the way out."""


class PictureError(RgtsrError):
    """A picture cannot be read or written."""


class DiskFullError(PictureError):
    """The disk has no room for a picture: with some more, the same can go on."""


class NoRoomError(DiskFullError):
    """The disk has no room for a picture, which was seen before work began."""


class UndecodedError(PictureError):
    """A picture is of a format for which this machine has no decoder."""


class WeightsError(RgtsrError):
    """A weights file is missing, damaged, unsafe, or another network's."""


class UnknownWeightsError(WeightsError, UsageError):
    """No weights of this name, or not at this scale."""


class RuntimeUnavailableError(RgtsrError):
    """A runtime or a device was asked for that this machine does not have."""


class OutOfMemoryError(RgtsrError):
    """Memory does not suffice: that of the machine, or what a limit leaves of it."""


class Refused(RgtsrError):
    """A service did not do it; ``code`` says why and stays the same, ``status`` is HTTP's."""

    def __init__(self, detail: str, *, code: str, status: int) -> None:
        super().__init__(f"{detail} ({code})")
        self.code, self.status = code, status


class EvaluationError(RgtsrError):
    """A benchmark folder does not hold what its layout promises."""


class ExportError(RgtsrError):
    """An exported file cannot be written, or does not do what the network does."""


class TrainingError(RgtsrError):
    """A training run cannot start or go on; its last good state is kept."""
