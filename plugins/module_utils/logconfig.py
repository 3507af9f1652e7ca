# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels in the logging configuration of log4j 1 (properties and XML), log4j 2 (properties) and logback. Pure functions on text.

The text of a file is its bytes as ISO-8859-1 (`decoded`), so that whatever is not touched stays as it is, byte for byte, in any encoding
that has ASCII in it. Nothing is ever written anew from what was parsed: a level is replaced where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.parsers import expat

LEVELS = ("ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
PREVIOUS = "previous"
NOT_NOTED = "no earlier level is noted"
OTHERS_CHANGE = "somebody else has changed it since, and that stays"
ROOT = "root"
# A name as loggers have it: those of Java's packages and classes, and words such as SecurityLogger.
NAME = re.compile(r"[A-Za-z_$][\w$-]*(\.[\w$-]+)*")

LOG4J1 = "log4j 1"
LOG4J1_XML = "log4j 1 XML"
LOG4J2 = "log4j 2"
LOGBACK = "logback"

_VARIABLE = re.compile(r"\$\{([^}:]+)\}")
_REFERENCE = re.compile(r"\$\{([^${}]*?)(?::-([^${}]*))?\}")  # the innermost, with what is taken where it is not set
_NESTED = 10  # variables in each other that are followed: some go round in a circle
# Of log4j 1: of all, of an appender, of a filter of one.
_THRESHOLD = re.compile(r"log4j\.(?:appender\..+\.(?:threshold|levelmin)|threshold)", re.IGNORECASE)
_KEY = re.compile(r"(?:[^\\=:\s]|\\.)+", re.DOTALL)
_GAP = r"(?:[ \t\f]|\\(?:\r\n|\r|\n))*"  # a line that ends with a backslash goes on
_SEPARATOR = re.compile(rf"{_GAP}[=:]?{_GAP}")
_LINE = re.compile(r"[ \t\f]*([#!][^\r\n]*|(?:[^\\\r\n]|\\\r\n|\\[\s\S]|\\\Z)*)(\r\n|\r|\n|\Z)")
_TAG = re.compile(r"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_PERIOD = re.compile(r"(\d+)\s*(millisecond|second|minute|hour)s?", re.IGNORECASE)
_SECONDS = {"millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600}

Note = Mapping[str, Any]
Outside = Mapping[str, str]


class LogConfigError(Exception):
    """A file is not of a form in which the level can be changed; the text says what was expected and found."""


class Change(NamedTuple):
    """What became of a file's text.

    note: by which the change can be taken back; None where there is nothing to take back. It has `old` and `new` text, and `whole`: whether
    that is a whole definition, or just the level of one.
    before, after: the level as the file has it, None where the logger has none of its own.
    why: a sentence where PREVIOUS had nothing to do.
    """

    text: str
    note: dict[str, Any] | None
    before: str | None
    after: str | None
    why: str | None = None


class Place(NamedTuple):
    """Where a level stands: text[start:end]; empty where one is to be put in."""

    start: int
    end: int


class Insertion(NamedTuple):
    """`new` takes the place of text[start:end], so that a logger has a level that had none."""

    start: int
    end: int
    new: str


def decoded(content: bytes) -> str:
    """A file's text. Raises LogConfigError where it is not in an encoding that has ASCII in it."""
    if b"\0" in content:
        raise LogConfigError("expected text in UTF-8, ISO-8859-1 or ASCII, found zero bytes")
    return content.decode("latin-1")


def encoded(text: str) -> bytes:
    """The reverse of `decoded`."""
    return text.encode("latin-1")


def kind_of(path: str, text: str) -> str:
    """Whose configuration it is, one of LOG4J1, LOG4J1_XML, LOG4J2, LOGBACK. Raises LogConfigError where it is none of these."""
    if path.endswith(".xml"):
        return _Xml(text).kind
    if path.endswith(".properties"):
        keys = [line.key for line in _properties(text)]
        if any(key.startswith(("log4j.root", "log4j.logger.", "log4j.category.", "log4j.appender.")) for key in keys):
            return LOG4J1
        if any(key.startswith(("rootLogger", "logger.", "appender.")) for key in keys):
            return LOG4J2
        raise LogConfigError("expected a logging configuration, found no root logger, no logger and no appender")
    raise LogConfigError("expected a file with the suffix .properties or .xml")


def rereads(kind: str, text: str) -> float | None:
    """After how many seconds a running process reads the file again by what the file itself says; None where it does not."""
    if kind == LOG4J2:
        said = [text[line.value :].partition("\n")[0].strip() for line in _properties(text) if line.key == "monitorInterval"]
        return float(said[-1]) if said and said[-1].isdigit() and int(said[-1]) else None
    if kind == LOGBACK:
        top = _Xml(text).elements[0].attributes
        if top.get("scan", "").lower() != "true":
            return None
        period = _PERIOD.fullmatch(top.get("scanPeriod", "1 minute").strip())
        return float(period[1]) * _SECONDS[period[2].lower()] if period else 60.0
    return None


def change(kind: str, text: str, logger: str, level: str, note: Note | None, outside: Outside) -> Change:
    """The text in which `logger` (ROOT for the root logger) has `level`, one of LEVELS, or PREVIOUS: the one that it had before.

    note: that of earlier changes of this logger, None where there is none.
    outside: variables that the process has from elsewhere, and from where: log4j 1 takes them before those of the file.
    Raises LogConfigError.
    """
    if level != PREVIOUS and level not in LEVELS:
        raise LogConfigError(f"expected a level, one of {', '.join(LEVELS)}, or {PREVIOUS}, found '{level}'")
    if kind == LOGBACK and level == "FATAL":
        raise LogConfigError("logback has no level FATAL, and takes it for DEBUG: its highest is ERROR")
    spot = _FINDERS[kind](text, logger, "INFO" if level == PREVIOUS else level, outside)
    before = text[spot.start : spot.end] if isinstance(spot, Place) else None
    if level == PREVIOUS:
        return _back(text, spot, before, note)
    if isinstance(spot, Insertion):
        return Change(_spliced(text, spot, spot.new), {"old": text[spot.start : spot.end], "new": spot.new, "whole": True}, None, level)
    if before is not None and before.upper() == level:
        return Change(text, dict(note) if note else None, before, before)
    return _replaced(text, spot, level, note)


def _replaced(text: str, place: Place, level: str, note: Note | None) -> Change:
    """A level that stands there already is replaced, in capitals or not as it was."""
    before = text[place.start : place.end]
    new = _as_in(before, level)
    whole = _whole(text, place, note)
    if note and whole:
        inner = Place(place.start - whole.start, place.end - whole.start)
        return Change(_spliced(text, place, new), {**note, "new": _spliced(note["new"], inner, new)}, before, new)
    # Where somebody has changed it since, theirs is what to go back to.
    old = note["old"] if note and not note["whole"] and note["new"] == before else before
    if old.upper() == level:
        return Change(_spliced(text, place, old), None, before, old)
    return Change(_spliced(text, place, new), {"old": old, "new": new, "whole": False}, before, new)


def _back(text: str, spot: Place | Insertion, before: str | None, note: Note | None) -> Change:
    """What was there before the noted change, unless somebody else has changed it since."""
    if note is None:
        return Change(text, None, before, before, NOT_NOTED)
    whole = _whole(text, spot, note)
    if whole:
        return Change(_spliced(text, whole, note["old"]), None, before, None)
    if not note["whole"] and before == note["new"]:
        return Change(_spliced(text, spot, note["old"]), None, before, note["old"])
    return Change(text, None, before, before, OTHERS_CHANGE)


def _whole(text: str, spot: Place | Insertion, note: Note | None) -> Place | None:
    """Where the noted definition stands, the one that has the level at `spot` in it; None where it is not there as it was put in."""
    if note is None or not note["whole"] or isinstance(spot, Insertion):
        return None
    length = len(note["new"])
    at = text.find(note["new"], max(0, spot.end - length))
    return Place(at, at + length) if 0 <= at <= spot.start and spot.end <= at + length else None


def _spliced(text: str, spot: Place | Insertion, new: str) -> str:
    return text[: spot.start] + new + text[spot.end :]


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _as_in(sample: str, level: str) -> str:
    """A level in small letters where the neighbour's is."""
    return level.lower() if sample.islower() and sample.upper() in LEVELS else level


# ---- properties


class Line(NamedTuple):
    """A property: text[start:end] is its line, with what ends it; its value begins at `value`, and ends at `stop`."""

    key: str
    start: int
    value: int
    stop: int
    end: int


def _properties(text: str) -> list[Line]:
    """The properties of a file in the form of java.util.Properties, in order; comments are passed over."""
    found = []
    at = 0
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None or line.end() == at:
            raise LogConfigError(f"expected a property, found {text[at : at + 40]!r}")
        begin = at + len(line[0]) - len(line[0].lstrip(" \t\f"))
        key = _KEY.match(text, begin, line.end(1))
        if key and key[0][0] not in "#!":
            value = _SEPARATOR.match(text, key.end(), line.end(1))
            name = re.sub(r"\\(.)", r"\1", key[0])
            found.append(Line(name, at, value.end() if value else key.end(), line.end(1), line.end()))
        at = line.end()
    return found


def _level_in(text: str, line: Line) -> Place:
    """The first word of a value `LEVEL, APPENDER, ...`: empty where the value has no level."""
    end = line.value
    while end < line.stop and text[end] not in ", \t\f\\":
        end += 1
    return Place(line.value, end)


def _only(lines: Sequence[Line], keys: Sequence[str]) -> Line | None:
    """The last line with one of these keys, which mean the same; None where there is none. Raises LogConfigError where both are used."""
    found = [line for line in lines if line.key in keys]
    if len({line.key for line in found}) > 1:
        raise LogConfigError(f"expected one of {' and '.join(keys)}, found both: nobody knows which one counts. Take one away")
    return found[-1] if found else None


def _followed(text: str, place: Place, values: Mapping[str, Line], outside: Outside, logger: str) -> Place:
    """Where the level really stands, if `place` has a variable that the file itself defines."""
    passed: list[str] = []
    while variable := _VARIABLE.fullmatch(text[place.start : place.end]):
        name = variable[1]
        if name in outside:
            raise LogConfigError(
                f"the level of {logger} is that of the variable {name}, which is set from outside the file ({outside[name]}): "
                "what the file says of it counts for nothing. Change it there, or name a logger with a level of its own, such as org.apache"
            )
        if name in passed or name not in values:
            raise LogConfigError(
                f"the level of {logger} is that of the variable {name}, which "
                + ("goes round in a circle" if name in passed else "this file does not define: it is set from outside, or by nobody")
            )
        passed.append(name)
        place = _level_in(text, values[name])
    if "${" in text[place.start : place.end]:
        raise LogConfigError(f"expected a level or a variable for {logger}, found '{text[place.start : place.end]}'")
    return place


def _log4j1(text: str, logger: str, level: str, outside: Outside) -> Place | Insertion:
    lines = _properties(text)
    names = ("log4j.rootLogger", "log4j.rootCategory") if logger == ROOT else (f"log4j.logger.{logger}", f"log4j.category.{logger}")
    line = _only(lines, names)
    if line:
        return _followed(text, _level_in(text, line), {other.key: other for other in lines}, outside, logger)
    loggers = [other for other in lines if other.key.startswith(("log4j.logger.", "log4j.category."))]
    # Below those that have a level and nothing else, as this one: where there are none, below whatever comes nearest.
    plain = [other for other in loggers if text[other.value : other.stop].strip().upper() in LEVELS]
    roots = [other for other in lines if other.key in ("log4j.rootLogger", "log4j.rootCategory")]
    after = (plain or loggers or roots or lines)[-1]
    sample = _level_in(text, after)
    return _added(text, after, [f"{names[0]}={_as_in(text[sample.start : sample.end], level)}"])


def _added(text: str, after: Line, lines: Sequence[str], blank: bool = False) -> Insertion:
    """Lines below another one."""
    end = _line_end(text)
    new = end.join([*([""] if blank else []), *lines])
    if after.end == after.stop:  # the file's last line, without an end
        return Insertion(after.end, after.end, f"{end}{new}")
    return Insertion(after.end, after.end, f"{new}{end}")


def _log4j2(text: str, logger: str, level: str, _outside: Outside) -> Place | Insertion:
    lines = _properties(text)
    # Its variables are those of the file; what comes from elsewhere has a prefix, such as sys:, and gives way to a level.
    values = {line.key[len("property.") :]: line for line in lines if line.key.startswith("property.")}
    last = {line.key: line for line in lines}
    if logger == ROOT:
        prefix = "rootLogger"
    else:
        names = [line for line in lines if line.key.startswith("logger.") and line.key.endswith(".name")]
        own = [line.key[: -len(".name")] for line in names if text[line.value : line.stop].strip() == logger]
        if len(set(own)) > 1:
            raise LogConfigError(f"expected one definition of {logger}, found {' and '.join(own)}. Take one away")
        if not own:
            return _log4j2_new(text, lines, logger, level)
        prefix = own[0]
        _require_listed(text, last, prefix)
    if prefix in last:  # the short form, LEVEL, APPENDERS, goes before the other one
        place = _level_in(text, last[prefix])
        if ":" in text[place.start : place.end]:
            raise LogConfigError(
                f"the level of {logger} is {text[place.start : place.end]}, which is set from outside the file, and may name appenders. "
                f"Write {prefix}.level instead"
            )
        return _followed(text, place, values, {}, logger)
    if f"{prefix}.level" in last:
        place = _level_in(text, last[f"{prefix}.level"])
        variable = _VARIABLE.fullmatch(text[place.start : place.end])
        return _followed(text, place, values, {}, logger) if variable and variable[1] in values else place
    before = [line for line in lines if line.key.startswith(f"{prefix}.")]
    if not before:
        return _added(text, lines[-1], [f"{prefix}.level = {level}"])
    return _added(text, before[0], [f"{prefix}.level = {level}"])


def _require_listed(text: str, last: Mapping[str, Line], prefix: str) -> None:
    """Refuses a logger that is not in the file's list of loggers, where it has one: log4j 2 passes over what it says of it."""
    if "loggers" not in last:
        return
    said = re.sub(r"\\(\r\n|\r|\n)\s*", "", text[last["loggers"].value : last["loggers"].stop])
    names = [name.strip() for name in said.split(",")]
    if prefix[len("logger.") :] not in names:
        raise LogConfigError(
            f"expected {prefix} to be in the file's list of loggers, found loggers = {', '.join(names)}: "
            "what is not in it counts for nothing. Add it by hand"
        )


def _log4j2_new(text: str, lines: Sequence[Line], logger: str, level: str) -> Insertion:
    """A logger that the file does not have yet, below the others."""
    if any(line.key == "loggers" for line in lines):
        raise LogConfigError(f"expected {logger} to be among the file's loggers: it has a list of them ('loggers'). Add the logger by hand")
    used = {line.key.split(".")[1] for line in lines if line.key.startswith("logger.")}
    words = [re.sub(r"\W", "_", word) for word in (logger.rpartition(".")[2], logger)]
    ids = [*words, *(f"{words[1]}_{number}" for number in range(2, len(used) + 3))]
    own = next(word for word in ids if word not in used and word != ROOT)
    members = [line for line in lines if line.key.startswith("logger.")]
    rows = [f"logger.{own}.name = {logger}", f"logger.{own}.level = {level}"]
    if members:
        first = next(line for line in members if line.key.split(".")[1] == members[-1].key.split(".")[1])
        levels = [text[line.value : line.stop].strip() for line in members if line.key.endswith(".level")]
        rows[1] = f"logger.{own}.level = {_as_in((levels or [''])[-1], level)}"
        above = text[: first.start].splitlines()
        return _added(text, members[-1], rows, blank=bool(above) and not above[-1].strip())
    roots = [line for line in lines if line.key.startswith("rootLogger")]
    if roots:
        end = _line_end(text)
        return Insertion(roots[0].start, roots[0].start, "".join(f"{row}{end}" for row in rows))
    return _added(text, lines[-1], rows)


# ---- XML


class Element(NamedTuple):
    """An element: text[start:end]; its start tag ends at `tag`, and its end tag begins at `close` (both at the end of an empty element)."""

    path: tuple[str, ...]
    attributes: dict[str, str]
    start: int
    tag: int
    close: int
    end: int


class _Xml:
    """Where the elements of a configuration stand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.elements: list[Element] = []
        self.comments: list[Place] = []
        self._open: list[int] = []
        parser = expat.ParserCreate()
        self._parser = parser
        parser.StartElementHandler, parser.EndElementHandler, parser.CommentHandler = self._start, self._end, self._comment
        try:
            parser.Parse(encoded(text), True)
        except (expat.ExpatError, ValueError) as error:
            raise LogConfigError(f"expected well-formed XML, found: {error}") from error
        self.kind = self._kind()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self.text, at)
        if tag is None:
            raise LogConfigError(f"expected a tag, found {self.text[at : at + 40]!r}")
        above = self.elements[self._open[-1]].path if self._open else ()
        self._open.append(len(self.elements))
        self.elements.append(Element((*above, name), attributes, at, tag.end(), tag.end(), tag.end()))

    def _end(self, _name: str) -> None:
        number = self._open.pop()
        element = self.elements[number]
        if not self.text[: element.tag].endswith("/>"):
            close = self._parser.CurrentByteIndex
            self.elements[number] = element._replace(close=close, end=self.text.index(">", close) + 1)

    def _comment(self, _said: str) -> None:
        at = self._parser.CurrentByteIndex
        self.comments.append(Place(at, self.text.index("-->", at) + 3))

    def _kind(self) -> str:
        top = self.elements[0].path[0]
        below = {element.path[1].lower() for element in self.elements if len(element.path) == 2}
        if top == "log4j:configuration":
            return LOG4J1_XML
        if top == "configuration" and not below & {"loggers", "appenders"}:
            return LOGBACK
        raise LogConfigError(f"expected the XML of log4j 1 (log4j:configuration) or of logback (configuration), found <{top}>")

    def named(self, logger: str, tags: Sequence[str]) -> Element | None:
        """The definition of a logger that counts, the last one; None where there is none."""
        tags = (ROOT,) if logger == ROOT else tags
        depth = [
            element
            for element in self.elements
            if element.path[-1] in tags and (logger == ROOT or element.attributes.get("name") == logger)
        ]
        if any(len(element.path) > 2 for element in depth):
            raise LogConfigError(f"expected {logger} directly below <{self.elements[0].path[0]}>, found it in <{depth[-1].path[-2]}>")
        return depth[-1] if depth else None

    def value(self, element: Element, attribute: str) -> Place | None:
        """Where the value of an attribute stands."""
        tag = self.text[element.start : element.tag]
        found = re.search(rf"""\s{attribute}\s*=\s*("[^"]*"|'[^']*')""", tag)
        return Place(element.start + found.start(1) + 1, element.start + found.end(1) - 1) if found else None

    def child(self, element: Element, tags: Sequence[str]) -> Element | None:
        """The last of an element's children that have one of these tags."""
        inside = [
            other
            for other in self.elements
            if element.start < other.start < element.end and other.path[:-1] == element.path and other.path[-1] in tags
        ]
        return inside[-1] if inside else None

    def appender(self, element: Element) -> str:
        """The name of the appender that an element is in, else the element's own tag."""
        around = [other for other in self.elements if other.path[-1] == "appender" and other.start < element.start < other.end]
        return around[-1].attributes.get("name", "appender") if around else element.path[-1]

    def indent(self, element: Element) -> str:
        """The white space before an element on its line."""
        line = self.text[: element.start].rpartition("\n")[2]
        return line if not line.strip() else ""

    def unit(self) -> str:
        """By what an element is further in than the one above it."""
        inner = [self.indent(element) for element in self.elements if len(element.path) == 2]
        return next((indent for indent in inner if indent), "  ")

    def sample(self) -> str:
        """A level as this file writes it."""
        found = [element.attributes.get(key, "") for element in self.elements for key in ("level", "value") if element.path[-1] in _LEVELED]
        return next((said for said in found if said.upper() in LEVELS), "")

    def add(self, block: Callable[[str], str], tags: Sequence[str]) -> Insertion:
        """A definition below the last one, else above the root logger, and above what is said of that. block: of its indentation."""
        end = _line_end(self.text)
        own = [element for element in self.elements if len(element.path) == 2 and element.path[1] in tags]
        if own:
            indent = self.indent(own[-1])
            return Insertion(own[-1].end, own[-1].end, f"{end}{indent}{block(indent)}")
        roots = [element for element in self.elements if len(element.path) == 2 and element.path[1] == ROOT]
        if not roots:
            raise LogConfigError("expected a root logger, found none")
        indent, at = self.indent(roots[0]), roots[0].start
        for comment in reversed(self.comments):
            between = self.text[comment.end : at]
            if comment.end <= at and not between.strip() and between.count("\n") < 2:
                at = comment.start
        return Insertion(at, at, f"{block(indent)}{end}{indent}")

    def with_level(self, element: Element, child: str) -> Insertion:
        """A definition that has no level yet, with one: before the first of what it holds."""
        end, indent = _line_end(self.text), self.indent(element)
        inner = f"{end}{indent}{self.unit()}{child}"
        whole = self.text[element.start : element.end]
        if element.tag == element.end:
            new = f"{whole[:-2].rstrip()}>{inner}{end}{indent}</{element.path[-1]}>"
        else:
            cut = element.tag - element.start
            new = f"{whole[:cut]}{inner}{whole[cut:] if element.tag != element.close else end + indent + whole[cut:]}"
        return Insertion(element.start, element.end, new)


_LEVELED = ("logger", "root", "level", "priority")


def _log4j1_xml(text: str, logger: str, level: str, _outside: Outside) -> Place | Insertion:
    xml = _Xml(text)
    level = _as_in(xml.sample(), level)
    tags = ("logger", "category")
    element = xml.named(logger, tags)
    line = f'<level value="{level}"/>'
    if element is None:
        if logger == ROOT:
            raise LogConfigError("expected a root logger, found none")
        end, unit = _line_end(text), xml.unit()
        return xml.add(lambda indent: f'<logger name="{logger}">{end}{indent}{unit}{line}{end}{indent}</logger>', tags)
    child = xml.child(element, ("level", "priority"))
    if child is None:
        return xml.with_level(element, line)
    place = xml.value(child, "value")
    if place is None:
        raise LogConfigError(f"expected <{child.path[-1]} value=...> for {logger}, found {text[child.start : child.tag]}")
    return place


def _logback(text: str, logger: str, level: str, _outside: Outside) -> Place | Insertion:
    xml = _Xml(text)
    if any(element.path[-1] == "include" for element in xml.elements):
        raise LogConfigError("expected one file, found <include>: what another file says of the level may count more")
    level = _as_in(xml.sample(), level)
    element = xml.named(logger, ("logger",))
    if element is None:
        if logger == ROOT:
            raise LogConfigError("expected a root logger, found none")
        return xml.add(lambda _indent: f'<logger name="{logger}" level="{level}"/>', ("logger",))
    child = xml.child(element, ("level",))  # the older form, which goes before the attribute
    place = xml.value(child, "value") if child else xml.value(element, "level")
    if place is not None:
        return place
    whole = text[element.start : element.end]
    cut = len("<") + len(element.path[-1]) if logger == ROOT else _end_of_name(xml, element)
    return Insertion(element.start, element.end, f'{whole[:cut]} level="{level}"{whole[cut:]}')


def _end_of_name(xml: _Xml, element: Element) -> int:
    """Where the attribute `name` of an element ends, from its beginning."""
    place = xml.value(element, "name")
    if place is None:
        raise LogConfigError(f"expected a name, found {xml.text[element.start : element.tag]}")
    return place.end + 1 - element.start


_FINDERS: dict[str, Callable[[str, str, str, Outside], Place | Insertion]] = {
    LOG4J1: _log4j1,
    LOG4J1_XML: _log4j1_xml,
    LOG4J2: _log4j2,
    LOGBACK: _logback,
}


def muted(kind: str, text: str, level: str, outside: Outside) -> tuple[list[str], list[str]]:
    """The thresholds that keep back what `level` lets through, and those of which the file does not tell: `appender or key: LEVEL`.

    outside: as for `change`.
    """
    own, said = _THRESHOLDS[kind](text)
    if kind == LOG4J1:
        own = {name: value for name, value in own.items() if name not in outside}
    wanted = LEVELS.index(level) if level in LEVELS else len(LEVELS)
    higher, unknown = [], []
    for name, raw in said:
        value = _resolved(raw, own, outside)
        if value.upper() in LEVELS and LEVELS.index(value.upper()) > wanted:
            higher.append(f"{name}: {value}" + (f" from {raw}" if value != raw else ""))
        elif "${" in value and wanted < len(LEVELS) - 1:
            unknown.append(f"{name}: {raw}")
    return higher, unknown


def _resolved(said: str, own: Mapping[str, str], outside: Outside) -> str:
    """A value with the variables that the file itself tells of. What has a prefix, such as env:, is from elsewhere."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        return own.get(name, match[0] if default is None or ":" in name or name in outside else default)

    for _passed in range(_NESTED):
        said = _REFERENCE.sub(value, said).strip()
    return said


# Each gives the variables of a file, and its thresholds: the appender or the key, and the value as it stands.
_Thresholds = tuple[dict[str, str], list[tuple[str, str]]]


def _values(text: str) -> dict[str, str]:
    return {line.key: text[line.value : line.stop].strip() for line in _properties(text)}


def _thresholds_log4j1(text: str) -> _Thresholds:
    values = _values(text)
    return values, [(key, value) for key, value in values.items() if _THRESHOLD.fullmatch(key)]


def _thresholds_log4j2(text: str) -> _Thresholds:
    values = _values(text)
    filters = [key[: -len(".type")] for key, value in values.items() if key.endswith(".type") and value.lower() == "thresholdfilter"]
    own = {key[len("property.") :]: value for key, value in values.items() if key.startswith("property.")}
    # What log4j 2 does where nothing is said: ERROR, and what is below it is denied.
    return own, [
        (f"{name}.level", values.get(f"{name}.level", "ERROR"))
        for name in filters
        if values.get(f"{name}.onMismatch", "DENY").upper() == "DENY"
    ]


def _thresholds_log4j1_xml(text: str) -> _Thresholds:
    xml = _Xml(text)
    top = xml.elements[0].attributes
    said = [("log4j:configuration", top["threshold"])] if "threshold" in top else []
    # Its variables are all set from outside.
    return {}, said + [
        (xml.appender(element), element.attributes["value"].strip())
        for element in xml.elements
        if element.path[-1] == "param"
        and element.attributes.get("name", "").lower() in ("threshold", "levelmin")
        and "value" in element.attributes
    ]


def _thresholds_logback(text: str) -> _Thresholds:
    xml = _Xml(text)
    own = {
        element.attributes["name"]: element.attributes["value"]
        for element in xml.elements
        if element.path[-1] in ("property", "variable", "substitutionProperty") and {"name", "value"} <= set(element.attributes)
    }
    filters = [one for one in xml.elements if one.path[-1] == "filter" and one.attributes.get("class", "").endswith("ThresholdFilter")]
    levels = [(one, xml.child(one, ("level",))) for one in filters]
    return own, [(xml.appender(one), text[level.tag : level.close].strip()) for one, level in levels if level]


_THRESHOLDS: dict[str, Callable[[str], _Thresholds]] = {
    LOG4J1: _thresholds_log4j1,
    LOG4J1_XML: _thresholds_log4j1_xml,
    LOG4J2: _thresholds_log4j2,
    LOGBACK: _thresholds_logback,
}
