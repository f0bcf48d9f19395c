"""Redirects that are inferred from lists of titles, links and ids."""

from same_titles import find_redirects, fold

LISTS_OF = {
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
    assert find_redirects(LISTS_OF, LINKS, IDS) == {
        "Game Show": "Game show",
        "Vlore": "Vlorë",
        "2010-11 NBA season": "2010–11 NBA season",
        "NHL": "National Hockey League",
        "AC Milan": "A.C. Milan",
    }


def test_an_answer_of_a_benchmark_may_be_a_redirect():
    lists_of = {"Game Show": "benchmark_gold,wtq_links", "Game show": "tabfact_pages"}
    assert find_redirects(lists_of, [], []) == {"Game Show": "Game show"}


def test_spelling_is_folded():
    assert fold("Sly & the Family  Stone") == fold("SLY AND the Family Stone")
    assert fold("Charles E. Winter") == fold("Charles E Winter")
    assert fold("Help!") != fold("Help")
    assert fold(".cat") != fold("Cat")
    assert fold("Queen (band)") != fold("Queen band")
