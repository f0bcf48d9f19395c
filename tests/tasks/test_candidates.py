"""The setting `get_candidates`: entities that may stand for a few names only."""

import pickle
from functools import partial

import pytest
import spacy
from helpers.docs import ENTS, NAMES, TEXT, make_doc, nil_share
from spacy.tokens import Doc, DocBin
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TitleSet
from spacy_genre.corpora.examples import ExampleMaker
from spacy_genre.corpora.reading import doc_text
from spacy_genre.corpora.texts import GoldMention, GoldText
from spacy_genre.decoding import exhaustive
from spacy_genre.model.loading import HFObjects
from spacy_genre.tasks.linker.candidate_generators import AliasCandidates_v1, GoldCandidates_v1

ALIASES = {("Einstein", "Paris"): 3, ("Einstein", "Albert Einstein"): 1, ("Einstein", "Apple"): 3}
SHARED = {"@misc": "spacy_genre.AliasCandidates.v1", "top_k": 2, "missing": "search"}


def fixed(titles, ent, names):
    """A function of a user's own."""
    return names.get(ent.text)


@pytest.fixture
def titles(tokenizer):
    prior = [1.0 if name == "Paris" else 0.0 for name in NAMES]
    redirects = {"German": "Germany", "the Nobel": "Nobel Prize"}
    ids = [f"Q{i}" for i in range(len(NAMES))]
    return TitleSet.build(
        NAMES, tokenizer, ids=ids, prior=prior, redirects=redirects, aliases=ALIASES
    )


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")


def found(doc):
    return [[c.title for c in ent._.genre_candidates] for ent in doc.ents]


def linked(nlp, text=TEXT, ents=ENTS):
    return [ent.kb_id_ for ent in nlp(make_doc(nlp, text, ents)).ents]


# Of the title set's own aliases


def test_names_of_aliases_redirects_and_the_same_spelling(nlp, linker, model_alone):
    linker.get_candidates = AliasCandidates_v1()
    doc = make_doc(nlp, "Einstein, a German, saw Chicago.", [(0, 1, "A"), (3, 4, "A"), (6, 7, "A")])
    assert [sorted(names) for names in found(nlp(doc))] == [
        ["Albert Einstein", "Apple", "Paris"], ["Germany"], ["Chicago"]
    ]  # fmt: skip
    (only,) = doc.ents[1]._.genre_candidates  # shares with "none of these" alone
    nil = nil_share(linker, only)
    assert 0 < nil < 1
    assert only.probability + nil == pytest.approx(1)


def test_the_most_frequent_names_come_first_then_those_with_the_highest_prior(nlp, linker):
    ent = make_doc(nlp).ents[0]
    names = [AliasCandidates_v1(top_k=k)(linker.titles, ent) for k in (1, 2, 3)]
    assert names == [["Paris"], ["Paris", "Apple"], ["Paris", "Apple", "Albert Einstein"]]


def test_without_candidates_all_is_searched_or_nothing(nlp, linker):
    physicist = [(4, 5, "NORP")]
    expected = found(nlp(make_doc(nlp, ents=physicist)))
    linker.get_candidates = AliasCandidates_v1()
    assert found(nlp(make_doc(nlp, ents=physicist))) == expected
    linker.get_candidates = AliasCandidates_v1(missing="nil")
    doc = nlp(make_doc(nlp, ents=physicist))
    assert doc.ents[0].kb_id_ == "NIL"
    assert found(doc) == [[]]


def test_an_article_is_left_out_if_nothing_is_known_of_the_whole_text(nlp, linker):
    linker.get_candidates = AliasCandidates_v1(missing="nil")
    the_prize = [(7, 10, "WORK_OF_ART")]
    assert found(nlp(make_doc(nlp, ents=the_prize))) == [["Nobel Prize"]]
    linker.titles.add_alias("the Nobel Prize", "Chicago")
    assert found(nlp(make_doc(nlp, ents=the_prize))) == [["Chicago"]]
    linker.titles.add("Beatles")
    assert linked(nlp, "We saw the Beatles.", [(2, 4, "ORG")]) == ["Beatles"]
    assert linked(nlp, "The Beatles came.", [(0, 2, "ORG")]) == ["Beatles"]  # the relaxed form


def test_changes_of_the_title_set_take_effect_at_once(nlp, linker):
    linker.get_candidates = AliasCandidates_v1(missing="nil")
    chicago = ("The Windy City is large.", [(1, 3, "GPE")])
    assert linked(nlp, *chicago) == ["NIL"]
    linker.titles.add_alias("Windy City", "Chicago")
    assert linked(nlp, *chicago) == ["Chicago"]
    linker.titles.remove("Chicago")
    assert linked(nlp, *chicago) == ["NIL"]
    linker.titles.add("Windy City")
    assert linked(nlp, *chicago) == ["Windy City"]


