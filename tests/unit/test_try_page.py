"""Tests of the page on which a system is tried, without a browser: its files, their server, what computes there."""

import base64
import hashlib
import http.client
import io
import shutil
import socket
import struct
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import small_package
import try_server

import try_systems
import write_try_page
from medfusion.errors import UserError
from medfusion.files.artifacts import read_json
from medfusion.package import contents, try_files
from medfusion.package.contents import Member
from medfusion.package.predictor import Predictor
from medfusion.package.web_parts import Arrays
from medfusion.tools import serving, web_runtime

FILES = (*try_files.PAGE, try_files.SYSTEM, try_files.ARRAYS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model package, its images, and its page."""
    folder = tmp_path_factory.mktemp("page") / "breast"
    package, images = small_package.make(folder)
    return folder, package, images, try_server.write(folder, package, images)


# -- what is written --------------------------------------------------------------------------------------------------


def read(place, content):
    return np.frombuffer(content, place["array"], place["length"], place["at"])


def test_arrays_come_back_as_they_were():
    arrays, rng = Arrays(), np.random.default_rng(0)
    given = [rng.normal(size=(3, 5)), rng.normal(size=7).astype(np.float32), rng.integers(-9, 9, 5), b"abc", [1e300, 1]]
    places = [arrays.add(values if isinstance(values, bytes) else np.array(values)) for values in given]
    content = arrays.content()
    assert [place["array"] for place in places] == ["float64", "float32", "int32", "uint8", "float64"]
    for values, place in zip(given, places, strict=True):
        assert place["at"] % 8 == 0
        expected = np.frombuffer(values, np.uint8) if isinstance(values, bytes) else np.ravel(values)
        np.testing.assert_array_equal(read(place, content), expected)
    assert Arrays().add(np.array([0.5, 2.0]))["array"] == "float32", "half of the size where nothing is lost"


def test_the_stage_writes_the_same_bytes_again(made, tmp_path):
    folder, package, images, page = made
    before = {name: (page / name).read_bytes() for name in FILES}
    assert try_server.write(folder, package, images) == page
    assert {name: (page / name).read_bytes() for name in FILES} == before


def test_the_page_knows_what_predict_knows(made):
    folder, package, images, page = made
    system, content = read_json(page / try_files.SYSTEM), (page / try_files.ARRAYS).read_bytes()
    assert system["label_names"] == list(package.label_names) and system["warning"] == contents.WARNING
    assert (system["size"], system["channels"], system["bits"]) == (28, 1, None)
    for key in ("temperature", "marginal", "decision", "referral"):
        assert system["calibration"][key] == getattr(package.calibration, key)
    assert [Member(**member) for member in system["members"]] == list(package.members)
    assert read(system["networks"][0]["onnx"], content).tobytes() == (folder / "network.onnx").read_bytes()
    assert [sample["class"] for sample in system["samples"]] == list(package.label_names)
    expected = Predictor(folder).predict(images[:2]).probabilities
    np.testing.assert_array_equal([sample["probabilities"] for sample in system["samples"]], expected)
    assert np.abs(np.array(system["fill"]) - images.mean()).max() < 1


def test_a_network_alone_needs_no_classifier(made, tmp_path):
    _, package, images, _ = made
    folder = tmp_path / "alone"
    small_package.make(folder)
    alone = try_server.changed(folder, package, members=(Member(0, None, 1.0, 1.0),))
    system = read_json(try_server.write(folder, alone, images) / try_files.SYSTEM)
    assert system["classifiers"] == {}


@pytest.mark.parametrize("name", ["network.onnx", contents.CLASSIFIERS, contents.RECORD, "val"])
def test_a_damaged_file_is_named_and_no_page_is_written(made, tmp_path, name):
    folder, package, images, _ = made
    copy = shutil.copytree(folder, tmp_path / "copy")
    try_server.write_val(copy, package, images)
    path = tmp_path / "copy.h5" if name == "val" else copy / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=path.name):
        try_server.run(copy, package, tmp_path / "try")
    assert not (tmp_path / "try").exists()


def test_other_files_than_those_of_the_page_are_refused(made, tmp_path):
    folder = made[0]
    words = ["--package", str(folder / contents.RECORD), "--classifiers", "x", "--networks", "x", "--val", "x"]
    words += ["--system", "x", "--arrays", "x", "--page", "other.html", "--settings", "x"]
    with pytest.raises(UserError, match="--page: expected files named index.html, "):
        write_try_page.main(write_try_page.parser().parse_args(words), {"dataset": "breast"})


# -- what serves it ---------------------------------------------------------------------------------------------------


@pytest.fixture
def computing(tmp_path):
    """What stands in for ONNX Runtime Web where nothing is computed."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "ort-wasm-simd-threaded.wasm").write_bytes(b"wasm")
    (folder / "LICENSE").write_text("MIT", encoding="utf-8")
    return folder


def ask(address, path, host=None, method="GET"):
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_files_of_the_page_are_served_and_nothing_else(made, computing):
    *_, page = made
    (page / "private.txt").write_text("mine", encoding="utf-8")
    with try_server.served([page], computing) as address:
        for name in FILES:
            answer, content = ask(address, f"/breast%20page/{name}")
            assert answer.status == 200 and content == (page / name).read_bytes()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        kinds = {"page.js": "text/javascript; charset=utf-8", "runtime/ort-wasm-simd-threaded.wasm": "application/wasm"}
        kinds |= {"": "text/html; charset=utf-8", "runtime/LICENSE": "text/plain; charset=utf-8"}
        for name, kind in kinds.items():
            assert ask(address, f"/breast%20page/{name}")[0].headers["Content-Type"] == kind
        answer, content = ask(address, "/breast%20page/", method="HEAD")
        assert answer.status == 200 and content == b"" and int(answer.headers["Content-Length"]) > 1000
        for path in ("private.txt", "../system.json", "../../breast/model_package.json", "%2e%2e/x", "runtime/x"):
            assert ask(address, f"/breast%20page/{path}")[0].status == 404
        for path in ("/", "/breast%20page"):
            answer, _ = ask(address, path)
            assert answer.status == 302 and answer.headers["Location"] == "/breast%20page/"
        assert ask(address, "/%2Fbreast%20page")[0].headers["Location"] == "/breast%20page/", "not another machine"
        assert ask(address, "/breast%20page/", host="elsewhere.example:80")[0].status == 403
        assert ask(address, "/breast%20page/", host="localhost")[0].status == 200, "port 80 is not named"


def test_a_browser_that_goes_away_is_not_told_of(made, computing, tmp_path, capfd):
    page = shutil.copytree(made[3], tmp_path / "large/try")
    (page / try_files.ARRAYS).write_bytes(bytes(50_000_000))
    with try_server.served([page], computing) as address:
        host = address.removeprefix("http://")
        with socket.create_connection(host.split(":")) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as a reset
            gone.sendall(f"GET /large/{try_files.ARRAYS} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            gone.recv(100)
        assert ask(address, "/large/")[0].status == 200
    assert capfd.readouterr() == ("", "")


def test_several_pages_are_listed(made, computing, tmp_path):
    folder, package, images, page = made
    other = tmp_path / "<b>/try"
    other.mkdir(parents=True)
    for name in FILES:
        (other / name).write_bytes((page / name).read_bytes())
    with try_server.served([page, other, page], computing) as address:
        answer, content = ask(address, "/")
        assert answer.status == 200
        assert [f'href="/{name}/"' in content.decode() for name in ("breast%20page", "%3Cb%3E", "breast%20page-3")]
        assert b"<b>" not in content
        assert ask(address, "/%3Cb%3E/system.json")[0].status == 200


def test_a_folder_without_a_page_and_a_taken_port_are_one_line(made, computing, tmp_path):
    with pytest.raises(UserError, match="without index.html; expected a folder that `snakemake -j 8 export` made"):
        serving.pages([tmp_path])
    found = serving.pages([made[3]])
    with (
        serving.server(found, computing, 0) as first,
        pytest.raises(UserError, match=r"port \d+: .* choose another .--port."),
    ):
        serving.server(found, computing, first.server_address[1])


def test_nothing_to_serve_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["try_systems.py"])
    with pytest.raises(SystemExit) as end:
        try_systems.main()
    assert end.value.code == (
        "error: results: holds no page to try; run `snakemake -j 8 export` first, or name its folder"
    )


# -- what computes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(monkeypatch):
    """An archive like npm's, and its hash as the one that is expected."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as files:
        for name in (*web_runtime.FILES, "ort.other.js"):
            info = tarfile.TarInfo(f"package/dist/{name}")
            info.size = len(name)
            files.addfile(info, io.BytesIO(name.encode()))
    content = stream.getvalue()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(web_runtime, "INTEGRITY", f"sha512-{digest}")
    return content


def test_the_runtime_is_fetched_once_from_the_registry_that_is_named(archive, tmp_path, monkeypatch):
    place = tmp_path / "registry" / web_runtime.PACKAGE / "-"
    place.mkdir(parents=True)
    (place / web_runtime.ARCHIVE).write_bytes(archive)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "registry"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(web_runtime.REGISTRY_VARIABLE, f"http://127.0.0.1:{server.server_address[1]}/")
        found = web_runtime.obtain(tmp_path / "cache")
        server.shutdown()
    assert sorted(path.name for path in found.iterdir()) == sorted((*web_runtime.FILES, *web_runtime.LICENCES))
    assert "MIT" in (found / "LICENSE").read_text(encoding="utf-8")
    assert (found / web_runtime.FILES[0]).read_text() == web_runtime.FILES[0]
    assert web_runtime.obtain(tmp_path / "cache") == found, "without the server"


def test_an_archive_that_lies_there_is_taken_and_checked(archive, tmp_path):
    (tmp_path / web_runtime.ARCHIVE).write_bytes(archive)
    assert web_runtime.obtain(tmp_path).is_dir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / web_runtime.ARCHIVE).write_bytes(archive + b"\0")
    with pytest.raises(UserError, match=f"not {web_runtime.PACKAGE} {web_runtime.VERSION} as npm has it"):
        web_runtime.obtain(tmp_path / "other")
    assert not list((tmp_path / "other").glob("*/*"))


def test_without_a_network_one_line_says_the_ways_out(tmp_path, monkeypatch):
    monkeypatch.setenv(web_runtime.REGISTRY_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        web_runtime.obtain(tmp_path)
    text = str(caught.value)
    address = f"http://127.0.0.1:9/{web_runtime.PACKAGE}/-/{web_runtime.ARCHIVE}"
    assert "\n" not in text and text.startswith(f"{address}: cannot be fetched (")
    assert "npm_config_registry" in text and str(tmp_path / web_runtime.ARCHIVE) in text
    assert not list(tmp_path.iterdir())
