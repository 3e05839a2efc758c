"""config.yaml with changes, completed, that the tests of configurations share."""

import copy
from pathlib import Path
from typing import get_args

import yaml
from snakemake.utils import update_config

from medfusion.planning import config as configuration
from medfusion.planning.config_models.classifiers import Classifier

ROOT = Path(__file__).resolve().parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
# All but those whose files users bring, which test_backbones.py and test_pretrained.py try.
OVERLAYS = sorted(
    path for path in (ROOT / "configs").glob("*.yaml") if path.stem not in ("backbone", "keras_application")
)

GRIDS = {  # by kind of classifier, the model of its grid
    get_args(one.model_fields["kind"].annotation)[0]: one.model_fields["grid"].annotation
    for one in get_args(get_args(Classifier)[0])
}


def completed(overlay=None, change=None):
    """config.yaml with an overlay (YAML text, merged as Snakemake does) and a change made to it, completed."""
    config = copy.deepcopy(BASE)
    if overlay:
        update_config(config, yaml.safe_load(overlay))
    if change:
        change(config)
    return configuration.complete(config)