# Of a function of one's own


def test_all_names_of_a_few_are_scored(nlp, linker):
    linker.num_beams = len(NAMES)
    expected = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    linker.num_beams, linker.top_k = 1, 100
    linker.get_candidates = partial(fixed, names={"Einstein": NAMES})
    with pytest.warns(UserWarning, match="W015"):  # the other entities are searched by one beam
        doc = nlp(make_doc(nlp))
    candidates = doc.ents[0]._.genre_candidates
    assert [c.title for c in candidates] == [c.title for c in expected]
    assert sorted(c.title for c in candidates) == NAMES
    for key in ("score", "logprob", "probability"):
        values = [[getattr(c, key) for c in some] for some in (candidates, expected)]
        assert values[0] == pytest.approx(values[1], abs=0.05)  # bfloat16, perhaps
    assert len(found(doc)[1]) == 1  # where nothing was given, one beam has searched


def test_settings_work_as_without(nlp, linker):
    linker.get_candidates = partial(
        fixed, names={"Einstein": ["Paris", "Albert Einstein", "Apple"]}
    )
    linker.top_k, linker.kb_id = 2, "id"
    doc = nlp(make_doc(nlp))
    assert doc.ents[0].kb_id_ == doc.ents[0]._.genre_candidates[0].kb_id == "Q0"
    assert len(found(doc)[0]) == 2
    linker.threshold = 1.0
    assert nlp(make_doc(nlp)).ents[0].kb_id_ == "NIL"
    linker.threshold, linker.top_k = None, None
    linker.get_candidates = partial(fixed, names={"Einstein": NAMES})
    assert len(found(nlp(make_doc(nlp)))[0]) == linker.num_beams == 5


def test_only_names_of_the_title_set_can_be_chosen(nlp, linker):
    names = {"Einstein": iter(["Nobody", "the Nobel", "Nobody else", "the Nobel"]), "German": ["?"]}
    linker.get_candidates = partial(fixed, names=names)
    doc = nlp(make_doc(nlp))
    assert found(doc)[:2] == [["Nobel Prize"], []]
    assert [ent.kb_id_ for ent in doc.ents][:2] == ["Nobel Prize", "NIL"]
    assert doc.ents[2].kb_id_ == "Nobel Prize"  # of all names


def test_of_names_with_the_same_tokens_only_the_chosen_ones(nlp, linker, tokenizer):
    linker.titles = TitleSet.build(["US", "us", "Us (film)"], tokenizer, prior=[9, 1, 1])
    doc = make_doc(nlp, "The US won.", [(1, 2, "GPE")])
    linker.get_candidates = partial(fixed, names={"US": ["us", "Us (film)"]})
    assert "US" not in found(nlp(doc))[0]
    linker.get_candidates = partial(fixed, names={"US": ["us", "US"]})
    assert found(nlp(doc)) == [["US"]]


def test_the_batch_does_not_matter(nlp, linker):
    linker.get_candidates = partial(
        fixed, names={"Einstein": ["Paris", "Apple"], "German": [], "Chicago": ["Paris", "Chicago"]}
    )
    docs = [make_doc(nlp), make_doc(nlp, "Chicago is large.", [(0, 1, "GPE")])] * 3
    alone = [found(nlp(doc.copy())) for doc in docs]
    for batch_size in (2, 64):
        copies = [doc.copy() for doc in docs]
        assert [found(doc) for doc in nlp.pipe(copies, batch_size=batch_size)] == alone


def test_large_sets_are_searched_alike(nlp, linker, monkeypatch):
    linker.get_candidates = partial(fixed, names={"Einstein": NAMES[:4], "German": NAMES[3:]})
    expected = [names[:1] for names in found(nlp(make_doc(nlp)))]
    monkeypatch.setattr(exhaustive, "MAX_NODES", 0)
    assert [names[:1] for names in found(nlp(make_doc(nlp)))] == expected


