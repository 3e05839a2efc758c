"""The shape of the workflow, without running it."""

import re
import subprocess

import pytest
from conftest import EVERYTHING
from graph import job_graph
from specification import jobs

# Stages that may stand on the test labels: those that describe the data, and evaluation with what follows it.
MAY_SEE_TEST_LABELS = {
    "inspect_images",
    "audit_duplicates",
    "audit_labels",  # lists doubtful labels, for the page alone; what must be fitted for it is predict_out_of_fold
    "draw_mislabelled",
    "evaluate",
    "rank_systems",
    "compare_systems",
    "collect_metrics",
    "assess_reliability",
    "assess_discrimination",
    "assess_slices",
    "draw_discrimination",
    "corrupt_evaluate",
    "draw_corruptions",
    "draw_reliability",
    "draw_results",
    "draw_labels",
    "draw_studies",
    "draw_training_size",
    "draw_ablations",
    "select_examples",
    "map_saliency",
    "draw_examples",
    "report",
    "summarise",
    "write_predictions",
    "export_package",
    "write_try_page",
    "apply_input_check",
}
# Stages that see test images but nothing that a test label had a part in, neither fitted nor measured by one.
WITHOUT_LABELS = {"corrupt_predict", "draw_corrupted"}
FITTING = {
    "augment",
    "fit_input_check",
    "train_cnn",
    "extract_features",
    "fit_grid",
    "fuse",
    "ensemble",
    "calibrate",
    "study_classifiers",
    "baselines",
    "learning_curve",
    "predict_out_of_fold",
}


@pytest.mark.parametrize("configuration", ["tiny", "default", "ablated"])
def test_only_evaluation_and_description_stand_on_the_test_labels(project, configuration):
    overlay = configuration != "default"
    if configuration == "ablated":
        project.lay_over("ablated.yaml")
    graph = job_graph(project, EVERYTHING, overlay=overlay)
    made_by, sources = graph.made_by, graph.sources
    assert set(graph.outputs) == set(jobs(project.config(overlay)))
    assert set(made_by) == set(sources), "a file whose job's command does not name it"
    labels = {file for file in made_by if file.endswith("/test_labels.h5")}
    assert len(labels) == 2

    def stands_on_labels(file):
        return any(source in labels or stands_on_labels(source) for source in sources[file])

    seeing = {made_by[file] for file in made_by if stands_on_labels(file)}
    assert {"evaluate", "inspect_images", "audit_duplicates", "report"} <= seeing <= MAY_SEE_TEST_LABELS
    assert set(made_by.values()) >= FITTING | WITHOUT_LABELS
    assert not seeing & (FITTING | WITHOUT_LABELS)
    audited = {file for file in made_by if made_by[file] == "audit_labels"}
    assert {made_by[file] for file in made_by if audited & sources[file]} == {"draw_mislabelled", "report"}
    reading = {job.partition("/")[0] for job, files in graph.inputs.items() if files & labels}
    assert "corrupt_evaluate" in reading and not reading & {"draw_corruptions", *WITHOUT_LABELS}


def test_every_rule_says_what_a_stage_says(project):
    """Log, message, program and settings; memory, threads and command too, where it is not made from `stage`."""
    import ast

    for path in sorted((project.folder / "rules").glob("*.smk")):
        for text in re.split(r"\n(?= *(?:use )?rule\b)", path.read_text(encoding="utf-8"))[1:]:
            if text.startswith("rule stage:"):
                continue
            parts = ["log:", "message:", "**stage("]
            parts += [] if text.startswith("use rule stage as ") else ["threads:", "mem_mb=", "runtime=", "COMMAND"]
            for part in parts:
                assert part in text, f"{path.name}: {text.splitlines()[0]} lacks {part}"
    for program in (project.folder / "workflow_scripts").glob("*.py"):
        assert ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))), program.name


def test_stdout_of_dag_is_a_graph_alone(project):
    for kind in ("--dag", "--rulegraph"):
        done = project.snakemake("report", kind)
        assert done.stdout.startswith("digraph snakemake_dag {")
        assert done.stdout.rstrip().endswith("}")


def test_targets(project):
    """One start of Snakemake for all: the table of jobs names each."""
    done = project.snakemake("-n", "-j", "8", *(targets := ("inspect", "audit", "breast", "blood", *EVERYTHING)))
    for target in targets:
        assert re.search(rf"^{target} +1$", done.stdout + done.stderr, re.M), target


def test_report_is_the_default_target(project):
    done = project.snakemake("-n")
    assert re.search(r"^report +1$", done.stdout + done.stderr, re.M)


def test_only_stages_with_a_network_import_tensorflow(project):
    from medfusion.figures.drawn import DRAWN
    from medfusion.reruns.fingerprint import closure

    root = project.folder / "workflow_scripts"
    stages = [path.stem for path in root.glob("*.py")] + [f"draw_{kind}" for kind in DRAWN]
    with_network = {stage for stage in stages if "tensorflow" in closure(stage, root)[1]}
    applying = {"extract_features", "corrupt_predict", "fit_input_check", "map_saliency", "export_package"}
    assert with_network == {"train_cnn", "learning_curve", "apply_fold", *applying}


def test_every_program_explains_itself(project):
    import sys

    for name in ("download", "prepare", "fit_grid", "fuse", "evaluate"):
        program = project.folder / "workflow_scripts" / f"{name}.py"
        done = subprocess.run([sys.executable, str(program), "--help"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0
        assert "--settings" in done.stdout and len(done.stdout.splitlines()) > 8
