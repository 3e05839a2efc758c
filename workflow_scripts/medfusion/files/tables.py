"""Tables in CSV files that another stage wrote."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from medfusion.errors import UserError, first_line
from medfusion.escaping import cells, text_of


def csv_text(table: pd.DataFrame, **options: Any) -> str:
    """A table as CSV without its index, in which no text is a formula to a spreadsheet; `read_table` undoes that.

    Parameters
    ----------
    options : of `to_csv`
    """
    guarded = table.rename(columns=lambda name: cells([name])[0])
    texts = guarded.select_dtypes(exclude="number").columns
    guarded[texts] = guarded[texts].apply(lambda column: column.map(lambda value: cells([value])[0]))
    return guarded.to_csv(index=False, lineterminator="\n", **options)


def read_table(
    path: str | Path, numbers: Iterable[str], texts: Iterable[str] = (), others: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a CSV file of one row or more that has at least these columns: of numbers, of texts, and of either.

    Raises
    ------
    UserError
        If the file is missing, is not CSV, or is another table.
    """
    numbers, texts = list(numbers), list(texts)
    try:
        # Of texts nothing is guessed: classes may be called 007, true or NA.
        absent = {column: ["", "nan", "NaN"] for column in pd.read_csv(path, nrows=0).columns if column not in texts}
        table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=absent)
        if lacking := [column for column in (*numbers, *texts, *others) if column not in table]:
            raise ValueError(f"lacks {', '.join(lacking)}")
        if table.empty or table[numbers].apply(pd.to_numeric).isna().to_numpy().any():
            raise ValueError("a number is missing")
        table[texts] = table[texts].apply(lambda column: column.map(text_of, na_action="ignore"))
    except (OSError, ValueError, TypeError) as error:  # pandas' own are ValueErrors
        raise UserError(f"{path}: not the expected table ({first_line(error)}); delete it and run again") from None
    return table
