"""Tests of the program that predicts from an exported folder alone: what it writes, says and exits with."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import memory_limits
import numpy as np
import pytest
import small_package
from PIL import Image

import predict
from medfusion.package import contents, inputs, running
from medfusion.package.predictor import Predictor

PROGRAM = Path(predict.__file__)


@pytest.fixture(autouse=True)
def limits():
    with memory_limits.restored():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model package of a task with eight classes, and one of two classes, with generated images of each."""
    folder = tmp_path_factory.mktemp("packages")
    return {
        "blood": (folder / "blood", *small_package.make(folder / "blood", channels=3, classes=8, generated=True)),
        "breast": (folder / "breast", *small_package.make(folder / "breast")),
    }


@pytest.fixture
def run(made, tmp_path, monkeypatch, capsys):
    """Run the program on pictures of a model package's first images; exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(kind, *arguments, count=5):
        folder, _, images = made[kind]
        Path("pictures").mkdir(exist_ok=True)
        for number, image in enumerate(images[:count]):
            Image.fromarray(image.squeeze()).save(f"pictures/{number}.png")
        monkeypatch.setattr(sys, "argv", ["predict.py", str(folder), *arguments])
        with pytest.raises(SystemExit) as end:
            predict.main()
        return end.value.code, *capsys.readouterr()

    return run


def expected(made, kind, count=5):
    folder, package, images = made[kind]
    return package, Predictor(folder).predict(images[:count])


@pytest.mark.parametrize("kind", ["breast", "blood"])
def test_a_folder_as_csv(run, made, kind):
    code, out, err = run(kind, "pictures")
    assert code == 0
    package, found = expected(made, kind)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["image"] for row in rows] == [f"pictures/{number}.png" for number in range(5)]
    for number, row in enumerate(rows):
        values = [float(row[f"p({name})"]) for name in package.label_names]
        np.testing.assert_allclose(values, found.probabilities[number], atol=1e-6)
        assert row["class"] == package.label_names[int(row["label"])] == package.label_names[found.labels[number]]
        held = [name for name, inside in zip(package.label_names, found.sets[number], strict=True) if inside]
        assert row["prediction_set"] == "; ".join(held)
        assert (row["refer"] == "yes") == found.referred[number]
        if kind == "breast":
            assert (row["malignant at threshold"] == "yes") == found.at_threshold[number]
    assert contents.WARNING in err
    assert (contents.GENERATED in err) == (kind == "blood")


def test_an_npz_file_as_json(run, made):
    np.savez("x.npz", images=made["blood"][2])
    code, out, _ = run("blood", "x.npz", "--format", "json")
    content = json.loads(out)
    assert code == 0 and content["generated"] and len(content["images"]) == 40 and content["refused"] == []
    _, found = expected(made, "blood", 40)
    values = [list(row["probabilities"].values()) for row in content["images"]]
    np.testing.assert_allclose(values, found.probabilities, atol=1e-6)
    assert content["images"][7]["image"] == "x.npz[7]"


def test_results_in_a_file_are_whole_and_alone(run, monkeypatch):
    monkeypatch.setattr(inputs, "BATCH", 2)
    code, out, _ = run("breast", "pictures", "pictures/3.png", "--out", "out/found.json")
    assert code == 0 and out == ""
    assert len(json.loads(Path("out/found.json").read_text(encoding="utf-8"))["images"]) == 6
    assert [path.name for path in Path("out").iterdir()] == ["found.json"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_refused_files_are_named_and_the_others_go_on(run, form):
    Path("text.png").write_text("text")
    code, out, err = run("breast", "text.png", "pictures", "none.png", "--format", form)
    assert code == 1
    assert [line for line in err.splitlines() if line.startswith("refused: ")] == [
        "refused: text.png: no picture that can be read, whatever its name says; expected PNG or JPEG",
        "refused: none.png: there is no such file",
    ]
    assert "5 images, 2 refused" in err
    if form == "json":
        content = json.loads(out)
        assert [entry["file"] for entry in content["refused"]] == ["text.png", "none.png"]
        assert len(content["images"]) == 5
    else:
        assert len(out.splitlines()) == 6


def test_nothing_but_refused_files_is_still_a_table(run):
    code, out, _ = run("breast", "none.png", "--format", "json")
    assert code == 1 and json.loads(out)["images"] == []


def test_a_folder_that_is_no_package_is_one_line(made, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path), "x.png"])
    with pytest.raises(SystemExit) as end:
        predict.main()
    assert str(end.value.code).startswith(f"error: {tmp_path}: holds no model_package.json")


def test_other_versions_of_libraries_are_told(run, monkeypatch):
    real = running.metadata.version
    monkeypatch.setattr(running.metadata, "version", lambda name: "0.1" if name == "skops" else real(name))
    code, _, err = run("breast", "pictures")
    assert code == 0
    assert f"exported with skops {real('skops')}, here is 0.1: results may differ" in err
    assert err.count("exported with") == 1


def test_file_names_that_are_no_utf8(run, made):
    name = b"\xff\n.png"
    run("breast", "pictures")
    shutil.copy("pictures/0.png", name)
    for out in ("found.csv", "found.json"):
        code, _, _ = run("breast", name.decode("utf-8", "surrogateescape"), "--out", out)
        assert code == 0
        assert "\\udcff" in Path(out).read_text(encoding="utf-8")
    json.loads(Path("found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("out", ["pictures/0.png", "new.PNG", "table.csv", "pictures", "", "{package}/README.md"])
def test_nothing_that_the_user_has_is_written_over(run, made, out):
    folder = made["breast"][0]
    run("breast", "pictures")
    Path("table.csv").write_text("mine")
    before = {path: path.read_bytes() for path in (*Path("pictures").iterdir(), *folder.iterdir())}
    code, _, _ = run("breast", "pictures", "table.csv", "--out", out.format(package=folder))
    assert str(code).startswith("error: --out: ")
    assert {path: path.read_bytes() for path in (*Path("pictures").iterdir(), *folder.iterdir())} == before
    assert Path("table.csv").read_text() == "mine" and not Path("new.PNG").exists()


def test_names_cannot_write_to_the_terminal(run):
    code, _, err = run("breast", "\x1b[2J\x07.png")
    assert code == 1 and "\\x1b[2J\\x07.png: there is no such file" in err and "\x1b" not in err


def test_links_to_folders_and_to_nowhere_are_named(run):
    run("breast", "pictures")
    Path("more").mkdir()
    Path("more/linked").symlink_to("../pictures")
    Path("more/lost.png").symlink_to("nowhere.png")
    code, _, err = run("breast", "more")
    assert code == 1
    assert "more/linked: a link to a folder is not followed" in err
    assert "refused: more/lost.png: a link that leads nowhere" in err


def test_an_npz_file_of_huge_images_is_refused(run, monkeypatch):
    monkeypatch.setattr(inputs.pictures, "MOST_PIXELS", 10_000)
    np.savez_compressed("x.npz", images=np.zeros((1, 200, 200), np.uint8))
    code, _, err = run("breast", "x.npz")
    assert code == 1
    assert "images holds images of 200 × 200 pixels; expected at most 10,000 each" in err


def test_it_works_alone_without_tensorflow_and_in_time(made, tmp_path):
    """In a process of its own, from another folder: what is imported, and how long the first image takes."""
    folder, _, images = made["breast"]
    Image.fromarray(images[0].squeeze()).resize((500, 400)).save(tmp_path / "x.png")
    code = (
        "import sys, time; sys.argv = ['predict.py', *sys.argv[1:]]; import predict\n"
        "import medfusion.package.predictor, medfusion.package.answers, medfusion.package.fitted\n"
        "start = time.process_time()\n"
        "try: predict.main()\n"
        "finally:\n"
        "    assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "    print('took', time.process_time() - start)\n"
    )
    command = [sys.executable, "-c", code, str(shutil.copytree(folder, tmp_path / "copy")), "x.png"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(PROGRAM.parent)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert float(done.stdout.splitlines()[-1].split()[1]) < 1, "seconds of the processor for the first image"


@pytest.mark.parametrize(
    "load, said",
    [
        ("time.sleep(60)", "not loaded within 0.5 seconds; get the model package again"),
        ("numpy.zeros(6 * 2**30, numpy.uint8)", "error: not enough memory"),
    ],
)
def test_a_package_that_takes_too_much_time_or_memory_is_one_line(made, tmp_path, load, said):
    """In a process of its own: the limit of memory is the process's, and it is ended from a thread."""
    program = (
        "import time, numpy, predict\n"
        "from medfusion.package import predictor, running\n"
        f"predictor.Predictor = lambda *_: {load}\n"
        "running.PATIENCE, running.MEMORY = 0.5, 4 * 2**30\n"
        "predict.main()"
    )
    command = [sys.executable, "-c", program, str(made["breast"][0]), "x.png", "--out", "answers.csv"]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parent)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=50)
    assert done.returncode == 1 and done.stdout == "" and not list(tmp_path.iterdir())
    assert done.stderr.strip().endswith(said) and len(done.stderr.strip().splitlines()) == 1


