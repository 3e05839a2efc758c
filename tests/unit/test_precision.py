"""Which precision `auto` takes, and how the page says what was taken."""

import pytest
import synthetic
from configurations import completed

from medfusion.planning import precision
from medfusion.report import provenance


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """A function that gives the machine processors with these flags; None for a system without the file."""
    monkeypatch.delenv(precision.HIDE_VARIABLE, raising=False)
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")

    def set_flags(flags):
        if flags is not None:
            text = f"processor\t: 0\nmodel name\t: avx512_bf16 it is not\nflags\t\t: {flags}\nbugs\t\t: amx_bf16\n\n"
            (tmp_path / "cpuinfo").write_text(text)

    return set_flags


@pytest.mark.parametrize(
    ("flags", "taken", "reason"),
    [
        ("fpu avx512f avx512_bf16", "bfloat16", "the processor has avx512_bf16"),
        ("fpu avx512_bf16 amx_bf16 amx_tile", "bfloat16", "the processor has amx_bf16"),
        ("fpu avx2 avx512_bf16x", "float32", "the processor has neither amx_bf16 nor avx512_bf16"),
        ("", "float32", "the processor has neither amx_bf16 nor avx512_bf16"),
        (None, "float32", "cannot be read (No such file or directory)"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_multiplies_in_it_and_says_why(processor, flags, taken, reason):
    processor(flags)
    assert completed("{compute: {precision: auto}}")["compute"]["precision"] == taken
    assert precision.note("auto").startswith(f"compute.precision: auto takes {taken}, because ")
    assert reason in precision.note("auto")


def test_a_variable_hides_what_the_processor_has(processor, monkeypatch):
    processor("avx512_bf16")
    monkeypatch.setenv(precision.HIDE_VARIABLE, "1")
    assert precision.resolved("auto") == "float32"
    assert precision.note("auto").endswith(f"because {precision.HIDE_VARIABLE} is set.")
    monkeypatch.setenv(precision.HIDE_VARIABLE, "")
    assert precision.resolved("auto") == "bfloat16"


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken_on_any_processor_without_a_word(processor, asked):
    processor("avx2" if asked == "bfloat16" else "avx512_bf16")
    assert completed(f"{{compute: {{precision: {asked}}}}}")["compute"]["precision"] == asked
    assert precision.note(asked) is None


def test_the_page_says_in_which_precision_networks_were_trained():
    records = [synthetic.record("train_cnn"), synthetic.record("learning_curve"), synthetic.record("fit_grid")]
    assert "trained" not in provenance.hardware(records[2:])
    records[0].identity["config"]["precision"] = records[1].identity["config"]["precision"] = "bfloat16"
    assert provenance.hardware(iter(records)).endswith("no GPU used, networks trained in bfloat16")
    records[1].identity["config"]["precision"] = "float32"
    assert provenance.hardware(records).endswith("networks trained in bfloat16 and float32")
