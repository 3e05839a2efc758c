"""The files of the page on which a system is tried in a browser."""

# templates/write_try_page.NAME becomes NAME.
PAGE = (
    "index.html", "style.css", "page.js", "worker.js", "decode.js", "prepare.js", "system.js", "classifiers.js",
    "check.js",
)  # fmt: skip
SYSTEM, ARRAYS = "system.json", "system.bin"
RUNTIME = "runtime"  # the folder in which the page looks for ONNX Runtime Web
