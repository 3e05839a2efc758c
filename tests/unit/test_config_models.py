"""Tests of what follows from the models of the configuration: the schema for editors, the documentation, messages."""

import copy
import importlib.util
import json

import jsonschema
import pytest
import yaml
from configurations import BASE, ROOT, completed

from medfusion.errors import UserError
from medfusion.planning.config_models import schema

OVERLAYS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def generate():
    """The program behind `make schema`."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "schemas/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def editor():
    """What editors say of a configuration: the keys of its faults, by a reader of JSON schema that is not ours."""
    content = json.loads((ROOT / "schemas/config.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    reader = jsonschema.Draft202012Validator(content)
    return lambda text: sorted(
        ".".join(map(str, fault.absolute_path)) for fault in reader.iter_errors(yaml.safe_load(text))
    )


def test_the_schema_is_what_the_models_give(generate):
    assert generate.FILE.read_text(encoding="utf-8") == generate.file(), "run make schema"
    assert json.loads(generate.file()) == schema.for_editors()


def test_the_documentation_is_what_the_models_give(generate):
    page = generate.PAGE.read_text(encoding="utf-8")
    assert page == generate.with_tables(page), "run make schema"


def test_every_key_says_what_it_is():
    def nodes(part):
        for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from nodes(child)
        if isinstance(part, dict) and isinstance(part.get("properties"), dict):
            yield part["properties"]

    found = [(name, node) for keys in nodes(schema.whole()) for name, node in keys.items()]
    assert len(found) > 130
    assert [name for name, node in found if not node.get("description", "").strip()] == []


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *OVERLAYS], ids=lambda path: path.stem)
def test_editors_find_the_schema_and_no_fault(editor, path):
    first, _, text = path.read_text(encoding="utf-8").partition("\n")
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / name).resolve() == ROOT / "schemas/config.schema.json"
    assert editor(text) == []


def test_editors_take_what_an_overlay_leaves_out_and_switches_off(editor):
    assert editor("{networks: {new: {training: {epochs: 3}}, old: ~}, datasets: {breast: {models: {m: ~}}}}") == []
    assert (
        editor("{classifiers: {svm: {fit_images: 9}}, datasets: {breast: {ensembles: {one: [a/cnn], two: ~}}}}") == []
    )


# Overlays in which editors mark a place, as the workflow refuses it.
MARKED = {
    "{evalution: {}}": "",  # codespell:ignore
    "{compute: {threads: 0}}": "compute.threads",
    "{compute: {threads: 1.5}}": "compute.threads",
    "{results: my data}": "results",
    "{classifiers: {'my svm': {kind: svm, grid: {C: [1]}}}}": "classifiers",
    "{networks: {blood_cnn: {architecture: blod_cnn}}}": "networks.blood_cnn",
    "{networks: {blood_cnn: {training: {epoch: 2}}}}": "networks.blood_cnn",
    "{classifiers: {svm: {grid: {C: [0]}}}}": "classifiers.svm",
    "{datasets: {breast: {models: {breast_cnn: {seeds: [1, 1]}}}}}": "datasets.breast",
    "{datasets: {breast: {crossvalidation: {pool: [val]}}}}": "datasets.breast",
}


@pytest.mark.parametrize("overlay", MARKED)
def test_editors_mark_what_the_workflow_refuses(editor, overlay):
    assert editor(overlay) == [MARKED[overlay]]
    with pytest.raises(UserError):
        completed(overlay)


def test_a_choice_that_was_not_meant_is_not_spoken_of():
    """Of a list or a section, of two kinds of entries, only what is wrong in the one that is there."""
    for entry, message in (
        ("[1]", "0: 1; expected text; put a text in quotes"),
        ("{systms: [a/cnn]}", "unknown key 'systms'; did you mean 'systems'?"),  # codespell:ignore
        ("3", "3; expected a list with at least 1 entry or a section of keys and values"),
    ):
        with pytest.raises(UserError) as caught:
            completed(f"{{datasets: {{breast: {{ensembles: {{one: {entry}}}}}}}}}")
        assert message in str(caught.value)
        assert "expected a list" not in str(caught.value) or entry == "3"


def test_a_key_that_a_section_of_defaults_lacks_is_named():
    def change(config):
        del config["defaults"]["training"]["epochs"], config["defaults"]["dataset"]["split"]["seed"]

    with pytest.raises(UserError) as caught:
        completed(change=change)
    assert str(caught.value) == "config:\n  defaults.dataset.split: lacks seed\n  defaults.training: lacks epochs"


def test_the_configuration_is_left_as_it_is_written():
    config = copy.deepcopy(BASE)
    config["classifiers"]["svm"]["grid"]["C"] = [1, 10.0]
    assert completed(change=lambda base: base.update(config))["classifiers"]["svm"]["grid"]["C"] == [1, 10.0]