def test_which_array_of_an_npz_file_is_taken_is_said_and_chosen(run, made):
    images = made["breast"][2]
    splits = {f"{split}_images": images[:n] for split, n in (("train", 3), ("val", 2), ("test", 4))}
    np.savez("three.npz", train_labels=np.zeros(3), **splits)
    code, out, err = run("breast", "three.npz")
    assert code == 0 and len(out.splitlines()) == 1 + 4
    assert "three.npz: the array test_images; it holds train_images, val_images too: --array chooses" in err
    code, out, err = run("breast", "three.npz", "--array", "val_images")
    assert code == 0 and len(out.splitlines()) == 1 + 2 and "three.npz: the array val_images" in err
    code, _, err = run("breast", "three.npz", "--array", "pixels")
    assert code == 1 and "holds no array pixels; it holds train_labels, train_images, val_images, test_images" in err
    np.savez("one.npz", images=images[:2])
    assert "one.npz: the array images\n" in run("breast", "one.npz")[2]


def test_one_channel_is_taken_as_in_training(run, made):
    np.savez("flat.npz", images=made["breast"][2][:4, ..., 0])
    np.savez("written.npz", images=made["breast"][2][:4])
    flat, written = (run("breast", f"{name}.npz")[1].replace(name, "x") for name in ("flat", "written"))
    assert flat == written
    np.savez("first.npz", images=np.moveaxis(made["breast"][2][:4], -1, 1))
    assert "numpy.moveaxis(images, 1, -1)" in run("breast", "first.npz")[2]
    np.savez("fraction.npz", images=made["breast"][2][:4] / 255)
    assert "numpy.rint(255 * images)" in run("breast", "fraction.npz")[2]


