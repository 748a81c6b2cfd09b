"""Files broken on purpose, the same ones for the same seed. Knows formats by their bytes alone."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Literal

Mutate = Callable[[bytes, random.Random], bytes]
Order = Literal["little", "big"]

# fmt: off
EXTREMES = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 10**6, 3 * 10**8,
            0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
VALUES = (None, True, -1, 0, 1, 0.5, 300_000, 2**31, 10**30, 1e308, float("nan"), float("inf"),
          "", "x", "-" * 5000, [], [[]], {}, {"a": 1}, [300_000], [1] * 1000, [0.5] * 3)
# fmt: on
HEAD = 600  # where headers are: half of the changes fall into the first or last bytes


def mutated(kind: str, honest: bytes, rng: random.Random) -> bytes:
    """One to four changes of a file of that kind."""
    content = honest
    for _ in range(rng.choice((1, 1, 2, 4))):
        own = OWN.get(kind)
        mutate = own if own is not None and rng.random() < 0.5 else rng.choice(ANY)
        try:
            content = mutate(content, rng)
        except Exception:  # it is broken already: zip, JSON and tags cannot be read any more
            content = bits(content, rng) if content else b"x"
    return content


def place(content: bytes, rng: random.Random) -> int:
    """Somewhere, more often near an end."""
    if len(content) > 2 * HEAD and rng.random() < 0.6:
        near = rng.randrange(HEAD)
        return near if rng.random() < 0.7 else len(content) - 1 - near
    return rng.randrange(max(1, len(content)))


def bits(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def number(content: bytes, rng: random.Random) -> bytes:
    """An integer of any width and order becomes an extreme one."""
    size, at = rng.choice((1, 2, 4, 4, 8)), place(content, rng)
    at -= at % size if rng.random() < 0.5 else 0
    value = (rng.choice(EXTREMES) + rng.choice((-1, 0, 0, 1))) % 256**size
    return content[:at] + value.to_bytes(size, rng.choice(("little", "big"))) + content[at + size :]


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: place(content, rng)]


def removed(content: bytes, rng: random.Random) -> bytes:
    at = place(content, rng)
    return content[:at] + content[at + rng.choice((1, 2, 4, 12, 100, 5000)) :]


def repeated(content: bytes, rng: random.Random) -> bytes:
    at = place(content, rng)
    part = content[at : at + rng.choice((1, 4, 12, 100, 2000))]
    return content[:at] + part * rng.choice((2, 3, 50, 500)) + content[at:]


def inserted(content: bytes, rng: random.Random) -> bytes:
    at = place(content, rng)
    part = rng.choice((rng.randbytes(16), bytes(64), b"\xff" * 64, b"[" * 100, b"\x00\x00\x00\x01"))
    return content[:at] + part + content[at:]


def moved(content: bytes, rng: random.Random) -> bytes:
    first, second, size = place(content, rng), place(content, rng), rng.choice((4, 12, 100))
    changed = bytearray(content)
    changed[first : first + size] = content[second : second + size]
    return bytes(changed)


def digits(content: bytes, rng: random.Random) -> bytes:
    """A decimal number in the file becomes a larger one."""
    at = place(content, rng)
    starts = [i for i in range(at, min(at + 3000, len(content))) if content[i : i + 1].isdigit()]
    if not starts:
        return number(content, rng)
    start = rng.choice(starts)
    new = str(rng.choice((*EXTREMES, 20_000_000, -1))).encode()
    return content[:start] + new + content[start + 1 :]


ANY: tuple[Mutate, ...] = (
    bits, bits, number, number, number, cut, removed, repeated, inserted, moved, digits,
)  # fmt: skip


def pth(content: bytes, rng: random.Random) -> bytes:
    """One member of the zip is changed, and the zip is whole again; sometimes compressed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    chosen = 0 if rng.random() < 0.8 else rng.randrange(len(members))
    name, data = members[chosen]
    change = pickled_number if chosen == 0 and rng.random() < 0.6 else rng.choice(ANY)
    members[chosen] = name, change(data, rng)
    if rng.random() < 0.1:
        members.append(rng.choice(members))
    method = zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for member, data in dict(members).items():
            archive.writestr(member, data)
    return stream.getvalue()