def test_other_models_choose_as_well(nlp, linker):
    config = T5Config(
        vocab_size=30528, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4,
        decoder_start_token_id=0, eos_token_id=102,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    linker.shim.set_hf(HFObjects(linker.tokenizer, model))
    linker.get_candidates = partial(fixed, names={"Einstein": ["Paris", "Apple"], "German": []})
    with pytest.warns(UserWarning, match="is a T5ForConditionalGeneration"):
        doc = nlp(make_doc(nlp))
    assert sorted(found(doc)[0]) == ["Apple", "Paris"]
    assert [len(names) for names in found(doc)] == [2, 0, 5]


# Of the data


def test_gold_candidates(nlp, linker):
    linker.get_candidates = GoldCandidates_v1()
    doc = make_doc(nlp)
    doc.ents[0]._.genre_gold_candidates = ["Paris,_Texas", "chicago", "Q1", "Nobody"]
    doc.ents[1]._.genre_gold_candidates = ["Nobody"]
    nlp(doc)
    assert sorted(found(doc)[0]) == ["Apple", "Chicago", "Paris, Texas"]
    assert len(found(doc)[1]) == len(found(doc)[2]) == 5
    linker.get_candidates = GoldCandidates_v1(missing="nil")
    assert [ent.kb_id_ for ent in nlp(doc).ents][1:] == ["NIL", "NIL"]
    linker.get_candidates = None
    assert nlp(doc).ents[0].kb_id_ == "Albert Einstein"


def test_gold_candidates_are_kept_with_the_doc(nlp):
    doc = make_doc(nlp)
    doc.ents[0]._.genre_gold_candidates = ["Paris"]
    (stored,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    for other in (stored, Doc(nlp.vocab).from_bytes(doc.to_bytes()), doc.copy()):
        assert list(other.ents[0]._.genre_gold_candidates) == ["Paris"]
        assert other.ents[1]._.genre_gold_candidates is None


def test_candidates_of_data_in_training_and_evaluation(nlp, linker):
    mentions = [
        GoldMention(0, 8, "Chicago", candidates=("Chicago", "Chicago, Illinois")),
        GoldMention(15, 21, "Germany"),
    ]
    gold = GoldText(TEXT, tuple(mentions))
    eg = ExampleMaker(nlp)(gold)
    assert eg.reference.ents[0]._.genre_gold_candidates == ["Chicago", "Chicago, Illinois"]
    assert doc_text(eg.reference).mentions[0].candidates == mentions[0].candidates
    assert linker.score([eg])["nel_micro_f"] == 0.5
    linker.get_candidates = GoldCandidates_v1()
    assert linker.score([eg])["nel_micro_f"] == 1.0


# As a setting


def configured(**settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker", config={"get_candidates": SHARED, **settings})
    return nlp


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle", "processes"])
def test_round_trips(titles, tmp_path, way):
    nlp = configured()
    nlp.get_pipe("genre_linker").titles = titles
    expected = found(nlp(make_doc(nlp)))
    assert sorted(expected[0]) == ["Apple", "Paris"]
    if way == "disk":
        nlp.to_disk(tmp_path / "nlp")
        nlp = spacy.load(tmp_path / "nlp")
    elif way == "bytes":
        nlp = configured().from_bytes(nlp.to_bytes())
    elif way == "pickle":
        nlp = pickle.loads(pickle.dumps(nlp))
    n_process = 2 if way == "processes" else 1
    docs = nlp.pipe([make_doc(nlp) for _ in range(4)], n_process=n_process, batch_size=1)
    assert [found(doc) for doc in docs] == [expected] * 4


def test_the_config(titles):
    nlp = configured()
    assert nlp.config["components"]["genre_linker"]["get_candidates"] == SHARED
    again = spacy.util.load_model_from_config(nlp.config, auto_fill=True)
    assert again.config["components"]["genre_linker"]["get_candidates"] == SHARED
    again.get_pipe("genre_linker").titles = titles
    assert sorted(found(again(make_doc(again)))[0]) == ["Apple", "Paris"]
    assert spacy.blank("en").add_pipe("genre_linker").get_candidates is None


@spacy.registry.misc("tests.FixedCandidates.v1")
def make_fixed(names):
    return partial(fixed, names=names)


def test_a_registered_function_of_ones_own(titles, tmp_path):
    names = {"Einstein": ["Apple"]}
    nlp = configured(get_candidates={"@misc": "tests.FixedCandidates.v1", "names": names})
    nlp.get_pipe("genre_linker").titles = titles
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    assert found(again(make_doc(again)))[0] == ["Apple"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 0}, "top_k is 0; it must be an integer, 1 or more"),
        ({"missing": "fail"}, "missing is 'fail'; it must be one of search, nil"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        configured(get_candidates={**SHARED, **settings})


def test_invalid_candidate_generators(nlp, linker):
    with pytest.raises(ValueError, match=r"'get_candidates' of 'genre_linker'.*a function"):
        linker.get_candidates = ["Paris"]
    for wrong in ("Paris", 5, [None], ["Paris", 3]):
        linker.get_candidates = partial(fixed, names={"Einstein": wrong})
        with pytest.raises(ValueError, match="for the entity 'Einstein'"):
            nlp(make_doc(nlp))
