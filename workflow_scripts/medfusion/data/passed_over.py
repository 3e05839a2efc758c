"""What lies in folders of pictures and is none: other systems' leftovers, and what the configuration leaves out."""

import fnmatch
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# What file managers, disks and cloud drives put beside people's files, in small letters; names with a dot in front are
# passed over whatever follows.
LEFTOVERS = {
    # Synology, QNAP and other network drives
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "#recycle", "#snapshot", "~snapshot",
    "network trash folder", "temporary items", "lost+found",
    # Windows
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler",
    "system volume information",
    # macOS
    "__macosx", "icon\r",
    # programs
    "__pycache__", "picasa.ini",
}  # fmt: skip


@dataclass
class PassedOver:
    """What was passed over, counted.

    others : files that are no pictures by their names
    leftovers : of other systems, by name
    excluded : files and folders by the pattern that they match; a pattern that matches none has 0
    """

    others: int = 0
    leftovers: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)

    def is_leftover(self, name: str) -> bool:
        """Whether a file or folder is known as a leftover or hidden; then it is counted."""
        kind = "._*" if name.startswith("._") else name if name.casefold() in LEFTOVERS or name.startswith(".") else ""
        self.leftovers.update([kind] if kind else [])
        return bool(kind)

    def __str__(self) -> str:
        found = [f"{self.others:,} files that are no pictures by their names"] if self.others else []
        if self.leftovers:
            named = ", ".join(f"{count:,} {name!r}" for name, count in self.leftovers.most_common(5))
            more = ", ..." if len(self.leftovers) > 5 else ""
            found.append(f"{self.leftovers.total():,} leftovers of other systems and hidden names ({named}{more})")
        found += [f"{count:,} that match {pattern!r} (exclude)" for pattern, count in self.excluded.items()]
        return f"passed over: {'; '.join(found)}" if found else ""


class Patterns:
    """Glob patterns of names, or of paths below a folder where they hold a /; * stands for anything, / included."""

    def __init__(self, patterns: Sequence[str], passed: PassedOver):
        self._compiled = {
            pattern: re.compile(fnmatch.translate(pattern.removeprefix("./").strip("/"))) for pattern in patterns
        }
        self._passed = passed
        passed.excluded.update(dict.fromkeys(patterns, 0))

    def match(self, path: str) -> bool:
        """Whether a path below the folder, or the last name in it, is one of those meant; then it is counted."""
        name = path.rpartition("/")[2]
        for pattern, compiled in self._compiled.items():
            if compiled.match(path if "/" in pattern.removeprefix("./").strip("/") else name):
                self._passed.excluded[pattern] += 1
                return True
        return False
