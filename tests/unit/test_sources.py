"""Tests of obtaining data files: places that are looked at, MD5s, and downloads from a server of our own."""

import contextlib
import errno
import hashlib
import http.server
import os
import threading

import pytest

from medfusion.data import sources
from medfusion.data.datafiles import FOLDER_VARIABLE, file_name
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file

CONTENT = b"images and labels" * 1000


@pytest.fixture(autouse=True)
def no_folder_and_no_proxy(monkeypatch):
    for name in (FOLDER_VARIABLE, "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def official(monkeypatch):
    """Makes CONTENT the official file, at an address where nothing listens."""
    monkeypatch.setitem(INFO["breastmnist"], "MD5", hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setitem(INFO["breastmnist"], "url", "http://127.0.0.1:9/breastmnist.npz")


@pytest.fixture
def server(official, monkeypatch):
    """A server on this machine; its `answers` (status, content) are given in turn, the last for good.

    A third entry says what it does after half of the content: "drop" the connection, "stall", or "drip".
    """
    answers = [(200, CONTENT)]
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            running.asked += 1
            status, content, *fault = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2 if fault else len(content)
            self.wfile.write(content[:half])
            if fault == ["stall"]:
                over.wait(20)
            with contextlib.suppress(OSError):  # nobody listens any more
                while fault == ["drip"] and not over.wait(0.05):
                    self.wfile.write(b"x")

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.answers, running.asked = answers, 0
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setitem(
        INFO["breastmnist"], "url", f"http://127.0.0.1:{running.server_port}/breastmnist.npz?download=1"
    )
    monkeypatch.setattr(sources, "PAUSE", 0.01)
    yield running
    over.set()
    running.shutdown()
    running.server_close()


def obtain(target, source="official"):
    return sources.obtain("breastmnist", 28, source, target)


@pytest.mark.parametrize(
    ("flag", "size", "name"), [("breastmnist", 28, "breastmnist"), ("bloodmnist", 64, "bloodmnist_64")]
)
def test_what_medmnist_publishes(flag, size, name):
    url, md5 = sources.official(flag, size)
    assert f"{name}.npz" in url
    assert len(md5) == 32
    assert file_name(flag, size, "official") == f"{name}.npz"
    assert file_name(flag, size, "surrogate") == f"{name}_surrogate.npz"


def test_hashes_are_hashlibs_and_unreadable_paths_are_named(tmp_path):
    (tmp_path / "x").write_bytes(CONTENT)
    assert hash_file(tmp_path / "x", "sha256") == hashlib.sha256(CONTENT).hexdigest()
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="readable file"):
            hash_file(path, "md5")


def test_a_valid_file_stays(tmp_path, official):
    target = tmp_path / "breastmnist.npz"
    target.write_bytes(CONTENT)
    assert obtain(target) == str(target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("source", ["official", "surrogate"])
def test_the_users_folder_is_looked_at(tmp_path, official, monkeypatch, source):
    folder = tmp_path / "my data"
    folder.mkdir()
    place = folder / file_name("breastmnist", 28, source)
    place.write_bytes(CONTENT)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    target = tmp_path / "data" / place.name
    assert obtain(target, source) == str(place)
    assert target.read_bytes() == place.read_bytes() == CONTENT


def test_a_wrong_file_in_both_places_is_refused_and_left_alone(tmp_path, official, monkeypatch):
    target = tmp_path / "data" / "breastmnist.npz"
    place = tmp_path / "breastmnist.npz"
    target.parent.mkdir()
    for path in (target, place):
        path.write_bytes(b"other")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UserError) as caught:
        obtain(target)
    wrong = hashlib.md5(b"other").hexdigest()
    for path in (target, place):
        assert f"{path}: its MD5 is {wrong}, MedMNIST's is {INFO['breastmnist']['MD5']}" in str(caught.value)
        assert path.read_bytes() == b"other"
    assert f"its data set with source: file and path: {place}" in str(caught.value)


def test_a_download_is_whole_and_shows_progress(tmp_path, server, capfd):
    target = tmp_path / "data" / "breastmnist.npz"
    assert obtain(target) == INFO["breastmnist"]["url"]
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["breastmnist.npz"]
    assert "100%" in capfd.readouterr().err


@pytest.mark.parametrize("folder", [False, True])
def test_another_file_in_its_place_is_somebodys_and_stays(tmp_path, server, monkeypatch, folder):
    target = tmp_path / "breastmnist.npz"
    target.write_bytes(b"other")
    if folder:
        (tmp_path / "had").mkdir()
        (tmp_path / "had/breastmnist.npz").write_bytes(CONTENT)
        monkeypatch.setenv("MEDMNIST_DATA", str(tmp_path / "had"))
    with pytest.raises(UserError, match=f"move {target} away: nothing is put in its place while it is there"):
        obtain(target)
    assert target.read_bytes() == b"other" and server.asked == 0


def test_a_passing_fault_of_the_network_is_tried_again(tmp_path, server, capsys):
    server.answers[:] = [(503, b""), (200, CONTENT)]
    obtain(tmp_path / "x.npz")
    assert server.asked == 2
    assert "attempt 1 of 3 failed" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_a_download_that_breaks_off_is_tried_again(tmp_path, server, monkeypatch, fault):
    monkeypatch.setattr(sources, "STALL", 0.3)
    server.answers[:] = [(200, CONTENT, fault), (200, CONTENT)]
    obtain(tmp_path / "x.npz")
    assert (tmp_path / "x.npz").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    assert server.asked == 2


def test_bytes_that_come_too_slowly_are_not_waited_for(tmp_path, server, monkeypatch):
    """Each comes soon enough, all together do not."""
    monkeypatch.setattr(sources, "LIMIT", 0.5)
    server.answers[:] = [(200, CONTENT, "drip")]
    with pytest.raises(UserError, match="not there after 0.5 s: too slow"):
        obtain(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())
    assert server.asked == 1


def test_a_full_disk_is_not_blamed_on_the_network(tmp_path, server, monkeypatch):
    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources.pooch.HTTPDownloader, "__call__", write)
    with pytest.raises(OSError) as caught:
        obtain(tmp_path / "x.npz")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x.npz"))


