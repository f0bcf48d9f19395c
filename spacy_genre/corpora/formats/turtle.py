"""A reader of the subset of Turtle in which NIF is written: statements of IRIs, prefixed names and
literals, with `;` and `,`. Blank nodes and collections are not read."""

import re
from typing import Dict, Iterator, List, NamedTuple
from urllib.parse import urljoin

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |<(?P<iri>[^<>"{}|^`\x00-\x20]*)>
    |(?P<literal>\"{3}(?:(?:\"{1,2})?(?:[^"\\]|\\.))*\"{3}|'{3}(?:(?:'{1,2})?(?:[^'\\]|\\.))*'{3}
        |\"(?:[^"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')
    |(?P<directive>@prefix\b|@base\b|(?i:prefix|base)(?=\s))
    |(?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<type>\^\^)
    |(?P<number>[+-]?(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w:]))
    |(?P<name>(?:[^\W\d_][\w.-]*)?:(?:[\w:%~!$&'()*+/?=@\#-]|\\.|\.(?=[\w:%~-])|,(?=\d))*)
    |(?P<word>a|true|false)(?![\w:])
    |(?P<mark>[.;,])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


class Triple(NamedTuple):
    """A statement. Its object is an IRI or the text of a literal."""

    subject: str
    predicate: str
    object: str


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def read_turtle(text: str) -> Iterator[Triple]:
    """Read statements.

    text (str): A Turtle document.
    YIELDS (Triple): The statements in their order.
    RAISES (ValueError): If it is not valid, or has what is not read, with the line.
    """
    return _Parser(text).triples()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.prefixes: Dict[str, str] = {}
        self.base = ""

    def triples(self) -> Iterator[Triple]:
        for token in self.tokens:
            if token.kind == "directive":
                self._read_directive(token)
                continue
            subject, predicate, waits_for = self._iri(token), "", "predicate"
            for token in self.tokens:
                if token.kind == "mark":
                    if token.text == ".":
                        break
                    waits_for = "predicate" if token.text == ";" else "object"
                elif token.kind in ("type", "language"):
                    if token.kind == "type":
                        next(self.tokens, None)  # the type of the literal
                elif waits_for == "predicate":
                    predicate, waits_for = self._iri(token), "object"
                else:
                    yield Triple(subject, predicate, self._object(token))

    def _read_directive(self, directive: _Token) -> None:
        parts: List[_Token] = []
        for token in self.tokens:
            parts.append(token)
            if token.kind == "iri":
                break
        if not parts or parts[-1].kind != "iri" or len(parts) > 2:
            raise ValueError(f"line {directive.line}: {directive.text} is not complete")
        iri = self._iri(parts[-1])
        if directive.text.lstrip("@").lower() == "base":
            self.base = iri
        else:
            self.prefixes[parts[0].text.removesuffix(":")] = iri
        if directive.text.startswith("@"):
            next(self.tokens, None)  # the full stop

    def _object(self, token: _Token) -> str:
        if token.kind == "literal":
            n = 3 if token.text[:3] in ('"""', "'''") else 1
            return _unescape(token.text[n:-n])
        return token.text if token.kind == "number" else self._iri(token)

    def _iri(self, token: _Token) -> str:
        if token.kind == "iri":
            iri = _unescape(token.text)
            return urljoin(self.base, iri) if self.base and ":" not in iri else iri
        if token.kind == "word":
            return RDF_TYPE if token.text == "a" else token.text
        if token.kind == "name":
            prefix, _, local = token.text.partition(":")
            if prefix not in self.prefixes:
                raise ValueError(f"line {token.line}: the prefix {prefix!r} is not declared")
            return self.prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)
        raise ValueError(f"line {token.line}: {token.text[:40]!r} is in an unexpected place")


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            shown = text[at : at + 40]
            raise ValueError(
                f"line {line}: {shown!r} is not Turtle, or not of the part that is read"
            )
        kind = str(match.lastgroup)
        if kind != "space":
            yield _Token(kind, match[kind], line)
        line += text.count("\n", at, match.end())
        at = match.end()


def _unescape(text: str) -> str:
    return ESCAPE.sub(_unescape_one, text) if "\\" in text else text


def _unescape_one(match: "re.Match[str]") -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else ESCAPED.get(match[3], match[3])


def objects_by_subject(triples: Iterator[Triple]) -> Dict[str, Dict[str, List[str]]]:
    """RETURNS (Dict[str, Dict[str, List[str]]]): The objects by subject and predicate."""
    found: Dict[str, Dict[str, List[str]]] = {}
    for subject, predicate, value in triples:
        found.setdefault(subject, {}).setdefault(predicate, []).append(value)
    return found
