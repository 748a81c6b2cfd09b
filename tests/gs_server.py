"""What Google's object store does with objects, in memory: put, get, list and take away.

As its JSON API says (https://cloud.google.com/storage/docs/json_api), preconditions included, which
emulators pass over; large files come by resumable uploads. No permissions.
"""

import base64
import hashlib
import itertools
import json
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Buckets(ThreadingHTTPServer):
    """All buckets of these names, on a port of this machine."""

    daemon_threads = True

    def __init__(self, *names: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, dict[str, tuple[bytes, int]]] = {name: {} for name in names}
        self.generations = itertools.count(1)
        self.uploads: dict[str, Upload] = {}


@dataclass
class Upload:
    """What has come of an object so far."""

    key: str
    is_new: bool
    content: bytes = b""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Buckets
    protocol_version = "HTTP/1.1"

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        where, _, name = address.path.partition("/b/")[2].partition("/o")
        bucket, key = unquote(where), unquote(name.removeprefix("/"))
        objects = self.server.objects.get(bucket)
        if objects is None:
            self._say(404, {"error": {"code": 404, "message": "no such bucket"}})
        elif asked.get("uploadType") == "resumable":
            self._resumable(bucket, body, asked)
        elif self.command == "POST":
            self._insert(bucket, body, asked)
        elif not key:
            self._say(200, self._listed(bucket, asked))
        elif key not in objects:
            self._say(404, {"error": {"code": 404, "message": "no such object"}})
        elif self.command == "DELETE":
            del objects[key]
            self._answer(204, b"")
        elif asked.get("alt") == "media":
            self._answer(*self._part(objects[key][0]))
        else:
            self._say(200, self._about(bucket, key))

    do_GET = do_POST = do_DELETE = handle_request

    def _insert(self, bucket: str, body: bytes, asked: dict[str, str]) -> None:
        head = Message()
        head["Content-Type"] = self.headers["Content-Type"]
        _, about, content, _ = body.split(b"--" + str(head.get_param("boundary")).encode())
        key = json.loads(about.partition(b"\n\n")[2])["name"]
        whole = content.partition(b"\n\n")[2].removesuffix(b"\n")
        self._put(bucket, Upload(key, asked.get("ifGenerationMatch") == "0", whole))

    def _resumable(self, bucket: str, body: bytes, asked: dict[str, str]) -> None:
        uploads, number = self.server.uploads, asked.get("upload_id")
        if number is None:
            number = str(next(self.server.generations))
            is_new = asked.get("ifGenerationMatch") == "0"
            uploads[number] = Upload(json.loads(body)["name"], is_new)
            place = f"http://{self.headers['Host']}{self.path}&upload_id={number}"
            self._answer(200, b"", {"Location": place})
            return
        if self.command == "DELETE":
            uploads.pop(number, None)
            self._answer(204, b"")
            return
        upload = uploads[number]
        first, _, total = self.headers["Content-Range"].removeprefix("bytes ").partition("/")
        start = int(first.partition("-")[0])
        upload.content += body[len(upload.content) - start :]  # it may have come before
        if len(upload.content) == int(total):
            self._put(bucket, upload)
        else:
            self._answer(308, b"", {"Range": f"bytes=0-{len(upload.content) - 1}"})

    def _put(self, bucket: str, upload: Upload) -> None:
        objects = self.server.objects[bucket]
        if upload.is_new and upload.key in objects:
            self._say(412, {"error": {"code": 412, "message": "conditionNotMet"}})
            return
        objects[upload.key] = upload.content, next(self.server.generations)
        self._say(200, self._about(bucket, upload.key))

    def _listed(self, bucket: str, asked: dict[str, str]) -> dict[str, Any]:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        items, folders = [], set[str]()
        for key in sorted(self.server.objects[bucket]):
            inside = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in inside:
                folders.add(prefix + inside.partition(delimiter)[0] + delimiter)
            else:
                items.append(self._about(bucket, key))
        return {"items": items, "prefixes": sorted(folders)}

    def _about(self, bucket: str, key: str) -> dict[str, str]:
        content, generation = self.server.objects[bucket][key]
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": key,
            "size": str(len(content)),
            "generation": str(generation),
            "etag": str(generation),
            "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
        }

    def _part(self, content: bytes) -> tuple[int, bytes]:
        if (span := self.headers.get("Range")) is None:
            return 200, content
        first, _, last = span.removeprefix("bytes=").partition("-")
        return 206, content[int(first) : int(last) + 1 if last else None]

    def _say(self, status: int, what: dict[str, Any]) -> None:
        self._answer(status, json.dumps(what).encode())

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""
