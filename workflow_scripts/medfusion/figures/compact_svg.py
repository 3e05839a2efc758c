"""An SVG of matplotlib in fewer bytes: it looks the same, and equal content has equal bytes.

The page holds dozens of figures, and of these the letters, each a reference with its place, take most.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
MARK = "of:"  # before the name (gid) of what shows something that has a name
PLACES = 2  # decimals of positions, in points
SHIFT = re.compile(r"translate\((\S+) 0\)")
REFERENCE = re.compile(r"url\(#([^)]*)\)")
COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NUMBER = re.compile(r"-?\d+\.\d+(?![\d.]*e)")


def compact(svg: str, attributes: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> str:
    """The SVG without comments, space, unused names and groups, and positions in hundredths of a point.

    What is referred to is named in the order of its appearance: matplotlib names it by a hash of positions to the last
    digit, which depends on where in memory the layout keeps its variables.

    Parameters
    ----------
    attributes : attributes that elements get, by the name (gid) that they were given
    """
    # Comments hold texts as they were given, with characters that XML does not have.
    root = ElementTree.fromstring(re.sub(r"<!--.*?-->", "", svg, flags=re.S))
    names = _references(root)
    for element in root.iter():
        element.text = _stripped(element.text)
        element.tail = None
        _name(element, names, attributes)
        _shorten(element)
    _flatten(root)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"


def attribute(text: str) -> str:
    """A text in one line, without what XML does not have.

    >>> attribute("two\\nlines\\x07 ")
    'two lines'
    """
    return " ".join(NOT_XML.sub("", text).split())


def _references(root: Element) -> dict[str, str]:
    """The names of what is referred to, each with a short one."""
    names: dict[str, str] = {}
    for element in root.iter():
        found = [element.get(HREF, "").removeprefix("#")] if element.get(HREF, "").startswith("#") else []
        for value in element.attrib.values():
            found += REFERENCE.findall(value)
        for name in found:
            names.setdefault(name, f"n{len(names)}")
    return names


def _name(element: Element, names: Mapping[str, str], attributes: Mapping[str, Mapping[str, str]]) -> None:
    name = element.attrib.pop("id", "")
    if name in names:
        element.set("id", names[name])
    elif name.startswith(MARK):
        element.set("data-of", name.removeprefix(MARK))
    element.attrib.update(attributes.get(name, {}))
    if element.get(HREF, "").startswith("#"):
        element.set(HREF, f"#{names[element.get(HREF, '')[1:]]}")
    for key, value in element.items():
        element.set(key, REFERENCE.sub(lambda found: f"url(#{names[found[1]]})", value))


def _shorten(element: Element) -> None:
    if path := element.get("d"):
        element.set("d", _shorter_path(_rounded(path)))
    if style := element.get("style"):
        element.set("style", re.sub(r"\s*([:;])\s*", r"\1", style))
    for key in ("x", "y", "width", "height"):
        if (value := element.get(key)) and not value.endswith("pt"):
            element.set(key, _rounded(value))
    if transform := element.get("transform"):
        if element.tag == f"{{{SVG}}}use" and (shift := SHIFT.fullmatch(transform)):
            del element.attrib["transform"]
            element.set("x", f"{float(shift[1]):.1f}".removesuffix(".0"))  # in hundredths of the letter's size
        else:
            moved = re.sub(r"translate\([^)]*\)", lambda found: _rounded(found[0]), transform)
            element.set("transform", moved)


def _shorter_path(path: str) -> str:
    """A path without needless space, and without the letter of a line that follows a line or a start.

    >>> _shorter_path("M 0 1.5 \\nL 684 1.5 \\nL 684 0 \\nz\\n")
    'M0 1.5 684 1.5 684 0z'
    """
    text, before = "", ""
    for command, places in COMMAND.findall(path):
        text += (" " if command == "L" and before in ("M", "L") else command) + " ".join(places.split())
        before = command
    return text


def _flatten(parent: Element) -> None:
    """Put what is in a group that says nothing in its place; drop what is empty."""
    kept: list[Element] = []
    for child in parent:
        _flatten(child)
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            kept += child
        elif child.tag != f"{{{SVG}}}metadata" and not (child.tag == f"{{{SVG}}}g" and not len(child)):
            kept.append(child)
    parent[:] = kept


def _rounded(text: str) -> str:
    return NUMBER.sub(_round, text)


def _round(found: re.Match[str]) -> str:
    return f"{round(float(found[0]), PLACES) + 0.0:.{PLACES}f}".rstrip("0").rstrip(".")  # + 0.0: no minus at zero


def _stripped(text: str | None) -> str | None:
    return text.strip() or None if text else None
