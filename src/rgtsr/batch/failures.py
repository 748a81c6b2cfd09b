"""What went wrong, in one of a few words; and whether to try again. Knows errors by what they are.

Stores wrap their errors in many ways: their clients are recognised by what they carry (a status of
HTTP, an errno, a name), so that none has to be installed.
"""

import errno
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

from rgtsr.batch.item import Code
from rgtsr.errors import DiskFullError, OutOfMemoryError, RgtsrError, RuntimeUnavailableError
from rgtsr.pictures import disk

T = TypeVar("T")

FULL_STATUS = 507  # WebDAV's, and MinIO's
PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EPIPE,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
TOO_MANY, SERVER_ERROR, NOT_IMPLEMENTED = 429, 500, 501
FORBIDDEN = (401, 403)
STATUSES = ("status", "status_code", "code")  # as clients call HTTP's
# paramiko's words
CLOSED, SHORT = "Socket is closed", "size mismatch in put"
REFUSED, LOST = "AuthenticationException", ("EOF", "timeout")  # and words by which it is another
# of classes of botocore, aiohttp, urllib3, gcsfs, adlfs and paramiko
PASSING_NAMES = {
    "ChecksumError",
    "ClientConnectionError",
    "ClientPayloadError",
    "ConnectionClosedError",
    "FSTimeoutError",
    "HTTPClientError",
    "HttpResponseError",
    "IncompleteRead",
    "NoValidConnectionsError",
    "ProtocolError",
    "ProxyError",
    "ResponseParserError",
    "ServerDisconnectedError",
    "ServiceRequestError",
    "SSHException",
}


class Unreachable(RgtsrError):
    """A store did not do it, however often it was asked."""


class SpoolFullError(RgtsrError):
    """A worker's own disk has no room for what comes from far."""


@dataclass(frozen=True)
class Patience:
    """How often a store is asked, and for how long it is left alone in between.

    Before try n a random time up to ``first_s`` · 2^n, at most ``most_s``: so a thousand workers
    that were refused together do not come back together.
    """

    tries: int = 8
    first_s: float = 0.2
    most_s: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Seconds before each try but the first."""
        for number in range(1, self.tries):
            yield random.uniform(0, min(self.most_s, self.first_s * 2**number))


PATIENT = Patience()


def insisting(what: Callable[[], T], name: str, patience: Patience) -> T:
    """The result of ``what``, tried again where that can help.

    Raises Unreachable, with ``name``, in the end; at once what would not change, an OSError where
    the store's client has one of its own.
    """
    pauses = patience.pauses()
    while True:
        try:
            return what()
        except Exception as error:
            if not is_passing(error):
                if isinstance(error, OSError) or _is_known(error):
                    raise
                if _status(error) is not None:
                    raise OSError(reason(error)) from error
                raise Unreachable(f"{name}: {reason(error)}.") from error
            pause = next(pauses, None)
            if pause is None:
                times = f" (asked {patience.tries} times)" if patience.tries > 1 else ""
                raise Unreachable(f"{name}: {reason(error)}{times}.") from error
            time.sleep(pause)


def is_passing(error: BaseException) -> bool:
    """Whether the same may well succeed a moment later."""
    for each in chain(error):
        if _is_refused(each):
            return False
        status = _status(each)
        if status is not None:
            return status == TOO_MANY or (
                status >= SERVER_ERROR and status not in (NOT_IMPLEMENTED, FULL_STATUS)
            )
        if isinstance(each, FileNotFoundError | PermissionError):
            return False
        if isinstance(each, ConnectionError | TimeoutError | EOFError):
            return True
        if isinstance(each, OSError) and (each.errno in PASSING or str(each) == CLOSED):
            return True
        if PASSING_NAMES & {kind.__name__ for kind in type(each).__mro__}:
            return True
    return False


def code(error: BaseException) -> Code:
    """Which of the words it is."""
    causes = list(chain(error))
    if any(isinstance(each, MemoryError | OutOfMemoryError) for each in causes):
        return Code.MEMORY
    if any(isinstance(each, SpoolFullError) for each in causes):
        return Code.SPOOL
    if any(isinstance(each, DiskFullError) or _errno(each) in disk.FULL for each in causes):
        return Code.FULL
    if any(_status(each) == FULL_STATUS or str(each).startswith(SHORT) for each in causes):
        return Code.FULL
    if any(map(_is_forbidden, causes)):
        return Code.FORBIDDEN
    if any(isinstance(each, Unreachable) for each in causes):
        return Code.STORE
    if any(isinstance(each, FileNotFoundError) for each in causes):
        return Code.MISSING
    is_picture = isinstance(error, RgtsrError) and not isinstance(error, RuntimeUnavailableError)
    return Code.PICTURE if is_picture else Code.UNEXPECTED


def reason(error: BaseException) -> str:
    """One line of it; of what is not ours, without a full stop."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError) and ("://" in text or not text):
        return "no such file"
    return text if isinstance(error, RgtsrError) else text.rstrip(".") or type(error).__name__


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_forbidden(error: BaseException) -> bool:
    if isinstance(error, PermissionError) or _errno(error) == errno.EROFS:
        return True
    if _is_refused(error):
        return True
    return _status(error) in FORBIDDEN or str(error).startswith("Forbidden: ")  # gcsfs's


def _is_refused(error: BaseException) -> bool:
    return type(error).__name__ == REFUSED and not any(word in str(error) for word in LOST)


def _is_known(error: Exception) -> bool:
    """Whether it is Python's or ours, and not a client's."""
    package = type(error).__module__.partition(".")[0]
    return package in sys.stdlib_module_names or package == "rgtsr"


def _errno(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _status(error: BaseException) -> int | None:
    """HTTP's, where a client says it."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore's
        about = cast("dict[str, dict[str, object]]", answer)
        status = about.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = next((getattr(error, name) for name in STATUSES if hasattr(error, name)), None)
    return status if isinstance(status, int) and status >= 400 else None
