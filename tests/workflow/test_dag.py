"""The shape of the workflow, without running it."""

import subprocess

import pytest

# Stages that may stand on the test labels: those that describe the data, and evaluation with what follows it.
MAY_SEE_TEST_LABELS = {
    "inspect_images",
    "audit_twins",
    "evaluate",
    "collect_metrics",
    "draw_results",
    "draw_studies",
    "draw_training_size",
    "report",
}
FITTING = {"augment", "train_cnn", "extract_features", "fit_grid", "fuse", "vote", "study_classifiers", "floors"}


@pytest.mark.parametrize("overlay", [True, False], ids=["tiny", "default"])
def test_only_evaluation_and_description_stand_on_the_test_labels(project, overlay):
    lines = project.snakemake("report", "--detailed-summary", overlay=overlay).stdout.splitlines()
    header = lines[0].split("\t")
    rows = [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]
    made_by = {row["output_file"]: row["rule"] for row in rows}
    inputs = {row["output_file"]: row["input-file(s)"].split(",") for row in rows}
    labels = {file for file in made_by if file.endswith("/test_labels.h5")}
    assert len(labels) == 2

    def stands_on_labels(file, seen):
        if file in labels:
            return True
        seen.add(file)
        return any(stands_on_labels(source, seen) for source in inputs.get(file, []) if source not in seen)

    offenders = {made_by[f] for f in made_by if f not in labels and stands_on_labels(f, set())}
    assert offenders >= {"evaluate", "inspect_images", "audit_twins", "report"}
    assert offenders <= MAY_SEE_TEST_LABELS
    curves = {rule for rule in made_by.values() if rule.startswith("learning_curve")}
    assert curves and set(made_by.values()) >= FITTING


def test_every_rule_says_what_a_stage_says(project):
    """Log, benchmark, message, memory, run time and one params entry, for every rule that runs a program."""
    import ast
    import re

    for path in sorted((project.folder / "rules").glob("*.smk")):
        for text in re.split(r"\n(?=\s*rule\b)", path.read_text(encoding="utf-8"))[1:]:
            if "shell:" not in text:
                continue
            for part in ("log:", "benchmark:", "message:", "threads:", "mem_mb=", "runtime=", "settings=identity("):
                assert part in text, f"{path.name}: {text.splitlines()[0]} lacks {part}"
            assert text.count("identity(") == 1
    for program in (project.folder / "workflow_scripts").glob("*.py"):
        assert ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))), program.name


def test_stdout_of_dag_is_a_graph_alone(project):
    for kind in ("--dag", "--rulegraph"):
        done = project.snakemake("report", kind)
        assert done.stdout.startswith("digraph snakemake_dag {")
        assert done.stdout.rstrip().endswith("}")


@pytest.mark.parametrize("target", ["inspect", "audit", "breast", "blood", "report"])
def test_targets(project, target):
    assert project.planned(target)


def test_report_is_the_default_target(project):
    done = project.snakemake("-n")
    assert "report" in done.stdout + done.stderr


def test_only_stages_with_a_network_import_tensorflow(project):
    from medfusion.fingerprint import closure

    programs = sorted((project.folder / "workflow_scripts").glob("*.py"))
    root = project.folder / "workflow_scripts"
    with_network = {p.stem for p in programs if "tensorflow" in closure(p, root)[1]}
    assert with_network == {"train_cnn", "extract_features", "learning_curve"}


def test_every_program_explains_itself(project):
    import sys

    for name in ("download", "prepare", "fit_grid", "fuse", "evaluate"):
        program = project.folder / "workflow_scripts" / f"{name}.py"
        done = subprocess.run([sys.executable, str(program), "--help"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0
        assert "--settings" in done.stdout and len(done.stdout.splitlines()) > 8
