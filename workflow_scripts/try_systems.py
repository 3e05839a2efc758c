"""Serve the pages on which exported systems are tried in a browser: to this machine alone, until Ctrl-C.

`snakemake -j 8 export` writes such a page beside each model package, results/{dataset}/try. What computes networks in a
browser, ONNX Runtime Web, is fetched on first use from the npm registry, or from that which the environment variable
npm_config_registry names. Pictures stay in the browser.
"""

import argparse
from pathlib import Path

from medfusion import escaping
from medfusion.errors import UserError
from medfusion.package.try_files import SYSTEM


def main():
    escaping.speak_utf8()
    args = parse()
    try:
        serve(args)
    except UserError as error:
        escaping.stop(f"error: {error}")
    except OSError as error:
        escaping.stop(f"error: {error.filename or args.cache}: {error.strerror}")
    except KeyboardInterrupt:
        pass


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help="of a page; all below results where none is given")
    parser.add_argument("--port", type=int, metavar="N", help="8000, or another if that is taken")
    parser.add_argument("--cache", default="data", metavar="FOLDER", help="where ONNX Runtime Web is kept (data)")
    parser.add_argument("--fetch", action="store_true", help="only fetch ONNX Runtime Web")
    args = parser.parse_args()
    if args.port is not None and not 1 <= args.port <= 65535:
        parser.error(f"--port: {args.port}; expected 1 to 65535")
    return args


def serve(args):
    from medfusion.tools import serving, web_runtime

    if args.fetch:
        escaping.say(f"{web_runtime.obtain(args.cache)}")
        return
    folders = args.folders or sorted({path.parent for path in Path("results").glob(f"**/try/{SYSTEM}")})
    if not folders:
        raise UserError("results: holds no page to try; run `snakemake -j 8 export` first, or name its folder")
    found = serving.pages(folders)
    server = serving.server(found, web_runtime.obtain(args.cache), args.port)
    with server:
        escaping.say(f"http://{serving.HOST}:{server.server_address[1]}/ ({', '.join(found)}); Ctrl-C ends it")
        server.serve_forever()


if __name__ == "__main__":
    main()
