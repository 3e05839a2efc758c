"""Tests of what a job says it computed on; the graphics processors are made up."""

import sys
from types import SimpleNamespace

import pytest
import synthetic

from medfusion.jobs.costs import stage_costs, stage_name
from medfusion.report import page_tables
from medfusion.reruns.early_cutoff import accelerator


@pytest.fixture
def found(monkeypatch):
    """A function that makes TensorFlow, as far as it is asked, one that finds devices of these names."""

    def find(*names):
        details = [{"device_name": name} if name else {} for name in names]
        config = SimpleNamespace(
            get_visible_devices=lambda kind: list(range(len(names))) if kind == "GPU" else [],
            experimental=SimpleNamespace(get_device_details=lambda device: details[device]),
        )
        monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))

    return find


def test_the_name_of_what_a_job_computed_on(found, monkeypatch):
    for names, expected in {
        (): "",
        ("A100",): "A100",
        ("A100", "A100"): "2 A100",
        ("A100", "L4"): "A100, L4",
        ("",): "GPU",
    }.items():
        found(*names)
        assert accelerator() == expected
    monkeypatch.delitem(sys.modules, "tensorflow")
    assert accelerator() == ""


def test_costs_say_on_which_device():
    records = [
        synthetic.record("train_cnn"),
        synthetic.record("train_cnn", device="L4"),
        synthetic.record("train_cnn", device="A100"),
        synthetic.record("fit_grid"),
    ]
    costs = stage_costs(records)
    assert [stage_name(row) for row in costs.itertuples()] == ["train_cnn, on A100; L4", "fit_grid"]
    body = page_tables.costs(costs, "x").bodies[0]
    assert body.rows[0].cells[0].text == "train_cnn, on A100; L4"


def test_networks_take_the_memory_of_a_graphics_processor_as_they_need_it(monkeypatch):
    """Several jobs fit on one; without it the first takes all."""
    from medfusion.learning import backend

    grown = []
    monkeypatch.setattr(backend.tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(
        backend.tf.config.experimental, "set_memory_growth", lambda device, grow: grown.append((device, grow))
    )
    backend.configure(threads=1, seed=0)
    assert grown == [("GPU:0", True), ("GPU:1", True)]
