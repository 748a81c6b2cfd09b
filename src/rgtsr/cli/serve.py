"""``rgtsr serve``: a page and an API, for people and programs."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from rgtsr.cli import options
from rgtsr.cli.sizes import size_bytes
from rgtsr.cli.terminal import tell
from rgtsr.errors import RgtsrError

NEEDED = ("starlette", "uvicorn", "python_multipart", "prometheus_client")

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port; 0 takes any that is free.")]
Body = Annotated[str, typer.Option(metavar="SIZE", help="Largest upload, such as 256M.")]
Pixels = Annotated[int, typer.Option(metavar="N", help="Largest picture, in pixels.")]
Queue = Annotated[int, typer.Option(metavar="N", help="How many pictures may wait.")]
Timeout = Annotated[
    float, typer.Option(metavar="S", help="Seconds for an upload, and for enlarging a picture.")
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="One token a line: only who sends one is let in, each sees their own."
    ),
]
RootPath = Annotated[str, typer.Option(metavar="PATH", help="Where a proxy has put the service.")]
Cors = Annotated[
    list[str] | None,
    typer.Option(metavar="ORIGIN", help="Another site whose pages may use the API; repeatable."),
]
Folder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where pictures lie while they are served.")
]
Open = Annotated[
    bool, typer.Option("--open", help="Let everybody in who can reach the address, without token.")
]


def serve(
    *,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    model: options.Model = None,
    max_pixels: Pixels = 100_000_000,
    max_body: Body = "256M",
    max_queue: Queue = 100,
    timeout: Timeout = 1800.0,
    auth_token_file: Tokens = None,
    root_path: RootPath = "",
    cors: Cors = None,
    folder: Folder = None,
    is_open: Open = False,
) -> int:
    """Enlarge pictures for a browser and for programs, on this machine or for an office."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise RgtsrError(f"serve needs {' and '.join(lacking)}: pip install 'rgtsr[serve]'.")
    from rgtsr.serving import Options
    from rgtsr.serving import serve as run
    from rgtsr.serving.options import tokens_of

    tokens = () if auth_token_file is None else tokens_of(auth_token_file)
    asked = Options(
        host=host,
        port=port,
        model=None if model == "auto" else model,
        max_pixels=max_pixels,
        max_body_bytes=size_bytes(max_body, "--max-body"),
        max_queue=max_queue,
        timeout_s=timeout,
        tokens=tokens,
        root_path=root_path.rstrip("/"),
        origins=tuple(cors or ()),
        folder=folder,
        is_open=is_open,
    )
    run(asked, say=tell)
    return 0
