"""The one exception that means: the user can mend this, and the message says how."""


class UserError(Exception):
    """Bad input. Its text names the file, key or value, what was expected, and what to do."""
