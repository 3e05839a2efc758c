"""The one exception that means: the user can mend this, and the message says how; and the words of others on a line."""


class UserError(Exception):
    """Bad input. Its text names the file, key or value, what was expected, and what to do."""


def first_line(error: BaseException) -> str:
    """What an exception of another library says, on one line; its type where it says nothing.

    >>> first_line(ValueError("a\\nb")), first_line(MemoryError())
    ('a', 'MemoryError')
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
