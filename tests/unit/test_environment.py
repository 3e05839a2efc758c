"""Tests of how many jobs this machine takes at once."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemake.resources import Resources

from medfusion.errors import UserError
from medfusion.planning import environment


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


def limited(megabytes):
    """What limit_memory makes of a limit of all jobs together."""
    resources = Resources.from_mapping({} if megabytes is None else {"mem_mb": megabytes})
    environment.limit_memory(resources)
    return resources.get("mem_mb").value


@pytest.mark.parametrize(
    ("megabytes", "given", "expected"),
    [(4000, 6000, 3400), (16000, 6000, 6000), (4000, 3000, 3000), (4000, None, None)],
)
def test_jobs_take_no_more_memory_than_the_machine_has(machine, megabytes, given, expected):
    machine(megabytes)
    assert limited(given) == expected


@pytest.mark.parametrize(("text", "expected"), [("max\n", 4000), (f"{1000 * 2**20}\n", 1000), (f"{2**62}\n", 4000)])
def test_a_containers_limit_counts(machine, text, expected):
    machine(4000, text)
    assert environment.memory() == expected


def jobs(**needs):
    """Jobs of rules that need so many megabytes."""
    return [
        SimpleNamespace(
            rule=SimpleNamespace(name=name, resources=Resources.from_mapping({"mem_mb": need} if need else {}))
        )
        for name, need in needs.items()
    ]


def test_jobs_that_are_too_large_alone_are_named():
    note = environment.too_large(jobs(train=1500, draw=400, all=None), Resources.from_mapping({"mem_mb": 1000}))
    assert "1000 MB" in note and "train 1500" in note and "draw" not in note
    assert note.count("\n") == 0


def test_what_snakemake_is_to_guess_is_no_declaration():
    """Rules without memory of their own get a guess from the inputs, where a profile sets default resources."""
    guessed = SimpleNamespace(rule=SimpleNamespace(name="all", resources=Resources.from_mapping({"mem_mb": len})))
    note = environment.too_large([guessed, *jobs(train=1500)], Resources.from_mapping({"mem_mb": 1000}))
    assert "train 1500" in note and "all" not in note.split(":")[1]


def test_submitted_jobs_have_room_for_what_stays_beside_the_program():
    rules = [job.rule for job in jobs(train=1500, all=None)]
    rules.append(SimpleNamespace(name="guessed", resources=Resources.from_mapping({"mem_mb": len})))
    environment.leave_room_beside(rules)
    assert rules[0].resources["mem_mb"].value == 1500 + environment.BESIDE_PROGRAM
    assert rules[1].resources.get("mem_mb").value is None
    assert rules[2].resources["mem_mb"].is_evaluable()


@pytest.mark.parametrize("given", [{"mem_mb": 1500}, {}])
def test_where_all_fits_nothing_is_said(given):
    assert environment.too_large(jobs(train=1500), Resources.from_mapping(given)) is None


@pytest.mark.parametrize("name", ["a {more}", "{ x }", "t{1,2}"])
def test_a_folder_with_what_snakemake_takes_for_a_wildcard_is_named(name):
    with pytest.raises(UserError, match="for a wildcard; rename it"):
        environment.without_wildcards(Path(name), "rename it")


@pytest.mark.parametrize("name", ["a b", "{}", "{", "a$(x)"])
def test_other_folders_are_taken_as_they_are(name):
    assert environment.without_wildcards(Path(name), "rename it") == Path(name)
