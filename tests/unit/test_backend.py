"""TensorFlow and Keras, imported without what no stage uses."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"

PROGRAM = """
import sys
{before}
from medfusion.learning import backend
print(*sorted({{"matplotlib", "pandas", "sklearn"}} & set(sys.modules)))
import matplotlib.pyplot, pandas, sklearn.svm
model = backend.keras.Sequential([backend.keras.layers.Dense(1)])
print(model.predict_on_batch(pandas.DataFrame([[1.0]]).to_numpy()).shape)
"""


def imported(before: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_keras_comes_without_what_nothing_here_uses_and_the_rest_can_be_imported_afterwards():
    assert imported("") == ["", "(1, 1)"]


def test_what_is_imported_already_stays():
    assert imported("import pandas") == ["pandas", "(1, 1)"]
