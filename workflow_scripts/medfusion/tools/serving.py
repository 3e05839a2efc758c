"""A server of the pages on which systems are tried: files alone, to this machine alone."""

import html
import shutil
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from medfusion.errors import UserError
from medfusion.files.artifacts import read_record
from medfusion.package.try_files import ARRAYS, PAGE, RUNTIME, SYSTEM

HOST = "127.0.0.1"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
}
# Browsers hold pages and their workers to this: nothing is asked of, or told to, any other machine.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ITEM = '<li><a href="/{name}/">{title}</a> <span class="soft">{folder}</span></li>'
LIST = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Try a system</title><link rel="icon" href="data:,"><link rel="stylesheet" href="{style}"></head>
<body><header><h1>Try a system</h1></header><main class="list"><ul>{items}</ul></main></body></html>
"""


def pages(folders: Sequence[str | Path]) -> dict[str, tuple[Path, str]]:
    """By the name in its address, the folder of each page and the name of its data.

    Raises
    ------
    UserError
        If one holds no page.
    """
    found: dict[str, tuple[Path, str]] = {}
    for folder in map(Path, folders):
        if missing := [name for name in (*PAGE, SYSTEM, ARRAYS) if not (folder / name).is_file()]:
            raise UserError(f"{folder}: without {missing[0]}; expected a folder that `snakemake -j 8 export` made")
        name = own = folder.resolve().parent.name or "system"
        while name in found:
            name = f"{own}-{len(found) + 1}"
        found[name] = folder, str(read_record(folder / SYSTEM, ("name",))["name"])
    return found


def server(found: dict[str, tuple[Path, str]], runtime: Path, port: int | None) -> ThreadingHTTPServer:
    """A server that is ready to start.

    Parameters
    ----------
    found : as `pages` returns it
    runtime : folder with ONNX Runtime Web
    port : to listen at; None: 8000, or another if that is taken

    Raises
    ------
    UserError
        If the port is taken.
    """
    files: dict[str, Path] = {}
    for name, (folder, _) in found.items():
        files |= {f"/{name}/{file}": folder / file for file in (*PAGE, SYSTEM, ARRAYS)}
        files |= {f"/{name}/{RUNTIME}/{file.name}": file for file in runtime.iterdir()}
        files[f"/{name}/"] = folder / PAGE[0]
    handler = type("Handler", (_Handler,), {"files": files, "pages": found})
    for number in (8000, 0) if port is None else (port,):
        try:
            return _Server((HOST, number), handler)
        except OSError as error:
            if not number or port is not None:
                raise UserError(f"port {number}: {error.strerror}; choose another (--port)") from None
    raise AssertionError("the system gives a port")


class _Server(ThreadingHTTPServer):
    """Says nothing of browsers that go away while they are answered: a page that is loaded anew does."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Sends the files that it knows, and a list of the pages."""

    files: dict[str, Path]
    pages: dict[str, tuple[Path, str]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(send=True)

    def do_HEAD(self) -> None:
        self._answer(send=False)

    def _answer(self, send: bool) -> None:
        # Another site's page could point a name of its own at this machine, and read what is served.
        if (self.headers.get("Host") or "").partition(":")[0] not in (HOST, "localhost"):
            self.send_error(403)
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/" and len(self.pages) == 1:
            path = f"/{next(iter(self.pages))}"
        if path == "/":
            self._send_list(send)
        elif path.strip("/") in self.pages and not path.endswith("/"):
            self.send_response(302)
            self.send_header("Location", f"/{quote(path.strip('/'))}/")  # never //, which is another machine
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif file := self.files.get(path):
            self._send_file(file, send)
        else:
            self.send_error(404)

    def _send_list(self, send: bool) -> None:
        items = [
            ITEM.format(name=quote(name), title=html.escape(title), folder=html.escape(str(folder)))
            for name, (folder, title) in self.pages.items()
        ]
        style = f"/{quote(next(iter(self.pages)))}/style.css"
        content = LIST.format(style=style, items="".join(items)).encode()
        self._head(TYPES[".html"], len(content))
        if send:
            self.wfile.write(content)

    def _send_file(self, path: Path, send: bool) -> None:
        try:
            with open(path, "rb") as file:
                self._head(TYPES.get(path.suffix, "text/plain; charset=utf-8"), path.stat().st_size)
                if send:
                    shutil.copyfileobj(file, self.wfile)
        except (FileNotFoundError, PermissionError):  # made anew just now, or not for this user
            self.send_error(404)

    def _head(self, kind: str, length: int) -> None:
        self.send_response(200)
        headers = {"Content-Type": kind, "Content-Length": str(length), "Content-Security-Policy": POLICY}
        headers |= {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address is all that the terminal is to show."""