def pickled_number(content: bytes, rng: random.Random) -> bytes:
    """A number in a pickle: the side, stride or place of a tensor, or how long a storage is."""
    at = rng.choice([i + 1 for i in range(len(content)) if content[i : i + 1] == b"J"])
    new = rng.choice((0, 1, 2, 3, 47, 49, 96, 10**6, 3 * 10**8, 2**31 - 1, -1, -(2**31)))
    return content[:at] + struct.pack("<i", new) + content[at + 4 :]


def safetensors(content: bytes, rng: random.Random) -> bytes:
    """A value in the header is changed, or in what our header says of variant and card."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    own = header.get("__metadata__", {})
    if own and rng.random() < 0.6:
        key = rng.choice(("variant", "card"))
        inner = json.loads(own[key])
        inner[rng.choice([*inner, "other"])] = rng.choice(VALUES)
        own[key] = json.dumps(inner)
    else:
        name = rng.choice(list(header))
        if rng.random() < 0.3:
            header[rng.choice(("layers.20000000.blocks.0.x", name * 2, ""))] = header.pop(name)
        elif isinstance(header[name], dict):
            header[name][rng.choice(list(header[name]))] = rng.choice(VALUES)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[end:]


def png(content: bytes, rng: random.Random) -> bytes:
    """A chunk is changed, its checksum right; or there are many of it."""
    chunks: list[tuple[bytes, bytes]] = []
    at = 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    chosen = rng.randrange(len(chunks))
    kind, data = chunks[chosen]
    chunks[chosen] = kind, rng.choice(ANY)(data, rng) if data else rng.randbytes(9)
    if rng.random() < 0.2:
        chunks[chosen:chosen] = [chunks[chosen]] * rng.choice((1, 10, 1000))
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def tiff(content: bytes, rng: random.Random) -> bytes:
    """A tag of a TIFF, or of the EXIF in another file, is changed; or thousands overlap."""
    base = content.find(b"Exif\0\0") + 6 if b"Exif\0\0" in content else 0
    order: Order = "little" if content[base : base + 2] == b"II" else "big"

    def whole(at: int, size: int) -> int:
        return int.from_bytes(content[base + at : base + at + size], order)

    def tags(directory: int) -> list[int]:
        return [directory + 2 + 12 * i for i in range(whole(directory, 2))]

    changed, pointer = bytearray(content), 4
    inner = [at + 8 for at in tags(whole(4, 4)) if whole(at, 2) in (0x8769, 0x8825)]
    if inner and rng.random() < 0.6:
        pointer = rng.choice(inner)
    old = tags(whole(pointer, 4))

    def put(at: int, value: int, size: int) -> None:
        changed[base + at : base + at + size] = (value % 256**size).to_bytes(size, order)

    if rng.random() < 0.2:
        count = rng.choice((100, 2000, 5000))
        new = len(content) + len(content) % 2 - base
        size = rng.choice((len(content) - base, new + 12 * count))
        changed += bytes(base + new + 6 + 12 * (len(old) + count) - len(content))
        put(pointer, new, 4)
        put(new, len(old) + count, 2)
        for i, at in enumerate(old):
            put(new + 2 + 12 * i, whole(at, 12), 12)
        first = rng.choice((0x9000, 0xA000))
        kind = rng.choice((1, 2, 7))
        for i in range(count):
            at = new + 2 + 12 * (len(old) + i)
            for value, width in ((first + i, 2), (kind, 2), (size, 4), (0, 4)):
                put(at, value, width)
                at += width
        return bytes(changed)
    field, size = rng.choice(((0, 2), (2, 2), (4, 4), (8, 4)))
    put(rng.choice(old) + field, rng.choice((*EXTREMES, whole(4, 4), rng.randrange(14))), size)
    return bytes(changed)


def bmp(content: bytes, rng: random.Random) -> bytes:
    """A number of a bitmap's headers is changed: sizes, bits, packing, masks, places."""
    at, size = rng.choice(((10, 4), (14, 4), (18, 4), (22, 4), (28, 2), (30, 4), (46, 4), (54, 4)))
    old = int.from_bytes(content[at : at + size], "little")
    new = rng.choice((*EXTREMES, old * 9, old * 99, old * 3000, -old, 1, 4, 8, 16, 24, 32))
    return content[:at] + (new % 256**size).to_bytes(size, "little") + content[at + size :]


OWN: dict[str, Mutate] = {
    "bmp": bmp,
    "pth": pth,
    "safetensors": safetensors,
    "png": png,
    "tiff": tiff,
    "jpeg": tiff,
}
