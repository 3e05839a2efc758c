"""Tests of configurations as text: broken files and repeated keys, by file and line."""

import pytest
from configurations import OVERLAYS, ROOT

from medfusion.errors import UserError
from medfusion.planning import config_text

# What the file holds, and what is said of it after its name.
FAULTS = {
    "a tab": (b"a:\n\tb: 1\n", ", line 2: not valid YAML (found character that cannot start any token)"),
    "an open bracket": (b"a: [1,\n", ", line 2: not valid YAML (did not find expected node content)"),
    "two documents": (b"a: 1\n---\nb: 2\n", ", line 2: not valid YAML (but found another document)"),
    "an unknown alias": (b"a: *b\n", ", line 1: not valid YAML (found undefined alias)"),
    "a key twice": (b"a: 1\nb: 2\na: 3\n", ", line 3: the key 'a' is there twice"),
    "a key twice in a list": (b"a:\n  - {b: 1,\n     b: 2}\n", ", line 3: the key 'b' is there twice"),
    "another encoding": ("a: ü\n".encode("latin-1"), ": not a readable YAML file in UTF-8 ('utf-8' codec"),
    "an unprintable character": (b"a: \x00\n", ": not a readable YAML file in UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_and_line(fault, tmp_path):
    content, message = FAULTS[fault]
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        config_text.check(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.yaml: not a readable YAML file"):
        config_text.check(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["", "a: 1", "- a", "a: &x {b: 1}\nc: {<<: *x, d: *x}", "? [a, b]\n: 1", "a: &x [*x]"])
def test_whatever_is_yaml_passes(text, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    config_text.check(tmp_path / "config.yaml")


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *OVERLAYS], ids=lambda path: path.stem)
def test_our_own_files_pass(path):
    config_text.check(path)
