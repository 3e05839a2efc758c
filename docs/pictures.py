"""Make the pictures of README and documentation from a finished run: page, try page and terminal.

Needs what `snakemake -j 8 report export` makes, Chromium, and what drives it (`make browser`).
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from medfusion import escaping  # noqa: E402
from medfusion.errors import UserError  # noqa: E402

LARGEST = 300_000  # bytes of a picture
PAGE, TRY, TERMINAL = "report.png", "try.png", "terminal.svg"
COLUMNS = 110  # of the terminal
PATIENCE = 120_000  # milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default="results", help="folder of a finished run (default: results)")
    parser.add_argument("--dataset", help="whose exported system is tried (default: the first that has one)")
    parser.add_argument("--into", default=str(ROOT / "docs"), metavar="FOLDER", help="default: docs")
    parser.add_argument("--cache", default="data", metavar="FOLDER", help="where ONNX Runtime Web is kept (data)")
    args = parser.parse_args()
    escaping.speak_utf8()
    try:
        make(Path(args.results), Path(args.into), Path(args.cache), args.dataset)
    except UserError as error:
        escaping.stop(f"error: {error}")
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}")


def make(results, into, cache, dataset=None):
    """Make all three, and put them in place when all are there.

    Raises
    ------
    UserError
        If something that they are made from is missing, or one gets too large.
    """
    tried = results / dataset / "try" if dataset else next(iter(sorted(results.glob("*/try"))), results / "*/try")
    for path in (results / "report.html", tried / "system.json", tried.parent / "export/model_package.json"):
        if not path.is_file():
            raise UserError(f"{path}: missing; type `snakemake -j 8 report export` first")
    if not into.is_dir():
        raise UserError(f"{into}: no such folder; --into names where the pictures go")
    with tempfile.TemporaryDirectory() as made:
        photograph(results / "report.html", tried, cache, Path(made))
        Path(made, TERMINAL).write_text(terminal(results), encoding="utf-8")
        for name in (PAGE, TRY):
            Image.open(Path(made, name)).convert("RGB").quantize(256).save(Path(made, name), optimize=True)
        for name in (PAGE, TRY, TERMINAL):
            if (size := Path(made, name).stat().st_size) > LARGEST:
                raise UserError(f"{name}: {size:,} bytes; expected at most {LARGEST:,}: show less")
        from medfusion.files.artifacts import replacing

        for name in (PAGE, TRY, TERMINAL):
            with replacing(into / name) as temporary:
                shutil.copyfile(Path(made, name), temporary)
            escaping.say(f"{into / name}: {(into / name).stat().st_size:,} bytes")


# -- the browser -------------------------------------------------------------------------------------------------------


def photograph(page, tried, cache, folder):
    """The top of the report, and the answer to a sample on the page to try a system on."""
    try:
        from playwright import sync_api
    except ImportError:
        raise UserError("playwright, which drives the browser, is not installed; `make browser` adds it") from None
    from medfusion.tools import serving, web_runtime

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise UserError("there is no browser to take pictures in: install Chromium")
    server = serving.server(serving.pages([tried]), web_runtime.obtain(cache), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            view = browser.new_page(viewport={"width": 1280, "height": 1100}, color_scheme="light")
            view.set_default_timeout(PATIENCE)
            view.goto(page.resolve().as_uri())
            view.wait_for_load_state("load")
            view.evaluate(
                "Promise.all([...document.images].slice(0, 40).map(image => image.decode().catch(() => null)))"
            )
            view.screenshot(path=folder / PAGE)
            view.set_viewport_size({"width": 1000, "height": 900})
            view.goto(f"http://{serving.HOST}:{server.server_address[1]}/{tried.parent.name}/")
            view.wait_for_selector("body[data-state=ready]")
            view.click("#samples button")
            view.wait_for_selector("body[data-state=mapped]")
            view.screenshot(path=folder / TRY)
            browser.close()
    except sync_api.Error as error:
        raise UserError(f"the browser did not show the pages ({str(error).splitlines()[0]})") from None
    finally:
        server.shutdown()
        server.server_close()


# -- the terminal ------------------------------------------------------------------------------------------------------


def terminal(results):
    """What the terminal says at the end of a run, of a picture, and of a file: as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for typed, said in sessions(results):
        console.print(Text(f"$ {typed}", style="bold green"))
        console.print(Text.from_ansi(said.rstrip()))
        console.print()
    svg = console.export_svg(title="MedMNIST Fusion", unique_id="terminal")
    return re.sub(r"\s*@font-face \{.*?\}(?=\s)", "", svg, flags=re.S)  # from elsewhere; the reader's own font will do


def sessions(results):
    """What is typed, and what comes of it. Asked is the exported system with the fewest classes: a short answer."""
    from medfusion.files.artifacts import read_json
    from medfusion.package.contents import RECORD
    from medfusion.report import outcome
    from medfusion.tools import finished

    config = finished.read(results).config
    lines = [*outcome.lines({**config, "results": str(results)}, str(results)), f"Open {results}/report.html"]
    yield "make report", "\n".join(lines).replace(str(results), "results")
    packages = sorted(results.glob(f"*/export/{RECORD}"))
    dataset = min(packages, key=lambda path: len(read_json(path)["label_names"])).parents[1].name
    with tempfile.TemporaryDirectory() as folder:
        picture = sample(results / dataset / "images/val.h5", Path(folder))
        said = run("predict", str(results / dataset / "export"), str(picture))
        typed = f"python workflow_scripts/predict.py results/{dataset}/export {picture.name}"
        yield typed, said.replace(str(picture), picture.name)
    said = run("explain", str(results / dataset / "ranking.csv")).replace(str(results), "results")
    shown = "\n".join(said.splitlines()[:6])
    yield f"python workflow_scripts/explain.py results/{dataset}/ranking.csv | head -n 6", shown


def sample(images, folder):
    """The first validation image as a picture of its own."""
    from medfusion.files.images import image_blocks

    first = next(image_blocks(images))[0]
    Image.fromarray(first[:, :, 0] if first.shape[2] == 1 else first).save(folder / "picture.png")
    return folder / "picture.png"


def run(program, *arguments):
    """What a program says on a terminal of our width."""
    command = [sys.executable, str(ROOT / f"workflow_scripts/{program}.py"), *arguments]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}  # a terminal shows both
    done = subprocess.run(command, **pipes, encoding="utf-8", env=environment)
    if done.returncode:
        raise UserError(f"{program}.py failed: {done.stdout.strip().splitlines()[-1]}")
    return done.stdout


if __name__ == "__main__":
    main()