@pytest.mark.parametrize("bits", [None, 12, 16])
def test_the_depth_is_that_of_the_package(made, run, tmp_path, monkeypatch, capsys, bits):
    """Pictures of 12 bits get the answer of the same pictures with 8; with all 16 they would be black."""
    folder, package, images = made["breast"]
    run("breast", "pictures", count=1)  # puts the picture there
    Image.fromarray(np.rint(images[0, ..., 0] / 255 * 4095).astype(np.uint16)).save("deep.png")
    copy = shutil.copytree(folder, tmp_path / "copy")
    names = [path.name for path in sorted(copy.iterdir()) if path.name != contents.RECORD]
    contents.write(copy, replace(package, bits=bits), {}, {name: copy / name for name in names})
    monkeypatch.setattr(sys, "argv", ["predict.py", str(copy), "deep.png", "pictures/0.png"])
    with pytest.raises(SystemExit) as end:
        predict.main()
    out, err = capsys.readouterr()
    rows = [row.split(",") for row in out.splitlines()[1:]]
    if bits is None:
        assert end.value.code == 1 and "refused: deep.png: 16 bits a pixel, of which 12 seem to hold values" in err
        return
    assert end.value.code == 0
    assert (rows[0][3:5] == rows[1][3:5]) == (bits == 12)
    assert "16 bits, of which 12 hold values, scaled to 8" in out if bits == 12 else "16 bits scaled to 8" in out


def test_damaged_jpegs_are_refused(run, made):
    Image.fromarray(made["breast"][2][0].squeeze()).resize((90, 90)).save("whole.jpg")
    data = Path("whole.jpg").read_bytes()
    scan = data.index(b"\xff\xda") + 14
    Path("zero.jpg").write_bytes(data[: scan + 300] + bytes(300) + data[scan + 600 :])
    Path("empty.jpg").write_bytes(data[:scan] + b"\xff\xd9")
    code, out, err = run("breast", "whole.jpg", "zero.jpg", "empty.jpg")
    assert code == 1 and len(out.splitlines()) == 2
    assert "refused: zero.jpg: damaged" in err and "refused: empty.jpg: damaged" in err
