import pytest

from spacy_genre.corpora.articles import ArticleOptions, page_texts
from spacy_genre.sources.pages import Page, Paragraph, TextLink


def paragraph(text, links=(), is_list=False):
    text_links = []
    for surface, title in links:
        start = text.index(surface)
        text_links.append(TextLink(start, start + len(surface), title))
    return Paragraph(text, tuple(text_links), is_list)


def mentions(page, **options):
    return [
        (text.text[m.start : m.end], m.title, m.kind)
        for text in page_texts(page, ArticleOptions(**options))
        for m in text.mentions
    ]


PAGE = Page(
    "Hope (town)",
    [
        paragraph("* nav", is_list=True),
        paragraph("Hope is where Bill Clinton was born in 1946.", [
            ("Bill Clinton", "Bill Clinton"), ("1946", "1946")
        ]),
        paragraph("Clinton left Hope. Hillary Clinton and Clinton Street, the Clintons; "
                  "Bill Clinton."),
        paragraph("Arkansas", [("Arkansas", "Arkansas")], is_list=True),
    ],
)  # fmt: skip
LINKS = [("Bill Clinton", "Bill Clinton", "link"), ("Arkansas", "Arkansas", "link")]


def test_later_paragraphs_have_the_opening_of_the_page():
    def openings(share):
        texts = page_texts(PAGE, ArticleOptions(own_title=True, lists=1, openings=share))
        return [text.opening for text in texts]

    # The list item before the first paragraph is not the opening.
    assert openings(1) == ["", PAGE.paragraphs[1].text, PAGE.paragraphs[1].text]
    assert openings(0) == ["", "", ""]
    long = Page("P", [paragraph("word " * 100), paragraph("Arkansas", [("Arkansas", "A")])])
    (text,) = page_texts(long, ArticleOptions(openings=1))
    assert text.opening == ("word " * 40).strip()


def test_links():
    assert mentions(PAGE, lists=1, years=0) == LINKS
    assert ("1946", "1946", "link") in mentions(PAGE, years=1)
    assert mentions(PAGE, lists=0, years=0) == LINKS[:1]
    assert mentions(PAGE, lists=1, years=1, copies=0) == []
    (text,) = page_texts(PAGE, ArticleOptions(lists=0, years=0))
    assert (text.page, text.evidence) == ("Hope (town)", ())


DATES = [
    *("1. Januar", "44 v. Chr.", "19. Jahrhundert", "1990er", "1er janvier", "Juillet 1789"),
    *("XIXe siècle", "Années 1990", "1 de enero", "Siglo XIX", "1 января", "1945 год", "XX век"),
    *("1990-е годы", "1月1日", "1984年", "19世紀", "前221年", "1990年代", "1 يناير", "القرن 19"),
    *("1º gennaio", "XIX secolo", "1 de janeiro", "Século XIX", "1 januari", "19e eeuw"),
    *("1 stycznia", "XIX wiek", "1945"),
]
LISTS = ["Liste der Berge", "Liste des ponts", "Lista de ríos", "Lijst van meren", "Список рек"]
LISTS += ["قائمة الدول", "日本の山一覧", "中国城市列表", "Lista rzek"]
NAMES = ["Mars", "Mai Thai", "August", "Listen", "Lista", "Liste Dieudonné", "Siglo", "年", "一月"]


@pytest.mark.parametrize("title", [*DATES, *LISTS, *NAMES])
def test_dates_and_lists_of_other_languages(title):
    """As in English, most links to them are left out; so are not other titles."""
    page = Page("P", [paragraph("In x, y.", [("x", title)])])
    dates = ("x", title, "link") in mentions(page, lists=1, years=0)
    lists = ("x", title, "link") in mentions(page, lists=0, years=1)
    assert (dates, lists) == (title not in [*DATES, "August"], title not in LISTS)


def test_own_title():
    found = mentions(PAGE, own_title=True, lists=0, years=0)
    assert found.count(("Hope", "Hope (town)", "own title")) == len(found) - 1 == 2


def test_repeats():
    found = mentions(PAGE, repeats=True, lists=0, years=0)
    assert found == [*LINKS[:1], ("Bill Clinton", "Bill Clinton", "repeat")]


def test_short_forms():
    """They are not parts of longer names or of words."""
    found = mentions(PAGE, short_forms=True, lists=0, years=0)
    assert found.count(("Clinton", "Bill Clinton", "short form")) == len(found) - 1 == 1


def test_leads():
    texts = page_texts(PAGE, ArticleOptions(leads=True, lists=0, years=0))
    assert [(text.titles, text.text[:4]) for text in texts] == [(["Hope (town)"], "Hope")]


def test_ambiguous_link_texts_are_not_repeated():
    page = Page(
        "Page",
        [
            paragraph("The Bulls won.", [("Bulls", "Chicago Bulls")]),
            paragraph("The Bulls lost.", [("Bulls", "Durham Bulls")]),
            paragraph("The Bulls played."),
        ],
    )
    assert [kind for *_, kind in mentions(page, repeats=True)] == ["link", "link"]


def test_the_seed_is_per_page():
    many = [paragraph(f"x{i}", [(f"x{i}", f"X{i}")], is_list=True) for i in range(200)]
    first = mentions(Page("Page", many), lists=0.5)
    assert (
        first == mentions(Page("Page", many), lists=0.5) != mentions(Page("Other", many), lists=0.5)
    )
    assert 60 < len(first) < 140
    assert page_texts(Page("Page", many, is_disambiguation=True), ArticleOptions()) == []
