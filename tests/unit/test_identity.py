"""Tests of what a job's settings file is to hold."""

import json

from medfusion.reruns.identity import identity


def test_an_identity_is_what_is_read_back_from_a_file():
    found = identity("ensemble", {"systems": [("a", 1)], 1: None}, 2)
    assert found == json.loads(json.dumps(found))
    assert found["config"] == {"threads": 2, "systems": [["a", 1]], "1": None}
    assert (found["stage"], len(found["code"])) == ("ensemble", 16)
    assert {"python", "numpy"} <= set(found["libraries"])
