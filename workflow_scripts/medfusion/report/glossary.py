"""The words that the page explains where they occur: each with one sentence, and where the documentation says more."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape

PAGE = "reading-the-page.md"
HEADINGS = {
    "images-that-are-classified-rightly": "Images that are classified rightly",
    "ranking": "Ranking",
    "thresholds": "Thresholds",
    "probabilities": "Probabilities",
    "prediction-sets": "Prediction sets",
    "abstention": "Abstention",
    "decision-threshold": "Decision threshold",
    "intervals-and-tests": "Intervals and tests",
    "other-words": "Other words",
}  # of the documentation's glossary, by their anchors


@dataclass(frozen=True)
class Term:
    """A word, one sentence about it, the anchor of its heading in the documentation, other forms of the word."""

    name: str
    sentence: str
    anchor: str
    also: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What its entry on the page is called.

        >>> Term("Brier score", "", "probabilities").key
        'word-brier-score'
        """
        return "word-" + re.sub(r"\W+", "-", self.name.lower()).strip("-")


RIGHT, SETS = "images-that-are-classified-rightly", "prediction-sets"
TESTS, WORDS = "intervals-and-tests", "other-words"
TERMS = (
    Term("Accuracy", "share of images whose predicted class is the true one", RIGHT),
    Term("Balanced accuracy", "mean of the classes' recalls", RIGHT),
    Term("Balanced error", "1 minus the balanced accuracy", RIGHT),
    Term("Recall", "share of the images of a class that are found", RIGHT),
    Term("Sensitivity", "recall of the positive class", RIGHT),
    Term("Specificity", "share of the images without the positive label that are not called positive", RIGHT),
    Term("Precision", "share of the images predicted as a class that belong to it", RIGHT),
    Term(
        "Predictive values",
        "shares of the images called positive, and of those not called so, of which that is true",
        RIGHT,
        ("positive predictive value", "negative predictive value", "predictive value", "PPV", "NPV"),
    ),
    Term("F1", "harmonic mean of precision and recall", RIGHT),
    Term("Macro F1", "mean of the classes' F1", RIGHT),
    Term("MCC", "Matthews correlation of true and predicted classes; 0 is chance", RIGHT),
    Term("Mean absolute error", "mean absolute difference between the numbers of predicted and true class", RIGHT),
    Term("All labels right", "share of images of which every label is right", RIGHT),
    Term(
        "Confusion matrix",
        "images by true class (rows) and predicted class (columns)",
        RIGHT,
        ("confusion matrices",),
    ),
    Term(
        "AUROC",
        "area under the ROC curve: how often an image of a class gets a higher probability of it than an image of "
        "another class; 0.5 is chance",
        "ranking",
        ("area under the ROC curve",),
    ),
    Term("Average precision", "sum over thresholds of precision times the step in recall", "ranking"),
    Term(
        "ROC curve",
        "sensitivity against the false-positive rate (1 − specificity) at every threshold",
        "thresholds",
        ("ROC",),
    ),
    Term(
        "Precision-recall curve",
        "precision against recall at every threshold",
        "thresholds",
        ("precision-recall", "precision-recall curves"),
    ),
    Term(
        "Net benefit",
        "true positives per image minus false ones weighted by the odds of the threshold; calling no image positive "
        "has 0",
        "thresholds",
    ),
    Term("Confidence", "the probability of the predicted class", "probabilities"),
    Term(
        "Log loss",
        "mean of −ln p, where p is the probability of the true class, after the temperature where there is one",
        "probabilities",
    ),
    Term(
        "Brier score",
        "squared error of the probabilities: of two classes, or several labels at once, 0 to 1; of more classes 0 to 2",
        "probabilities",
        ("Brier",),
    ),
    Term(
        "ECE",
        "calibration error: the mean, over bins of equally many images, of the distance between confidence and "
        "accuracy; resampling adds to it, so its interval leans upwards",
        "probabilities",
        ("calibration error",),
    ),
    Term(
        "ECE of chance",
        "the calibration error that a calibrated system with the same confidences would have on so few images",
        "probabilities",
        ("ECE beyond chance", "p of chance"),
    ),
    Term(
        "Calibration slope",
        "the factor of the log probabilities with which the labels are the most likely; below 1 the probabilities are "
        "too extreme, above 1 too cautious",
        "probabilities",
    ),
    Term(
        "Calibration intercept",
        "what has to be added to the log odds of the positive label so that their mean is its share; above 0 they are "
        "too low on the whole",
        "probabilities",
    ),
    Term(
        "Temperature",
        "one number a system, chosen on validation: above 1 it evens probabilities out, below 1 it sharpens them; "
        "predictions stay the same",
        "probabilities",
        ("temperatures",),
    ),
    Term(
        "Prediction set",
        "the most probable classes, as many as it takes by a threshold from validation, so that a chosen share of the "
        "sets holds the true class",
        SETS,
        ("prediction sets",),
    ),
    Term("Coverage", "share of images whose prediction set holds the true class", SETS),
    Term("Mean set size", "mean number of classes in a prediction set", SETS),
    Term(
        "Abstention",
        "images less certain than a threshold chosen on validation are referred to a human",
        "abstention",
        ("abstains", "abstention rate", "refers", "referred"),
    ),
    Term("Selective accuracy", "accuracy on the images that are not referred", "abstention"),
    Term(
        "Selective sensitivity",
        "sensitivity at the decision threshold of the images that are not referred",
        "abstention",
    ),
    Term(
        "Selective specificity",
        "specificity at the decision threshold of the images that are not referred",
        "abstention",
    ),
    Term(
        "Area under the risk-coverage curve",
        "mean share of errors over all numbers of images kept",
        "abstention",
        ("area under risk-coverage",),
    ),
    Term(
        "Threshold from validation",
        "the probability from which an image is called positive, chosen on validation",
        "decision-threshold",
        ("at the threshold", "at the threshold from validation"),
    ),
    Term(
        "Interval",
        "where the figure would lie with other test images: Wilson's for shares of images, DeLong's for AUROC, a "
        "bootstrap for other measures; of several seeds that of their mean, which allows for other seeds too",
        TESTS,
        ("intervals",),
    ),
    Term(
        "Bootstrap",
        "measures are taken again on images drawn with replacement, class by class; limits are percentiles",
        TESTS,
    ),
    Term("Wilson", "interval of a share of images", TESTS),
    Term("DeLong", "standard error of an AUROC, or of the difference of two on the same images", TESTS),
    Term(
        "Sign flips",
        "were two systems equal, each image's difference in correctness could as well have the other sign; with one "
        "run each it is McNemar's exact test",
        TESTS,
    ),
    Term(
        "Holm",
        "p values are raised by the number of comparisons, so that all verdicts together hold at the level",
        TESTS,
        ("Holm's", "adjusted p", "Holm's correction"),
    ),
    Term(
        "No significant difference",
        "the adjusted p value is not below the level: no difference was shown, which does not make the systems equal",
        TESTS,
        ("not significant", "differ significantly", "differs significantly", "significant"),
    ),
    Term(
        "Detectable",
        "the difference that so many images show in four samples of five, after Holm's correction",
        TESTS,
    ),
    Term(
        "Primary comparison",
        "one of the few that the configuration declares, for the test images to answer; p is adjusted for these alone",
        TESTS,
        ("primary comparisons",),
    ),
    Term(
        "Exploratory",
        "every comparison that was not declared: a hint for the next study, no answer of this one",
        TESTS,
    ),
    Term("Seed", "the number that fixes weights and the order of the images", WORDS, ("seeds",)),
    Term(
        "Selected system",
        "the system that validation chose; the test split has no say in it",
        WORDS,
        ("selected one",),
    ),
    Term(
        "Nearest neighbour",
        "baseline: the class of the training image with the nearest pixels",
        WORDS,
    ),
    Term("Majority class", "baseline: the most frequent training class for every image", WORDS),
    Term(
        "Near-duplicate",
        "two images whose pixel values correlate at least as much as the configuration says",
        WORDS,
        ("near-duplicates",),
    ),
    Term(
        "Ensemble",
        "mean of the probabilities of several systems and all their seeds (soft voting)",
        WORDS,
        ("ensembles", "soft voting"),
    ),
    Term(
        "Fusion",
        "weighted mean of the probabilities of systems of one model (its network, classifiers on its features), each "
        "after its temperature",
        WORDS,
        ("fusions",),
    ),
    Term(
        "Equally good",
        "candidates within one standard error of the best on validation",
        WORDS,
        ("one standard error",),
    ),
    Term(
        "Optimistic",
        "too good: the network whose features are compared was trained on the same labels",
        WORDS,
    ),
    Term("Corruption error", "mean balanced error over corruptions and severities", WORDS),
    Term("Severity", "how strong a corruption is, from 1 to 5", WORDS, ("severities",)),
    Term(
        "Grad-CAM",
        "output of the network's last layer before pooling, weighted by the gradient of the predicted class's score",
        WORDS,
    ),
    Term("Occlusion", "how far the predicted class's probability falls when a square of the image is hidden", WORDS),
)


