"""The API, described for programs: OpenAPI 3.1."""

from importlib import metadata

from pydantic.json_schema import models_json_schema

from rgtsr.serving import messages, problems
from rgtsr.serving.described import DONE, HEADERS, OF_MADE, OPTIONS, QUEUED, REQUEST, RUNNING, Json

RETRYING = (429, 503, 409)  # which say when to ask again
SIZES = "Options that exclude each other are refused with `bad-option`."
RECEIVING = (
    *("bad-option", "bad-request", "body-too-large", "draining", "foreign-origin", "no-decoder"),
    *("no-picture", "no-space", "not-a-picture", "out-of-memory", "queue-full", "starting"),
    *("too-many-pixels", "unknown-model", "unreadable-picture", "upload-timeout"),
)
OF_RESULTS = ("not-done", "cancelled", "unknown-job", "failed", "timeout", *RECEIVING)
ALWAYS = ("bad-request", "no-token", "wrong-token", "wrong-host")


def document(root_path: str = "") -> Json:
    """The document, with JSON schemas of all messages."""
    kinds = (messages.Job, messages.Models, messages.Problem)
    _, schemas = models_json_schema(
        [(kind, "serialization") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rgtsr",
            "version": metadata.version("rgtsr"),
            "description": "Pictures, enlarged with the Recursive Generalization Transformer.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root_path or "/"}],
        "security": [{}, {"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> Json:
    return _pictures() | _jobs() | _shown() | _state()


def _pictures() -> Json:
    return {
        "/v1/upscale": {
            "post": _posted(
                "Enlarge a picture and send the result back.",
                {"200": _picture(*OF_MADE)},
                (*RECEIVING, "failed", "timeout"),
            )
        },
        "/v1/jobs": {
            "post": _posted(
                "Hand a picture in; fetch the result later.",
                {
                    "202": {
                        "description": "It waits for its turn.",
                        "headers": _headers("Location"),
                        "content": _json("Job", queued=QUEUED),
                    }
                },
                RECEIVING,
            )
        },
    }


def _jobs() -> Json:
    return {
        "/v1/jobs/{id}": {
            "parameters": [_in_path("id")],
            "get": _asked(
                "How far a job is.",
                {"200": _said(_json("Job", running=RUNNING, done=DONE))},
                ("unknown-job",),
            ),
            "delete": _asked(
                "Cancel a job, or forget it and its result.",
                {"204": {"description": "It is forgotten."}},
                ("unknown-job", "foreign-origin"),
            ),
        },
        "/v1/jobs/{id}/events": {
            "parameters": [_in_path("id")],
            "get": _asked(
                "How far a job is, whenever that changes: events `job`, until it has ended.",
                {"200": _said({"text/event-stream": {"schema": _EVENT, "example": _TOLD}})},
                ("unknown-job",),
            ),
        },
        "/v1/jobs/{id}/result": {
            "parameters": [_in_path("id")],
            "get": _asked("The picture that was made.", {"200": _picture(*OF_MADE)}, OF_RESULTS),
        },
    }


def _shown() -> Json:
    return {
        "/v1/jobs/{id}/view/{which}": {
            "parameters": [_in_path("id"), _in_path("which", ["before", "after"])],
            "get": _asked(
                "All of the picture, before or after, as a browser shows it: 8 bits, sRGB.",
                {"200": _picture()},
                (*OF_RESULTS, "too-large-to-view", "not-found"),
            ),
        },
        "/v1/jobs/{id}/zoom/{file}": {
            "parameters": [_in_path("id"), _in_path("file", ["before.dzi", "after.dzi"])],
            "get": _asked(
                "Deep Zoom: the description; its tiles are before_files/LEVEL/COLUMN_ROW.jpg.",
                {"200": _said({"application/xml": {"schema": {"type": "string"}}})},
                (*OF_RESULTS, "not-found"),
            ),
        },
        "/v1/results.zip": {
            "get": _asked(
                "Several results as one zip.",
                {"200": _said({"application/zip": {"schema": _BYTES}})},
                (*OF_RESULTS, "bad-option"),
                [
                    {
                        "name": "job",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    }
                ],
            )
        },
    }


def _state() -> Json:
    return {
        "/v1/models": {
            "get": _asked("What there is to choose from.", {"200": _said(_json("Models"))}, ())
        },
        "/healthz": {"get": _asked("Whether the process answers.", {"200": _said(_status())}, ())},
        "/readyz": {
            "get": _asked(
                "Whether pictures can be enlarged: a small one was, just now.",
                {"200": _said(_status())},
                ("starting", "draining", "not-ready"),
            )
        },
        "/metrics": {
            "get": _asked(
                "Counts for Prometheus.",
                {"200": _said({"text/plain": {"schema": {"type": "string"}}})},
                (),
            )
        },
    }


_EVENT: Json = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "job"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Job"},
        },
    },
}
_TOLD = f"event: job\ndata: {RUNNING.model_dump_json()}\n\n"
_BYTES: Json = {"type": "string", "format": "binary"}


def _posted(summary: str, done: Json, codes: tuple[str, ...]) -> Json:
    form = {
        "type": "object",
        "required": ["picture"],
        "properties": {"picture": _BYTES} | OPTIONS,
        "additionalProperties": False,
    }
    query = [{"name": name, "in": "query", "schema": schema} for name, schema in OPTIONS.items()]
    return _asked(summary, done, codes, query) | {
        "description": f"Options stand in the form, or in the query. {SIZES}",
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form, "example": REQUEST},
                "image/*": {"schema": _BYTES},
                "application/octet-stream": {"schema": _BYTES},
            },
        },
    }


def _asked(
    summary: str, done: Json, codes: tuple[str, ...], parameters: list[Json] | None = None
) -> Json:
    return {
        "summary": summary,
        "parameters": parameters or [],
        "responses": done | _refusals({*codes, *ALWAYS}),
    }


def _refusals(codes: set[str]) -> Json:
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(problems.KINDS[code].status, []).append(code)
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in named),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: _example(_problem(code)) for code in named},
                }
            },
        }
        | ({"headers": _headers("Retry-After")} if status in RETRYING else {})
        for status, named in sorted(by_status.items())
    }


def _problem(code: str) -> messages.Problem:
    kind = problems.KINDS[code]
    return messages.Problem(
        title=kind.title, status=kind.status, code=code, detail=f"{kind.title}: why, in a sentence."
    )


def _said(content: Json) -> Json:
    return {"description": "As asked.", "content": content}


def _json(name: str, **examples: messages.Message) -> Json:
    content: Json = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    if examples:
        content["examples"] = {name: _example(said) for name, said in examples.items()}
    return {"application/json": content}


def _example(said: messages.Message) -> Json:
    return {"value": said.model_dump(mode="json")}


def _headers(*names: str) -> Json:
    kinds = {str: "string", int: "integer", float: "number"}
    return {
        name: HEADERS[name] | {"schema": {"type": kinds[type(HEADERS[name]["example"])]}}
        for name in names
    }


def _status() -> Json:
    schema = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string"}},
    }
    return {"application/json": {"schema": schema}}


def _picture(*headers: str) -> Json:
    said: Json = {"description": "The picture.", "content": {"image/*": {"schema": _BYTES}}}
    return said | ({"headers": _headers(*headers)} if headers else {})


def _in_path(name: str, values: list[str] | None = None) -> Json:
    schema: Json = {"type": "string"} | ({"enum": values} if values else {})
    return {"name": name, "in": "path", "required": True, "schema": schema}
