"""The notebook as a reader runs it, on the finished run. Skipped where nothing that runs it is installed."""

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs/notebook.ipynb"
PLACE = 'RESULTS = ROOT / "results/demo"'


def cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_it_is_stored_without_what_it_said():
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert code
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_it_is_short_and_its_links_lead_somewhere():
    prose = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "markdown"]
    assert len(" ".join(prose).split()) < 700
    targets = [part.partition(")")[0] for text in prose for part in text.split("](")[1:]]
    assert targets and all((NOTEBOOK.parent / target).exists() for target in targets)


def run(results: Path):
    """The notebook as it is after every cell was run on these results."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient", reason="no nbclient: make notebook installs it")
    pytest.importorskip("ipykernel", reason="no ipykernel: make notebook installs it")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    places = [cell for cell in notebook.cells if PLACE in cell.source]
    assert len(places) == 1
    places[0].source = places[0].source.replace(PLACE, f"RESULTS = Path({str(results)!r})")
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "docs")}}).execute()
    return {cell.id: cell for cell in notebook.cells}


def said(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_every_cell_says_of_a_finished_run_what_the_run_says(finished):
    results = finished.folder / "results"
    ran = run(results)
    best = finished.json("results/breast/breast_cnn/seed1/svm/best.json")
    for name in ("accuracy", "log_loss"):
        value = best["measures"][name]
        assert f"validation {name}: {value:.6f} here, {value:.6f} in best.json" in said(ran["svm"])
    assert "train/features" in said(ran["features"]) and "generated: True" in said(ran["features"])
    assert "Same inputs" in said(ran["same"])
    for name in ("plane", "fusion"):
        assert [output for output in ran[name].outputs if "image/png" in output.get("data", {})]


@pytest.mark.parametrize(
    ("name", "key", "fault"),
    [
        ("svm/best.json", "measures", {"accuracy": 0.5, "log_loss": 0.5, "auroc": 0.5}),
        ("cnn_svm_chosen/fusion.json", "temperatures", [3.0, 1.0]),
    ],
)
def test_it_stops_where_a_file_does_not_say_what_comes_out(finished, tmp_path, name, key, fault):
    exceptions = pytest.importorskip("nbclient.exceptions", reason="no nbclient: make notebook installs it")
    results = tmp_path / "results"
    shutil.copytree(finished.folder / "results/breast", results / "breast")
    for part in ("settings", "records"):
        shutil.copytree(finished.folder / "results" / part / "fit_grid", results / part / "fit_grid")
    path = results / "breast/breast_cnn/seed1" / name
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, key: fault}), encoding="utf-8")
    with pytest.raises(exceptions.CellExecutionError, match="AssertionError"):
        run(results)
