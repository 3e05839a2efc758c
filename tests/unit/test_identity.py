"""Tests of what a job's settings file is to hold."""

import json

from configurations import completed

from medfusion.learning import architectures
from medfusion.planning.jobs import Job, jobs
from medfusion.planning.partitions import SCHEMES
from medfusion.planning.plan import Plan
from medfusion.reruns import fingerprint
from medfusion.reruns.identity import identity


def test_an_identity_is_what_is_read_back_from_a_file():
    found = identity("ensemble", {"systems": [("a", 1)], 1: None}, 2)
    assert found == json.loads(json.dumps(found))
    assert found["config"] == {"threads": 2, "systems": [["a", 1]], "1": None}
    assert (found["stage"], len(found["code"])) == ("ensemble", 16)
    assert {"python", "numpy"} <= set(found["libraries"])


def test_jobs_that_build_networks_say_which_and_no_others():
    networks = fingerprint.ROOT / "medfusion/learning/networks.py"
    for job in jobs(Plan(completed()), SCHEMES):
        builds = networks in fingerprint.closure(job.stage)[0]
        assert bool(job.modules) == builds and all(map(fingerprint.exists, job.modules)), job


def test_of_all_architectures_a_training_depends_on_its_own():
    folder = "medfusion/learning/architectures"
    for stage in ("train_cnn", "learning_curve"):
        behind = {file.relative_to(fingerprint.ROOT).as_posix() for file in fingerprint.closure(stage)[0]}
        assert {file for file in behind if file.startswith(folder)} == {f"{folder}/__init__.py"}
        job = Job(stage, {}, {"network": {"architecture": "resnet28"}})
        found = identity(stage, job.config, 1, job.modules)
        name = architectures.module("resnet28")
        assert found["modules"] == {name: fingerprint.code_hash(name)}
        assert found != identity(stage, job.config, 1, (architectures.module("five_layer"),))
    assert "modules" not in identity("fuse", {}, 1, Job("fuse", {}, {}).modules)
