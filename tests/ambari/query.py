# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a URL of Ambari's REST API asks for: fields, predicate, paging, sorting and switches."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

Lookup = Callable[[str], list[Any]]  # the values of a property: one, or one for each sub-resource that has it
Predicate = Callable[[Lookup], bool]

SWITCHES = {
    "fields",
    "minimal_response",
    "sortBy",
    "page_size",
    "from",
    "to",
    "format",
    "validate_config",
    "overwrite_existing",
    "run_now",
    "_",
}
OPERATORS = ("!=", "<=", ">=", "=", "<", ">")
TERM = re.compile(r"(?P<property>[^=!<>()&|]+?)(?P<operator>!=|<=|>=|=|<|>|\.in\(|\.matches\(|\.isEmpty\()")


class BadQuery(Exception):
    """The predicate cannot be read."""


@dataclasses.dataclass(frozen=True)
class Query:
    """`fields` is None where none are given. `properties` are those that the predicate names."""

    fields: tuple[str, ...] | None
    minimal: bool
    predicate: Predicate
    properties: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    switches: dict[str, str]


def parse(text: str) -> Query:
    """The query part of a URL, decoded."""
    switches: dict[str, str] = {}
    rest = []
    for part in _split(text, "&"):
        name, _mark, value = part.partition("=")
        if name in SWITCHES or name.startswith("params/"):
            switches[name] = value
        else:
            rest.append(part)
    fields = tuple(f for f in _split(switches["fields"], ",") if f) if "fields" in switches else None
    reader = _Reader("&".join(rest))
    predicate = reader.read()
    return Query(fields, switches.get("minimal_response") == "true", predicate, tuple(reader.properties), tuple(reader.values), switches)


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside parentheses; empty parts are left out."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]


class _Reader:
    """A predicate: terms, `&`, `|`, `!` and parentheses; `&` binds more than `|`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.properties: list[str] = []
        self.values: list[tuple[str, str]] = []

    def read(self) -> Predicate:
        if not self.text:
            return lambda lookup: True
        predicate = self._any()
        if self.position != len(self.text):
            raise BadQuery(self.text)
        return predicate

    def _at(self, character: str) -> bool:
        if self.text.startswith(character, self.position):
            self.position += len(character)
            return True
        return False

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._at("|"):
            parts.append(self._all())
        return lambda lookup: any(part(lookup) for part in parts)

    def _all(self) -> Predicate:
        parts = [self._one()]
        while self._at("&"):
            parts.append(self._one())
        return lambda lookup: all(part(lookup) for part in parts)

    def _one(self) -> Predicate:
        if self._at("!"):
            negated = self._one()
            return lambda lookup: not negated(lookup)
        if self._at("("):
            inner = self._any()
            if not self._at(")"):
                raise BadQuery(self.text)
            return inner
        return self._term()

    def _term(self) -> Predicate:
        found = TERM.match(self.text, self.position)
        if not found:
            raise BadQuery(self.text)
        name, operator = found["property"], found["operator"]
        self.position = found.end()
        value = self._value(")" if operator.endswith("(") else "&|)")
        if operator.endswith("("):
            self._at(")")
        self.properties.append(name)
        return _test(name, operator, self._note(name, operator, value))

    def _note(self, name: str, operator: str, value: str) -> str:
        if operator in OPERATORS:
            self.values.append((name, value))
        elif operator == ".in(":
            self.values += [(name, part.strip()) for part in value.split(",")]
        return value

    def _value(self, ends: str) -> str:
        start, depth = self.position, 0
        while self.position < len(self.text):
            character = self.text[self.position]
            if depth == 0 and character in ends:
                break
            depth += {"(": 1, ")": -1}.get(character, 0)
            self.position += 1
        return self.text[start : self.position]


def _test(name: str, operator: str, value: str) -> Predicate:
    def holds(actual: Any) -> bool:
        if operator == ".in(":
            return any(_compare(actual, "=", part.strip()) for part in value.split(","))
        if operator == ".matches(":
            return actual is not None and re.fullmatch(value, _text(actual)) is not None
        if operator == ".isEmpty(":
            return not actual
        return _compare(actual, operator, value)

    return lambda lookup: any(holds(actual) for actual in lookup(name))


def _compare(actual: Any, operator: str, value: str) -> bool:
    if operator in ("=", "!="):
        return (_text(actual) == value) == (operator == "=")
    try:
        left: Any = float(actual)
        right: Any = float(value)
    except (TypeError, ValueError):
        left, right = _text(actual), value
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
