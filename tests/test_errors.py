"""Messages to the user have stable codes, and each use of one fills in all its placeholders."""

import ast
from collections import Counter
from pathlib import Path
from string import Formatter

import spacy_genre
from spacy_genre.errors import Errors, Warnings

PACKAGE = Path(spacy_genre.__file__).parent


def own_codes(cls: type) -> list[str]:
    return [name for name in vars(cls) if not name.startswith("_")]


CODES = [(cls, code) for cls in (*Errors.__bases__, Warnings) for code in own_codes(cls)]


def test_a_message_begins_with_its_code() -> None:
    for cls, code in CODES:
        assert getattr(cls, code).startswith(f"[{code}] "), code


def test_a_code_has_one_message() -> None:
    counts = Counter(code for _, code in CODES)
    assert [code for code, count in counts.items() if count > 1] == []


def test_a_letter_is_in_one_module() -> None:
    modules = {(code[0], cls.__module__) for cls, code in CODES}
    assert len(modules) == len({letter for letter, _ in modules})


def test_each_use_fills_in_the_placeholders() -> None:
    wrong = [
        f"{path}:{call.lineno}"
        for path in PACKAGE.rglob("*.py")
        for call, message in formatted_messages(path)
        if not fills_in(call, message)
    ]
    assert wrong == []


def fills_in(call: ast.Call, message: str) -> bool:
    given = {keyword.arg for keyword in call.keywords}
    needed = {name for _, name, _, _ in Formatter().parse(message) if name}
    unknown = None in given  # **values
    return unknown or given == needed


def formatted_messages(path: Path) -> list[tuple[ast.Call, str]]:
    """The calls of `Errors.CODE.format` and `Warnings.CODE.format` in a file, with the messages."""
    classes = {"Errors": Errors, "Warnings": Warnings}
    found: list[tuple[ast.Call, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id=name), attr=code), attr="format"
                )
            ) if name in classes:
                found.append((node, getattr(classes[name], code)))
    return found