def _pattern() -> tuple[re.Pattern[str], dict[str, Term]]:
    forms = {form.lower(): term for term in TERMS for form in (term.name, *term.also)}
    longest_first = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    return re.compile(rf"(?<![\w/-])(?:{longest_first})(?![\w/-])", re.IGNORECASE), forms


PATTERN, FORMS = _pattern()


class Glossary:
    """Marks words where they first occur in a part of the page, and knows which were."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def part(self) -> "Marks":
        """A part of the page, in which each word is marked once."""
        return Marks(self._used.add)

    def entries(self) -> list[tuple[str, str, list[Term]]]:
        """Of each heading of the documentation its anchor and title, and the words that were marked on the page."""
        found = [
            (anchor, title, [term for term in TERMS if term.anchor == anchor and term.name in self._used])
            for anchor, title in HEADINGS.items()
        ]
        return [entry for entry in found if entry[2]]


class Marks:
    """The words that were marked in one part of the page."""

    def __init__(self, use: Callable[[str], None]):
        self._use, self._seen = use, set[str]()

    def text(self, text: str) -> Markup:
        """A text in which each known word that is new to this part is a button.

        >>> str(Glossary().part().text("MCC & more"))
        '<dfn class="term" role="button" tabindex="0" aria-describedby="word-mcc">MCC</dfn> &amp; more'
        """
        parts, end = [], 0
        for match in PATTERN.finditer(text):
            if term := self._new(match[0]):
                parts += [escape(text[end : match.start()]), _button(term, match[0])]
                end = match.end()
        return Markup("").join([*parts, escape(text[end:])])

    def head(self, text: str) -> Markup:
        """The title of a column, whose own button sorts; the first word in it that is new has another one behind it."""
        for match in PATTERN.finditer(text):
            if term := self._new(match[0]):
                return escape(text) + _button(term, "", icon=True)
        return escape(text)

    def _new(self, form: str) -> Term | None:
        term = FORMS[form.lower()]
        if term.name in self._seen:
            return None
        self._seen.add(term.name)
        self._use(term.name)
        return term


def _button(term: Term, words: str, icon: bool = False) -> Markup:
    if icon:
        form = '<button type="button" class="term icon" aria-describedby="{}" aria-label="{}: what is that?"></button>'
        return Markup(form).format(term.key, term.name)
    # A button proper does not break at the end of a line.
    form = '<dfn class="term" role="button" tabindex="0" aria-describedby="{}">{}</dfn>'
    return Markup(form).format(term.key, words)
