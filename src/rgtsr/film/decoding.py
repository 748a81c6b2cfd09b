"""The pictures of an open film, one after another, and what is lost of them. Knows PyAV."""

# PyAV is typed in part:
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rgtsr.film import opening

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


def frames(
    container: "InputContainer",
    stream: "VideoStream",
    on_loss: Callable[[str], object],
    on_packet: "Callable[[Packet[Any]], object] | None" = None,
) -> "Iterator[VideoFrame]":
    """All pictures that can be decoded, in the order in which they are shown.

    ``on_packet`` is shown all of the file, the sound too.
    """
    packets = container.demux() if on_packet else container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except opening.failures() as error:
            on_loss(f"it breaks off ({opening.reason(error)})")
            return
        if packet is None:
            return
        if on_packet and packet.size:
            on_packet(packet)
        if packet.stream is not stream:
            continue
        if packet.is_corrupt:
            on_loss("a part of it is damaged")
        try:
            yield from stream.decode(packet)
        except opening.failures() as error:
            on_loss(f"a picture cannot be decoded ({opening.reason(error)})")
