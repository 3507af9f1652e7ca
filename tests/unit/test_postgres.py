# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.koverse.runbook.plugins.module_utils import postgres

GLOBALS = (Path(__file__).parent / "recordings" / "pg_dumpall-15-globals.sql").read_text(encoding="utf-8")


def test_only_missing_roles_are_made() -> None:
    statements, made = postgres.missing_roles(GLOBALS, {"postgres", "koverse"})
    assert made == ["readers", "reporter"]
    assert [line.split(" WITH")[0] for line in statements] == [
        "CREATE ROLE readers;",
        "ALTER ROLE readers",
        "CREATE ROLE reporter;",
        "ALTER ROLE reporter",
        "GRANT readers TO reporter;",
    ]


def test_a_role_that_is_there_keeps_its_password_and_its_memberships() -> None:
    assert postgres.missing_roles(GLOBALS, {"postgres", "koverse", "readers", "reporter"}) == ([], [])


def test_quoted_names_and_tablespaces() -> None:
    text = 'CREATE ROLE "Odd ""one""";\nALTER ROLE "Odd ""one""" WITH LOGIN;\nCREATE TABLESPACE fast OWNER x LOCATION \'/fast\';\n'
    statements, made = postgres.missing_roles(text, set())
    assert made == ['Odd "one"']
    assert len(statements) == 2


def test_differences_are_named() -> None:
    expected = {"tables": {"public.a": 3, "public.b": 0}, "large_objects": 1}
    assert postgres.differences(expected, {"tables": {"public.a": 3, "public.b": 0}, "large_objects": 1}) == []
    assert postgres.differences(expected, {"tables": {"public.a": 2, "public.c": 9}, "large_objects": 0}) == [
        "table public.a: expected 3 rows, found 2 rows",
        "table public.c: expected no such table, found 9 rows",
        "table public.b: expected 0 rows, found no such table",
        "large objects: expected 1, found 0",
    ]


@pytest.mark.parametrize(("name", "sql"), [("koverse", '"koverse"'), ('a"b', '"a""b"')])
def test_names_as_sql_takes_them(name: str, sql: str) -> None:
    assert postgres.quoted(name) == sql
