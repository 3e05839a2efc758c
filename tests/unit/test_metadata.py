"""Tests of metadata: what a file says of images, what is wrong with one, and how it keeps patients in one split."""

import csv

import pytest
from configurations import completed
from PIL import Image

from medfusion.data import folder_images, folders, metadata
from medfusion.errors import UserError
from medfusion.planning import data_sets
from medfusion.planning.jobs import jobs
from medfusion.planning.plan import Plan

GOOD = "file,patient,sex,age\na/1.png,p1,f,31\na/2.png,p1,f,\nb/1.png,,NA,70\n"
PICTURES = ("a/1.png", "a/2.png", "b/1.png", "b/2.png")


def written(folder, text, encoding="utf-8"):
    path = folder / "patients.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    metadata.read.cache_clear()
    return str(path)


def test_a_file_says_what_it_has_and_unknown_where_it_has_nothing(tmp_path):
    found = metadata.of_pictures(written(tmp_path, GOOD), PICTURES)
    keys = [(picture,) for picture in PICTURES]
    assert found.columns == ("sex", "age") and found.has_patients
    assert found.column("sex", keys) == ["f", "f", "unknown", "unknown"]
    assert found.column("age", keys) == ["31", "unknown", "70", "unknown"]
    assert found.groups(keys) == ["p1", "p1", "", ""]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("file,patient", " File , PATIENT"),
        GOOD.replace("a/1.png", "./a/1.png").replace("a/2.png", "a\\2.png"),
        GOOD.replace("p1,f,31", '"p1", f ,"31"').replace("\nb", "\n\n,,,\nb"),
    ],
    ids=["mark", "windows", "capitals", "paths", "quotes and empty lines"],
)
def test_what_other_programs_write_is_read_the_same(text, tmp_path):
    expected = metadata.of_pictures(written(tmp_path, GOOD), PICTURES)
    found = metadata.of_pictures(written(tmp_path, text), PICTURES)
    assert (found.values, found.patients) == (expected.values, expected.patients)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column 'file'; the first line names the columns"),
        ("\n\n", "lacks the column 'file'"),
        (GOOD.partition("\n")[2], "lacks the column 'file'; the first line .*; found a/1.png, p1, f, 31"),
        (GOOD.replace("file", "name"), "lacks the column 'file'"),
        (GOOD.replace(",", ";"), "lacks the column 'file'.*; separate columns by commas"),
        (GOOD.replace("\n", "\t\n", 1).replace(",", "\t"), "separate columns by commas"),
        (GOOD.replace("age", "Sex"), "has the column 'sex' twice"),
        (GOOD.replace("sex", ""), "'' cannot be the name of a column"),
        ("file\na/1.png\n", "has no column beside file"),
        ("file,sex\n", "has no row below the names"),
        (GOOD + "a/1.png,p1,f,31\n", "line 5: 'a/1.png' has line 2 already"),
        (GOOD + "./a/1.png,p1,f,31\n", "line 5: 'a/1.png' has line 2 already"),
        (GOOD + "c/1.png,p1,f,31\nc/2.png,p1,f,31\n", r"'c/1.png' \(and 1 more\) is no picture of the folder"),
        (GOOD + "b/2.png,p1,f\n", "line 5: 3 values; expected 4"),
        (GOOD + "b/2.png,p1,f,3,3\n", "line 5: 5 values; expected 4"),
        (GOOD + 'b/2.png,p1,"f,3\n', "line 5: no CSV"),
        (GOOD + "b/2.png,p1,f," + "9" * 201 + "\n", "line 5: '9+'; expected at most 200 printable"),
        (GOOD + "b/2.png,p1,f,\x1b[31m\n", "line 5: .*; expected at most 200 printable"),
        (GOOD.replace("f,31", "ä,31").encode("latin-1"), "not a text in UTF-8; save it as CSV in UTF-8"),
        (GOOD.encode("utf-16"), "not a text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_that_names_it(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        metadata.of_pictures(written(tmp_path, text), PICTURES)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("test,2,m", "index 2 of test is of no image; expected 0 to 1"),
        ("test,-1,m", "line 3: split 'test', index '-1'; expected train, val or test"),
        ("test,1.0,m", "index '1.0'"),
        ("validation,0,m", "split 'validation'"),
        ("test,00,m", "line 3: index 0 of test has line 2 already"),
    ],
)
def test_rows_of_a_file_name_split_and_index(row, message, tmp_path):
    text = f"split,index,sex\ntest,0,f\n{row}\n"
    with pytest.raises(UserError, match=message):
        metadata.of_splits(written(tmp_path, text), {"train": 5, "val": 2, "test": 2})


