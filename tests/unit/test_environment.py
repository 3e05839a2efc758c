"""Tests of how many jobs this machine takes at once."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from medfusion.errors import UserError
from medfusion.planning import environment
from medfusion.planning.runs import PlannedJob


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that sets the megabytes of the machine and the text of a container's limit."""

    def describe(megabytes, container=None):
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=megabytes * 2**20))
        file = tmp_path / "memory.max"
        if container is not None:
            file.write_text(container)
        monkeypatch.setattr(environment, "CONTAINER_LIMITS", (str(file),))

    return describe


def test_jobs_take_no_more_memory_than_the_machine_has(machine):
    machine(4000)
    assert environment.memory_for_jobs() == 3400


@pytest.mark.parametrize(("text", "expected"), [("max\n", 4000), (f"{1000 * 2**20}\n", 1000), (f"{2**62}\n", 4000)])
def test_a_containers_limit_counts(machine, text, expected):
    machine(4000, text)
    assert environment.memory() == expected


def jobs(**needs):
    """Jobs of rules that need so many megabytes."""
    return [PlannedJob(rule, f"{rule}.json", f"{rule}.h5", 1, need, ()) for rule, need in needs.items()]


def test_jobs_that_are_too_large_alone_are_named():
    note = environment.too_large(jobs(train=1500, draw=400, guessed=None), 1000)
    assert "1000 MB" in note and "train 1500" in note and "draw" not in note and "guessed" not in note
    assert note.count("\n") == 0


@pytest.mark.parametrize("limit", [1500, None])
def test_where_all_fits_nothing_is_said(limit):
    assert environment.too_large(jobs(train=1500, guessed=None), limit) is None


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """A function that makes the driver run these models; and NVIDIA's libraries be there or not."""

    def find(*models, libraries):
        for number, model in enumerate(models):
            (tmp_path / f"0000:0{number}").mkdir()
            (tmp_path / f"0000:0{number}" / "information").write_text(f"Model: \t\t {model}\nIRQ: 7\n")
        monkeypatch.setattr(environment, "NVIDIA", str(tmp_path))
        monkeypatch.setattr(environment, "WINDOWS_DRIVER", str(tmp_path / "libcuda.so.1"))
        monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: libraries or None)
        monkeypatch.setattr(environment.ctypes.util, "find_library", lambda name: None)

    return find


@pytest.mark.parametrize(
    ("models", "libraries", "note"),
    [
        ((), False, "Networks are trained on processors."),
        (("NVIDIA L4", "NVIDIA L4"), True, "Networks are trained on the GPU (NVIDIA L4)."),
        (
            ("NVIDIA A100-PCIE-40GB",),
            False,
            "There is an NVIDIA GPU (NVIDIA A100-PCIE-40GB), and this TensorFlow cannot use it: make gpu "
            "(docs/clusters.md).",
        ),
    ],
)
def test_a_run_says_on_what_it_trains(gpus, models, libraries, note):
    gpus(*models, libraries=libraries)
    assert environment.training_device(jobs(train_cnn=1, report=1)) == note
    assert environment.training_device(jobs(learning_curve=1)) == note
    assert environment.training_device(jobs(evaluate=1, report=1)) is None


def test_a_gpu_of_windows_and_libraries_of_the_system_count(gpus, monkeypatch, tmp_path):
    gpus(libraries=False)
    (tmp_path / "libcuda.so.1").touch()
    assert environment.training_device(jobs(train_cnn=1)).startswith("There is an NVIDIA GPU (NVIDIA GPU), and")
    monkeypatch.setattr(
        environment.ctypes.util, "find_library", lambda name: "libcudnn.so.9" if name == "cudnn" else None
    )
    assert environment.training_device(jobs(train_cnn=1)) == "Networks are trained on the GPU (NVIDIA GPU)."
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert environment.training_device(jobs(train_cnn=1)) == "Networks are trained on processors."


@pytest.mark.parametrize("name", ["a {more}", "{ x }", "t{1,2}"])
def test_a_folder_with_what_snakemake_takes_for_a_wildcard_is_named(name):
    with pytest.raises(UserError, match="for a wildcard; rename it"):
        environment.without_wildcards(Path(name), "rename it")


@pytest.mark.parametrize("name", ["a b", "{}", "{", "a$(x)"])
def test_other_folders_are_taken_as_they_are(name):
    assert environment.without_wildcards(Path(name), "rename it") == Path(name)


LIBRARIES = {
    "train_cnn": ("h5py", "tensorflow", "matplotlib"),
    "extract_features": ("tensorflow",),
    "draw_grids": ("matplotlib", "numpy"),
    "evaluate": ("numpy",),
    "rank_systems": ("numpy",),
}


def test_stages_are_held_by_their_slowest_library_if_two_jobs_need_it(gpus):
    gpus(libraries=False)
    several = [*jobs(train_cnn=1, draw_grids=1, evaluate=1, rank_systems=1, all=1), *jobs(train_cnn=1, evaluate=1)]
    assert environment.library_sets(several, LIBRARIES) == [
        {"train_cnn": "train_cnn"},
        {"evaluate": "evaluate", "rank_systems": "rank_systems"},
    ]
    assert environment.library_sets([*several, *jobs(draw_grids=1)], LIBRARIES)[1] == {"draw_grids": "draw"}
    assert environment.library_sets(jobs(train_cnn=1, draw_grids=1, evaluate=1), LIBRARIES) == []


def test_where_tensorflow_may_use_a_gpu_its_jobs_start_anew(gpus):
    gpus("NVIDIA L4", libraries=True)
    two = jobs(train_cnn=1, extract_features=1)
    assert environment.library_sets(two, LIBRARIES) == []
