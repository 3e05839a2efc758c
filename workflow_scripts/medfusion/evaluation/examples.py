"""Which test images are shown one by one: confident errors, confused classes, where two systems disagree.

Each choice is by probability, equals by the image's index, so that it can be repeated. An example is a record of the
image's "index", its "true" and "predicted" label, and the "probability" of the latter.
"""

from typing import Any

import numpy as np

from medfusion.evaluation.metrics import confusion, predict

Example = dict[str, Any]


class Judgement:
    """What one system says of all test images.

    Parameters
    ----------
    labels : int (n,), true classes in 0 … k − 1
    probabilities : float (n, k)
    task : MedMNIST's
    """

    def __init__(self, labels: np.ndarray, probabilities: np.ndarray, task: str):
        self.labels = np.asarray(labels, dtype=np.int64)
        self.classes = probabilities.shape[1]
        self.predicted = predict(probabilities, task)
        self.confidence = probabilities[np.arange(len(probabilities)), self.predicted]
        self.right = self.predicted == self.labels

    def example(self, index: int) -> Example:
        """What is said of one image."""
        return {
            "index": int(index),
            "true": int(self.labels[index]),
            "predicted": int(self.predicted[index]),
            "probability": round(float(self.confidence[index]), 6),
        }

    def most_confident(self, chosen: np.ndarray, number: int) -> list[Example]:
        """The most confident of the images where `chosen`, bool (n,), is true."""
        return [self.example(index) for index in _first(chosen, self.confidence, number)]

    def errors(self, number: int) -> list[Example]:
        """The most confident errors."""
        return self.most_confident(~self.right, number)

    def confused(self, pairs: int, number: int) -> list[dict[str, Any]]:
        """The ordered pairs of classes that are confused most often, equals by their labels.

        Returns
        -------
        For each of at most `pairs` pairs "true" and "predicted" class, "count" of images, "of" how many of the true
        class, and "images": the `number` most confident examples. Pairs that are never confused are left out.
        """
        counts = confusion(self.labels, self.predicted, self.classes)
        totals = counts.sum(axis=1)
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:pairs]
        found = []
        for true, predicted in zip(*np.unravel_index(order, counts.shape), strict=True):
            if counts[true, predicted]:
                members = (self.labels == true) & (self.predicted == predicted)
                found.append(
                    {
                        "true": int(true),
                        "predicted": int(predicted),
                        "count": int(counts[true, predicted]),
                        "of": int(totals[true]),
                        "images": self.most_confident(members, number),
                    }
                )
        return found

    def of_each_class(self) -> list[dict[str, Any]]:
        """For each true class ("true") its most confident "right" and "wrong" example, None where there is none."""
        rows = []
        for label in range(self.classes):
            own = self.labels == label
            right, wrong = (self.most_confident(own & part, 1) for part in (self.right, ~self.right))
            rows.append({"true": label, "right": next(iter(right), None), "wrong": next(iter(wrong), None)})
        return rows


def disagreements(network: Judgement, svm: Judgement, fusion: Judgement | None, number: int) -> dict[str, Any]:
    """Where a network and an SVM are right and wrong, and what their fusion makes of it.

    Returns
    -------
    "table" : four rows of "network" and "svm" (whether they are right), "n" (images) and "fusion" (images of these on
        which the fusion is right; None without one)
    "network_right", "svm_right" : of the images on which that one alone is right the `number` on which both are
        surest (the sum of their confidences), each with its "index", "true" label, and the "network", "svm" and
        "fusion" examples of it
    """
    systems = {"network": network, "svm": svm, "fusion": fusion}
    sure = network.confidence + svm.confidence
    table = []
    for of_network in (True, False):
        for of_svm in (True, False):
            members = (network.right == of_network) & (svm.right == of_svm)
            settled = None if fusion is None else int(np.sum(members & fusion.right))
            table.append({"network": of_network, "svm": of_svm, "n": int(members.sum()), "fusion": settled})

    def shown(members: np.ndarray) -> list[dict[str, Any]]:
        return [
            {
                "index": int(index),
                "true": int(network.labels[index]),
                **{name: system.example(index) if system else None for name, system in systems.items()},
            }
            for index in _first(members, sure, number)
        ]

    return {
        "table": table,
        "network_right": shown(network.right & ~svm.right),
        "svm_right": shown(svm.right & ~network.right),
    }


def _first(chosen: np.ndarray, value: np.ndarray, number: int) -> np.ndarray:
    """Indices of the largest values among the chosen, equals in ascending order."""
    members = np.flatnonzero(chosen)
    return members[np.argsort(-value[members], kind="stable")][:number]
