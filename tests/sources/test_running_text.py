import pytest

from spacy_genre.sources.mediawiki import Wiki
from spacy_genre.sources.running_text import BROKEN_MARKUP, extract_text

WIKI = Wiki({"file": "File", "image": "File", "category": "Category", "talk": "Talk"})


def read(text):
    return extract_text("Page", text, WIKI)


def marked(text):
    """The paragraphs, with each link as <text|title>."""
    lines = []
    for paragraph in read(text).paragraphs:
        line = paragraph.text
        for link in reversed(paragraph.links):
            shown = f"<{line[link.start : link.end]}|{link.title}>"
            line = line[: link.start] + shown + line[link.end :]
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A [[b]] c.", ["A <b|B> c."]),
        ("[[Apple|apple]]s and [[pear]]s.", ["<apples|Apple> and <pears|Pear>."]),
        ("'''Ada''' was ''a [[Poet|'''poet''']]''.", ["Ada was a <poet|Poet>."]),
        ("[[File:X.jpg|thumb|of [[A]]]]B [[Category:X]]C[[fr:D]]", ["B C"]),
        ("See [[:File:X.jpg|this]], [[:fr:D|that]][[fr:D|x]].", ["See this, that."]),
        ("See [[:Category:X|these]] and [[wikt:word|word]].", ["See these and word."]),
        ("{{Infobox|[[A]]}}B<ref>[[C]]</ref>\n{| \n| [[D]]\n|}", ["B"]),
        ("A {{x}} [[B]]<!-- c -->, d &ndash; e", ["A <B|B>, d – e"]),
        ("== [[Head]] ==\nOne [[a]].\n\nTwo __NOTOC__[[b#c|b]].", ["One <a|A>.", "Two <b|B>."]),
        ("* [[A]]\n** the [[B]]", ["<A|A>", "the <B|B>"]),
        ("<small>an [[A]]</small> <br> <math>x</math>b", ["an <A|A> b"]),
        ("the [http://x.org [[A]] site]", ["the <A|A> site"]),
        ("[[#here|a]] [[{{b}}|c]]", ["a c"]),
        ("", []),
    ],
)
def test_extract_text(text, expected):
    assert marked(text) == expected


def test_lists_are_marked():
    page = read("A [[b]].\n* [[C]]\n# [[D]]\nE.")
    assert [paragraph.is_list for paragraph in page.paragraphs] == [False, True, True, False]


def test_what_is_left_out_is_counted():
    page = read("A [[Category:B]] [[Talk:C|c]].\n\nThe [[d is not closed.\n\n[[E]] <ref>open")
    assert [paragraph.text for paragraph in page.paragraphs] == ["A c."]
    assert page.dropped == {
        "links: namespace Category": 1,
        "links: namespace Talk": 1,
        BROKEN_MARKUP: 2,
    }
    assert read("{{disambiguation}}").is_disambiguation


@pytest.mark.parametrize(
    "text", ["{{{", "[[", "[[A|", "<ref", "{|", "]]}}|}", "'''" * 50, "<b><i>"]
)
def test_broken_markup_does_no_harm(text):
    page = read(f"One [[a]].\n\n{text}\n\nTwo.")
    for paragraph in page.paragraphs:
        for link in paragraph.links:
            assert 0 <= link.start < link.end <= len(paragraph.text)
