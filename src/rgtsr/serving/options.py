"""How a service runs: plain numbers and names."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rgtsr.errors import RgtsrError, UsageError

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
SHORTEST_TOKEN = 16
RESULT_FACTOR = 16  # pixels of a result for each that a picture may have: x4 of the largest


@dataclass(frozen=True, kw_only=True)
class Options:
    """All that is decided when a service starts.

    ``model``: what pictures get that ask for none, ``None`` is the default weights; ``max_pixels``:
    of a picture that comes in, its result may have 16 times as many; ``max_queue``: pictures that
    wait or are being sent; ``timeout_s``: what a picture may take to arrive, and to be enlarged;
    ``tokens``: any of them is let in, each is a client of its own, without them everybody is;
    ``origins``: other sites whose pages may use the API; ``folder``: where pictures lie meanwhile.

    Raises:
        UsageError: for numbers that make no sense, and for an address that others can reach,
            without tokens, unless ``is_open``.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    model: str | None = None
    max_pixels: int = 100_000_000
    max_body_bytes: int = 256 << 20
    max_queue: int = 100
    timeout_s: float = 1800.0
    tokens: tuple[str, ...] = ()
    root_path: str = ""
    origins: tuple[str, ...] = ()
    folder: Path | None = None
    is_open: bool = False

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_body_bytes", "max_queue", "timeout_s"):
            if not getattr(self, name) > 0:
                option = name.removesuffix("_s").removesuffix("_bytes").replace("_", "-")
                raise UsageError(f"--{option}={getattr(self, name)} is too small: more than 0.")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port={self.port} is out of range: 0 (any that is free) to 65535.")
        for origin in self.origins:
            _check_origin(origin)
        if not (self.is_local or self.tokens or self.is_open):
            raise UsageError(
                f"{self.host} can be reached from other machines: give --auth-token-file, or let"
                " everybody in with --open."
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def hosts(self) -> tuple[str, ...] | None:
        """Names that a browser may call it by; None where any will do.

        A page of another site can point its own name at this machine. Without tokens nothing else
        keeps it out.
        """
        return None if self.tokens or self.is_open else (*LOCAL_NAMES, self.host)


def _check_origin(origin: str) -> None:
    """Raises UsageError for what no browser sends, and for all sites at once."""
    if origin == "*":
        raise UsageError(
            "--cors='*' would let any page that somebody opens use this service through their"
            " browser: name the sites, such as https://shop.example."
        )
    try:
        scheme, host, *_ = urlsplit(origin)
    except ValueError:
        scheme = host = ""
    if origin != f"{scheme}://{host}" or not host:
        raise UsageError(f"--cors={origin!r} is no origin: such as https://shop.example.")


def tokens_of(path: Path) -> tuple[str, ...]:
    """The tokens of a file: one a line, ``#`` begins a remark.

    Raises:
        RgtsrError: for a file that cannot be read, or holds none, a short one, or one that no
            header can carry.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RgtsrError(f"{path}: the tokens cannot be read ({reason}).") from error
    given = {number: line for number, line in enumerate(lines, 1) if line and line[0] != "#"}
    for number, token in given.items():
        if not (token.isascii() and token.isprintable()):
            raise RgtsrError(
                f"{path}: the token of line {number} cannot be sent: letters, digits and signs of"
                " ASCII can."
            )
    tokens = tuple(given.values())
    if not tokens:
        raise RgtsrError(f"{path}: there is no token in it: write one a line.")
    if min(map(len, tokens)) < SHORTEST_TOKEN:
        raise RgtsrError(f"{path}: a token is short: at least {SHORTEST_TOKEN} characters.")
    return tokens
