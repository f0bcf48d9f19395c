"""Redirects that lists of titles, links and ids tell of."""

from same_titles import find_redirects, plain

SEEN_IN = {
    "Game show": "vital5,wtq_links",
    "Game Show": "wtq_links",
    "Vlorë": "yago3-10",
    "Vlore": "gensim_enwiki_sample",
    "2010–11 NBA season": "wtq_links",
    "2010-11 NBA season": "wtq_links",
    "INTEGRAL": "wtq_links",
    "Integral": "vital5",
    "A.N.I.M.A.L.": "wtq_links",
    "Animal": "vital5",
    "Help!": "wtq_links",
    "Help": "wtq_links",
    "NHL": "wtq_links",
    "National Hockey League": "vital5",
    "CIA": "wtq_links",
    "Culinary Institute of America": "vital5",
    "A.C. Milan": "yago3-10",
    "AC Milan": "vital5",
    "Georgia": "fb15k237",
    "Georgia (U.S. state)": "yago3-10",
    "Gulf War": "yago3-10",
    "Gulf war": "vital5",
}
LINKS = [
    ("2010–11", "2010–11 NBA season", 9),
    ("2010-11", "2010-11 NBA season", 2),
    ("NHL", "National Hockey League", 9),
    ("NHL", "NHL", 4),
    ("CIA", "Culinary Institute of America", 1),
    ("CIA", "CIA", 6),
    ("Milan", "AC Milan", 5),
    ("Milan", "A.C. Milan", 50),
]
IDS = [{"A.C. Milan", "AC Milan"}, {"Georgia", "Georgia (U.S. state)"}, {"Help", "Unheard of"}]


def test_redirects():
    assert find_redirects(SEEN_IN, LINKS, IDS) == {
        "Game Show": "Game show",
        "Vlore": "Vlorë",
        "2010-11 NBA season": "2010–11 NBA season",
        "NHL": "National Hockey League",
        "AC Milan": "A.C. Milan",
    }


def test_that_a_title_is_a_benchmarks_answer_says_nothing():
    seen_in = {"Game Show": "benchmark_gold,wtq_links", "Game show": "tabfact_pages"}
    assert find_redirects(seen_in, [], []) == {"Game Show": "Game show"}


def test_how_a_title_is_written():
    assert plain("Sly & the Family  Stone") == plain("SLY AND the Family Stone")
    assert plain("Charles E. Winter") == plain("Charles E Winter")
    assert plain("Help!") != plain("Help")
    assert plain(".cat") != plain("Cat")
    assert plain("Queen (band)") != plain("Queen band")