# -- a folder ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of two classes with twenty pictures each, two of a patient by name in each class, and its overlay."""
    monkeypatch.chdir(tmp_path)
    with open("patients.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "patient", "site"])
        for kind in ("ill", "well"):
            (tmp_path / "own" / kind).mkdir(parents=True)
            for number in range(20):
                Image.new("L", (8, 8), number).save(tmp_path / f"own/{kind}/{number}.png")
                table.writerow([f"{kind}/{number}.png", f"p{number // 4}", "AB"[number % 2]])
    metadata.read.cache_clear()
    folders.look.cache_clear()
    return "datasets: {breast: {flag: ~, source: folder, path: own, label: Own, positive: 0, metadata: patients.csv}}"


def test_images_of_a_patient_are_in_one_split(own):
    entry = completed(own)["datasets"]["breast"]
    settings = {"split": entry["split"], "metadata": "patients.csv"}
    placed = folder_images.entries(data_sets.pictures(entry), settings)
    splits = {}
    for one in placed:
        splits.setdefault(one.group, set()).add(one.split)
    assert sorted(splits) == [f"p{number}" for number in range(5)]
    assert all(len(found) == 1 for found in splits.values())
    apart = folder_images.entries(data_sets.pictures(entry), {"split": entry["split"], "metadata": None})
    assert {one.group for one in apart} == {""} and [one.split for one in apart] != [one.split for one in placed]


def test_only_who_is_of_which_patient_runs_the_preparation_again(own, tmp_path):
    def settings():
        metadata.read.cache_clear()
        found = {job.stage: job.config for job in jobs(Plan(completed(own))) if job.wildcards == {"dataset": "breast"}}
        return found["prepare_folder"], found["assess_slices"]

    before, path = settings(), tmp_path / "patients.csv"
    text = path.read_text()
    path.write_text(text.replace(",A\n", ",C\n"))
    assert settings() == before, "what it says of sites is found by content, not by settings"
    path.write_text(text.replace(",p4,", ",p3,"))
    assert settings()[0] != before[0]
    path.write_text(text.replace(",patient,", ",who,"))
    assert settings()[0]["metadata"] is settings()[0]["patients"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": "none.csv"}, "datasets.breast.metadata: there is no file 'none.csv'; relative paths start at"),
        ({"metadata": "own"}, "datasets.breast.metadata: 'own' is not a file; expected a CSV file"),
        ({"exclude": "19.png"}, r"metadata: patients.csv: 'ill/19.png' \(and 1 more\) is no picture of the folder"),
        ({"split": {"groups": "^(.)"}}, "split.groups: patients.csv already groups by its column patient; set groups"),
    ],
)
@pytest.mark.usefixtures("own")
def test_a_configuration_names_what_is_wrong(own, change, message):
    def edit(config):
        config["datasets"]["breast"].update(change)

    with pytest.raises(UserError, match=message):
        completed(own, edit)


@pytest.mark.usefixtures("own")
def test_several_labels_have_no_slices():
    with pytest.raises(UserError, match="datasets.chest.metadata: does not apply to multi-label data; set metadata: ~"):
        completed("datasets: {chest: {flag: chestmnist, metadata: patients.csv}}")


def test_a_data_set_without_metadata_has_no_such_job():
    assert "assess_slices" not in {job.stage for job in jobs(Plan(completed()))}
