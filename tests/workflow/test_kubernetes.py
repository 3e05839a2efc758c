"""What a cluster of Kubernetes is asked for, held against its published schema. Skipped without `make kubernetes`."""

import contextlib
import re
from collections import UserDict
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT

validator = pytest.importorskip("kubernetes_validate", reason="needs make kubernetes")
plugin = pytest.importorskip("snakemake_executor_plugin_kubernetes", reason="needs make kubernetes")

import kubernetes  # noqa: E402  (comes with the plugin)

PROFILE = (ROOT / "profiles/kubernetes/config.yaml").read_text(encoding="utf-8")
WITH_GPU = re.sub(r"^# ?(set-resources:|  - \w+:)", r"\1", PROFILE, flags=re.MULTILINE)
OF_RULE = {"_cores": 2, "_nodes": 1, "mem_mb": 1500, "runtime": 120}


def check(manifest):
    """As the API server: the schema; and what extends it (nvidia.com/gpu) is limited to as much as is asked for."""
    validator.validate(manifest, validator.latest_version(), strict=True)
    pod = manifest["spec"]["template"]["spec"]
    for container in pod["containers"] + pod.get("initContainers", []):
        resources = container.get("resources", {})
        for name, number in resources.get("requests", {}).items():
            if "/" in name and resources.get("limits", {}).get(name) != number:
                raise ValueError(f"{name}: a limit must be set, and be the same as what is requested")


def resources(profile, rule):
    """What a job of the rule asks for, by its rule and a profile."""
    settings = yaml.safe_load(profile)
    found = dict(OF_RULE)
    for entry in settings["default-resources"]:
        name, _, value = entry.partition("=")
        found[name] = int(value) if value.isdigit() else value
    for entry in settings.get("set-resources", ()):
        name, _, value = entry.partition("=")
        if name.startswith(f"{rule}:"):
            found[name.partition(":")[2]] = int(value)
    return found


def pod_of(asked):
    """The job that the plugin would send to the cluster."""
    sent = []
    executor = object.__new__(plugin.Executor)
    vars(executor).update(
        run_namespace="run", namespace="default", container_image="image", k8s_cpu_scalar=0.95, privileged=False,
        k8s_service_account_name=None, persistent_volumes=[], secret_files={}, secret_envvars={},
        logger=SimpleNamespace(debug=lambda text: None, info=lambda text: None),
        format_job_exec=lambda job: "snakemake …", report_job_submission=lambda info: None,
        batchapi=SimpleNamespace(create_namespaced_job=lambda namespace, body: sent.append(body)),
        lock=contextlib.nullcontext(),
    )  # fmt: skip
    executor.run_job(SimpleNamespace(resources=UserDict(asked), jobid=1, attempt=1, is_containerized=False))
    manifest = kubernetes.client.ApiClient().sanitize_for_serialization(sent[0])
    return {"apiVersion": "batch/v1", "kind": "Job", **manifest}


@pytest.mark.parametrize("rule", ["train_cnn", "fit_grid"])
def test_pods_without_a_gpu_ask_for_none(rule):
    manifest = pod_of(resources(PROFILE, rule))
    check(manifest)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "1900m", "memory": "1500M"}
    assert not manifest["spec"]["template"]["spec"].get("tolerations")


def test_a_gpu_is_asked_for_by_the_rules_that_the_profile_names():
    assert WITH_GPU != PROFILE
    check(pod_of(resources(WITH_GPU, "fit_grid")))
    manifest = pod_of(resources(WITH_GPU, "train_cnn"))
    check(manifest)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2000m", "memory": "1500M", "nvidia.com/gpu": "1"}


def test_a_pod_that_the_server_would_refuse_is_refused_here():
    """As the rules asked before: gpu=0, and no limit."""
    with pytest.raises(ValueError, match=r"nvidia\.com/gpu: a limit must be set"):
        check(pod_of({**OF_RULE, "gpu": 0, "gpu_manufacturer": "nvidia"}))


def test_the_manifest_is_one():
    claim, job = yaml.safe_load_all((ROOT / "profiles/kubernetes/job.yaml").read_text(encoding="utf-8"))
    validator.validate(claim, validator.latest_version(), strict=True)
    check(job)
    with pytest.raises(validator.ValidationError):
        check({**job, "spec": {**job["spec"], "backoff": 0}})