@pytest.mark.parametrize(
    ("answer", "reason", "asked"),
    [
        ((404, b"gone"), "404 Client Error", 1),
        ((500, b"broken"), "500 Server Error", 3),
        ((200, b"other bytes"), "hash", 1),
        ((200, CONTENT, "drop"), "Connection broken", 3),
    ],
    ids=["404", "500", "wrong bytes", "drop"],
)
def test_a_failed_download_leaves_nothing_and_names_the_ways_out(tmp_path, server, answer, reason, asked):
    server.answers[:] = [answer]
    target = tmp_path / "data" / "breastmnist.npz"
    with pytest.raises(UserError) as caught:
        obtain(target)
    message = str(caught.value)
    for part in ("could not be had", f"{target}: not there", f"{FOLDER_VARIABLE}: not set", reason, "Ways out:"):
        assert part in message
    assert f"put the file at {target}" in message
    assert "make demo" in message
    assert not list(target.parent.iterdir())
    assert server.asked == asked


def test_a_surrogate_is_not_downloaded(tmp_path, server):
    with pytest.raises(UserError, match="breastmnist_surrogate.npz could not be had"):
        obtain(tmp_path / "breastmnist_surrogate.npz", "surrogate")
    assert server.asked == 0


def test_a_surrogate_at_hand_is_a_way_out(tmp_path, official, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "breastmnist_surrogate.npz").write_bytes(CONTENT)
    with pytest.raises(UserError, match="use breastmnist_surrogate.npz, which is not the official file"):
        obtain(tmp_path / "data" / "breastmnist.npz")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "from" / "breastmnist_surrogate.npz").mkdir(parents=True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "from"))
    with pytest.raises(UserError, match=r"breastmnist_surrogate.npz: no file"):
        sources.obtain("breastmnist", 28, "surrogate", tmp_path / "x.npz")


@pytest.mark.parametrize("linked", [False, True])
def test_the_users_file_keeps_its_time(official, tmp_path, linked):
    target, file = tmp_path / "x.npz", tmp_path / ("theirs.npz" if linked else "x.npz")
    file.write_bytes(CONTENT)
    if linked:
        target.symlink_to(file.name)
    os.utime(file, (1e9, 1e9))
    before = target.lstat().st_mtime_ns
    assert sources.obtain("breastmnist", 28, "official", target) == str(target)
    assert (file.stat().st_mtime, target.lstat().st_mtime_ns) == (1e9, before)
