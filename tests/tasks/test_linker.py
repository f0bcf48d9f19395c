import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import spacy
import srsly
import torch
from helpers.docs import ENTS, NAMES, TEXT, make_doc, nil_share
from helpers.models import make_bart
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_genre import Candidate, TitleSet
from spacy_genre.decoding.bart.stepper import PackedSteps
from spacy_genre.tasks import base
from spacy_genre.tokenization import NameTokenizer

EXPECTED = ["Albert Einstein", "Germany", "Nobel Prize"]
TEXTS = [
    (TEXT, ENTS),
    ("Paris, Texas, is a film; Paris is a city.", [(0, 3, "GPE"), (8, 9, "GPE")]),
    ("Nothing here.", []),
    ("", []),
    ("The Apple fell in Chicago", [(1, 2, "ORG"), (4, 5, "GPE")]),
]


def make_docs(nlp):
    return [make_doc(nlp, text, ents) for text, ents in TEXTS]


def kb_ids(docs):
    return [[ent.kb_id_ for ent in doc.ents] for doc in docs]


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")


def test_entities_are_linked(nlp):
    doc = nlp(make_doc(nlp))
    assert [ent.kb_id_ for ent in doc.ents] == EXPECTED
    assert [doc[i].ent_kb_id_ for i in (0, 1, 3, 8, 9)] == [
        "Albert Einstein", "", "Germany", "Nobel Prize", "Nobel Prize"
    ]  # fmt: skip
    assert [ent.label_ for ent in doc.ents] == ["PERSON", "NORP", "WORK_OF_ART"]


def test_candidates(nlp):
    doc = nlp(make_doc(nlp))
    candidates = doc.ents[0]._.genre_candidates
    assert candidates[0].title == candidates[0].kb_id == "Albert Einstein"
    assert len(candidates) == 5
    assert all(isinstance(candidate, Candidate) for candidate in candidates)
    assert {candidate.title for candidate in candidates} <= set(NAMES)
    scores = [candidate.score for candidate in candidates]
    assert scores == sorted(scores, reverse=True)
    nil = nil_share(nlp.get_pipe("genre_linker"), candidates[0])
    assert sum(candidate.probability for candidate in candidates) + nil == pytest.approx(1)
    assert all(candidate.logprob <= candidate.score < 0 for candidate in candidates)
    assert doc[1:2]._.genre_candidates == []


def test_predict_does_not_write(nlp, linker):
    doc = make_doc(nlp)
    before = doc.to_bytes()
    (links,) = linker.predict([doc])
    assert doc.to_bytes() == before
    assert [(link.start, link.end, link.kb_id) for link in links] == [
        (start, end, kb_id) for (start, end, _), kb_id in zip(ENTS, EXPECTED, strict=True)
    ]


def test_a_new_entity_is_added_by_naming_it(nlp, linker):
    doc = make_doc(nlp, "Everybody is on Threads now.", [(3, 4, "PRODUCT")])
    assert nlp(doc).ents[0].kb_id_ != "Threads (social network)"
    linker.titles.add("Threads (social network)", id="Q1")
    assert nlp(doc).ents[0].kb_id_ == "Threads (social network)"
    linker.titles.remove("Threads (social network)")
    assert nlp(doc).ents[0].kb_id_ in NAMES


# Every way to the same ids


@pytest.fixture
def expected(nlp):
    return kb_ids(nlp.pipe(make_docs(nlp)))


def test_pipe_with_any_batch_size(nlp, linker, expected):
    for batch_size in (1, 2, 64):
        assert kb_ids(nlp.pipe(make_docs(nlp), batch_size=batch_size)) == expected
    for linker.batch_tokens in (1, 20, 100_000):
        assert kb_ids(nlp.pipe(make_docs(nlp))) == expected


def test_pipe_as_tuples(nlp, expected):
    tuples = [(doc, i) for i, doc in enumerate(make_docs(nlp))]
    found = list(nlp.pipe(tuples, as_tuples=True))
    assert kb_ids(doc for doc, _ in found) == expected
    assert [i for _, i in found] == list(range(len(TEXTS)))


def test_pipe_with_two_processes(nlp, expected):
    # The parent has computed before it forks, which is what makes torch hang.
    fresh = spacy.blank("en")
    fresh.add_pipe("genre_linker")  # is loaded in the workers
    (doc, _) = fresh.pipe([make_doc(fresh), make_doc(fresh)], n_process=2, batch_size=1)
    assert doc.ents[0].kb_id_ == "Albert Einstein"
    docs = list(nlp.pipe(make_docs(nlp) * 3, n_process=2, batch_size=2))
    assert kb_ids(docs) == expected * 3
    assert docs[0].ents[0]._.genre_candidates[0].title == "Albert Einstein"


def test_disk(nlp, expected, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    assert kb_ids(again.pipe(make_docs(again))) == expected
    assert again.get_pipe("genre_linker").titles.id_of("Paris") == "Q6"


def test_bytes(nlp, expected):
    again = spacy.blank("en")
    again.add_pipe("genre_linker")
    again.from_bytes(nlp.to_bytes())
    assert kb_ids(again.pipe(make_docs(again))) == expected


def test_threads_that_come_first(nlp):
    fresh = spacy.blank("en")
    fresh.add_pipe("genre_linker")
    with ThreadPoolExecutor(4) as pool:
        docs = list(pool.map(fresh, [make_doc(fresh) for _ in range(8)]))
    assert {doc.ents[0].kb_id_ for doc in docs} == {"Albert Einstein"}


def test_pickle(nlp, expected):
    again = pickle.loads(pickle.dumps(nlp))
    assert kb_ids(again.pipe(make_docs(again))) == expected
    again.get_pipe("genre_linker").titles.add("Zebra")


def test_docs_keep_their_candidates(nlp):
    doc = nlp(make_doc(nlp))
    expected = doc.ents[2]._.genre_candidates
    (stored,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert stored.ents[2]._.genre_candidates == expected
    merged = Doc.from_docs([doc, doc])
    assert merged.ents[5]._.genre_candidates == expected
    assert doc[2:].as_doc(copy_user_data=True).ents[1]._.genre_candidates == expected


# Packages


def test_a_saved_pipeline_holds_no_path_of_this_machine(titles, tiny_folder, tmp_path, tokenizer):
    titles.save(tmp_path / "secret_titles")
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "genre_linker",
        config={
            "model": {"name": str(tiny_folder)},
            "titles": {
                "@misc": "spacy_genre.TitleSet.v1",
                "path": str(tmp_path / "secret_titles"),
            },
        },
    )
    found = kb_ids(nlp.pipe(make_docs(nlp)))
    nlp.to_disk(tmp_path / "nlp")
    for file in (tmp_path / "nlp").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(tmp_path).encode() not in content, file
            assert str(tiny_folder).encode() not in content, file
    (tmp_path / "secret_titles").unlink()
    again = spacy.load(tmp_path / "nlp")
    assert kb_ids(again.pipe(make_docs(again))) == found


CONFIG = """
# A comment of mine.
[nlp]
lang = "en"

[components.genre_linker]
factory = "genre_linker"

[components.genre_linker.model]
name = "mine"
"""


def test_saving_touches_no_file_outside(nlp, linker, tmp_path):
    (tmp_path / "config.cfg").write_text(CONFIG)
    (tmp_path / "meta.json").write_text("{}")
    linker.to_disk(tmp_path / "genre_linker")
    linker.to_disk(tmp_path / "other")
    assert (tmp_path / "config.cfg").read_text() == CONFIG
    (tmp_path / "config.cfg").write_text("not [ a config")
    linker.to_disk(tmp_path / "genre_linker")
    assert (tmp_path / "config.cfg").read_text() == "not [ a config"


def test_transformers_can_load_the_saved_model(nlp, linker, tmp_path):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    nlp.to_disk(tmp_path / "nlp")
    folder = tmp_path / "nlp" / "genre_linker" / "model"
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, torch_dtype=torch.float32)
    for name, value in model.state_dict().items():
        assert torch.equal(value, linker.shim.transformer.state_dict()[name])
    assert NameTokenizer(AutoTokenizer.from_pretrained(folder)).fingerprint == (
        linker.titles.fingerprint
    )


def test_trained_weights_are_kept_in_full(nlp, linker, tmp_path):
    with torch.no_grad():
        linker.shim.transformer.model.shared.weight[5, 7] = 1.00001
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp").get_pipe("genre_linker")
    assert again.shim.transformer.model.shared.weight[5, 7].item() == pytest.approx(1.00001, 1e-7)


# Settings


def test_kb_id_can_be_the_id(nlp, linker, tokenizer):
    linker.kb_id = "id"
    assert kb_ids([nlp(make_doc(nlp))]) == [["Q0", "Q4", "Q5"]]
    linker.titles = TitleSet.build(["Albert Einstein", "Germany"], tokenizer, ids=["Q937", None])
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc])[0][:2] == ["Q937", "NIL"]
    assert doc.ents[1]._.genre_candidates[0].title == "Germany"
    linker.titles = TitleSet.build(["Albert Einstein"], tokenizer)
    with pytest.raises(ValueError, match="needs a title set with ids"):
        nlp(make_doc(nlp))


def test_top_k_and_num_beams(nlp, linker):
    linker.top_k = 2
    assert len(nlp(make_doc(nlp)).ents[0]._.genre_candidates) == 2
    linker.top_k, linker.num_beams = None, 1
    assert len(nlp(make_doc(nlp)).ents[0]._.genre_candidates) == 1


def test_labels_that_no_encyclopedia_links(nlp):
    doc = make_doc(nlp, "Einstein paid 50 dollars", [(0, 1, "PERSON"), (2, 4, "MONEY")])
    assert kb_ids([nlp(doc)]) == [["Albert Einstein", "NIL"]]
    assert doc.ents[1]._.genre_candidates == []
    only = make_doc(nlp, "It cost 50 dollars", [(2, 4, "MONEY")])
    assert kb_ids([nlp(only)]) == [["NIL"]]


def test_threshold(nlp, linker):
    linker.threshold = 1.0
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc]) == [["NIL"] * 3]
    assert doc.ents[0]._.genre_candidates[0].title == "Albert Einstein"
    linker.threshold = 0.0
    assert kb_ids([nlp(doc)]) == [EXPECTED]


def test_probabilities(nlp, linker, monkeypatch):
    """They are shares, of the candidates alone or with the answer that none of them is right."""
    own = linker.shim.settings

    def found(temperature, nil_score):
        chosen = replace(own, temperature=temperature, nil_score=nil_score)
        monkeypatch.setattr(linker.shim, "settings", chosen)
        candidates = nlp(make_doc(nlp)).ents[0]._.genre_candidates
        return [c.score for c in candidates], [c.probability for c in candidates]

    scores, shares = found(0.5, None)
    assert shares == pytest.approx(np.exp(scores) ** 2 / sum(np.exp(scores) ** 2))
    scores, shares = found(0.5, -1)
    weights = np.exp([*scores, -1]) ** 2
    assert shares == pytest.approx((weights / sum(weights))[:-1])
    linker.num_beams = 1  # a lone candidate as well is as likely as its score is high
    assert found(0.5, None)[1] == [1]
    assert 0 < found(0.5, -1)[1][0] < 1
    assert found(0.5, 1000.0)[1] == [0]


def test_a_name_with_redirects_is_one_candidate(nlp, linker, tokenizer):
    """However many of its names the model may write, with what the best of them has."""
    names = ["Albert Einstein", "Germany", "Chicago"]
    redirects = {"Einstein": "Albert Einstein", "A. Einstein": "Albert Einstein"}
    spelled = TitleSet.build([*names, *redirects], tokenizer)
    linker.titles = spelled
    rows = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    assert len(rows) == 5
    best: dict = {}
    for row in rows:
        best.setdefault(redirects.get(row.title, row.title), row.score)
    linker.titles = TitleSet.build(names, tokenizer, redirects=redirects, trie="titles+redirects")
    found = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    assert {row.title: row.score for row in found} == pytest.approx(best)
    assert [row.title for row in found] == list(best)
    nil = nil_share(linker, found[0])
    assert sum(row.probability for row in found) + nil == pytest.approx(1)


def test_overwrite(nlp, linker):
    linker.overwrite = False
    doc = make_doc(nlp)
    doc[0].ent_kb_id_ = "Q937"
    assert kb_ids([nlp(doc)]) == [["Q937", *EXPECTED[1:]]]
    linker.overwrite = True
    assert kb_ids([nlp(doc)]) == [EXPECTED]


def test_one_linker_after_another(nlp, linker, tokenizer):
    linker.labels_discard = ["NORP"]
    second = nlp.add_pipe("genre_linker", name="second", config={"overwrite": False})
    second.titles = TitleSet.build(["Germany", "Chicago"], tokenizer)
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc]) == [["Albert Einstein", "Germany", "Nobel Prize"]]
    assert [len(ent._.genre_candidates) for ent in doc.ents] == [5, 2, 5]


def test_context_tokens(nlp, linker):
    seen = []
    find = linker.find_paths
    linker.find_paths = lambda inputs, *names: seen.append(inputs) or find(inputs, *names)
    for linker.context_tokens in (0, 2, None):
        nlp(make_doc(nlp))
    decoded = [linker.tokenizer.decode(inputs[1]) for inputs in seen]
    assert decoded[0] == "[CLS] [START_ENT] german [END_ENT] [SEP]"
    # The window does not reach the beginning, which the model reads as well.
    expected = "[CLS] einstein | was a [START_ENT] german [END_ENT] physicist who [SEP]"
    assert decoded[1] == expected
    assert decoded[2].startswith("[CLS] einstein was a [START_ENT] german")


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("num_beams", 0, "from 1 to 1000"),
        ("num_beams", 1001, "from 1 to 1000"),
        ("top_k", 0, "1 or more"),
        ("length_penalty", 11, "from -10 to 10"),
        ("batch_tokens", 0, "1 or more"),
        ("search", "depth", '"beam" or "exact"'),
        ("early_stopping", "sometimes", 'true, false or "never"'),
        ("context_tokens", -1, "0 or more"),
        ("kb_id", "qid", '"title" or "id"'),
        ("threshold", 1.5, "from 0 to 1"),
        ("threshold", -0.1, "from 0 to 1"),
        ("dtype", "int8", '"auto", "float32", "bfloat16", "float16"'),
    ],
)
def test_settings_out_of_range(key, value, allowed):
    with pytest.raises(ValueError, match=f"'{key}' of 'genre_linker'.*{allowed}"):
        spacy.blank("en").add_pipe("genre_linker", config={key: value})


def test_float16_needs_a_gpu(nlp, linker):
    if linker.shim.device.type == "cuda":
        pytest.skip("there is a GPU")
    linker.dtype = "float16"
    with pytest.raises(ValueError, match="works on a GPU only"):
        nlp(make_doc(nlp))


def test_bfloat16_finds_the_same(nlp, linker):
    linker.dtype = "bfloat16"
    assert kb_ids([nlp(make_doc(nlp))]) == [EXPECTED]


def test_exact_search_and_other_ways_to_stop(nlp, linker):
    linker.search = "exact"
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc]) == [EXPECTED]
    assert all(len(ent._.genre_candidates) == 5 for ent in doc.ents)
    linker.search = "beam"
    for linker.early_stopping in ("never", True):
        assert kb_ids([nlp(make_doc(nlp))]) == [EXPECTED]


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_early_stopping_in_the_config(early_stopping):
    linker = spacy.blank("en").add_pipe("genre_linker", config={"early_stopping": early_stopping})
    assert linker.early_stopping is early_stopping or linker.early_stopping == "never"


def test_the_same_mention_is_searched_once(nlp, linker, monkeypatch):
    seen = []
    search = base.constrained_search

    def count(module, inputs, trie, **options):
        seen.append(len(inputs))
        return search(module, inputs, trie, **options)

    monkeypatch.setattr(base, "constrained_search", count)
    assert kb_ids(nlp.pipe([make_doc(nlp) for _ in range(3)])) == [EXPECTED] * 3
    assert seen == [len(EXPECTED)]


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_settings_that_were_changed_are_saved(nlp, linker, tmp_path, way):
    linker.kb_id, linker.labels_discard = "id", ["NORP"]
    expected = kb_ids([nlp(make_doc(nlp))])
    assert expected == [["Q0", "NIL", "Q5"]]
    if way == "disk":
        nlp.to_disk(tmp_path / "nlp")
        overrides = {"components": {"genre_linker": {"num_beams": 3}}}
        again = spacy.load(tmp_path / "nlp", config=overrides)
        assert again.get_pipe("genre_linker").num_beams == 3
    else:
        again = spacy.blank("en")
        again.add_pipe("genre_linker")
        again.from_bytes(nlp.to_bytes())
    assert kb_ids([again(make_doc(again))]) == expected


@pytest.mark.parametrize("labels", [{"NORP", "MONEY"}, frozenset({"NORP"}), ("NORP",)])
def test_labels_may_be_a_set(nlp, linker, tmp_path, labels):
    linker.labels_discard = labels
    expected = [["Albert Einstein", "NIL", "Nobel Prize"]]
    assert kb_ids([nlp(make_doc(nlp))]) == expected
    nlp.to_disk(tmp_path / "nlp")
    blank = spacy.blank("en")
    blank.add_pipe("genre_linker")
    for again in (spacy.load(tmp_path / "nlp"), blank.from_bytes(nlp.to_bytes())):
        assert again.get_pipe("genre_linker").labels_discard == sorted(labels)
        assert kb_ids([again(make_doc(again))]) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("top_k", 2.5), ("num_beams", 0), ("kb_id", "qid"), ("dtype", "int8"), ("threshold", 7)],
        *[("labels_discard", None), ("labels_discard", "NORP"), ("labels_discard", [None])],
        *[("longest_forms", None), ("longest_forms", "PERSON")],
        *[("overwrite", "no"), ("overwrite", None), ("use_gold_ents", "no")],
    ],
)
def test_settings_are_checked_when_they_are_used(nlp, linker, tmp_path, key, value):
    setattr(linker, key, value)
    with pytest.raises(ValueError, match=f"C001.*'{key}'"):
        nlp(make_doc(nlp))
    with pytest.raises(ValueError, match=f"C001.*'{key}'"):
        linker.to_disk(tmp_path / "linker")
    with pytest.raises(ValueError, match=f"C001.*'{key}'"):
        linker.to_bytes()
    assert list(tmp_path.iterdir()) == []


def test_top_k_does_not_change_who_is_linked(nlp, linker):
    linker.threshold = 0.7
    doc = make_doc(nlp, "Xyzzy Plughson met nobody.", [(0, 2, "PERSON")])
    assert kb_ids([nlp(doc)]) == [["NIL"]]
    linker.top_k = 1
    assert kb_ids([nlp(doc)]) == [["NIL"]]
    assert len(doc.ents[0]._.genre_candidates) == 1


def test_many_beams_are_searched_in_smaller_batches(nlp, linker, monkeypatch):
    expected = kb_ids([nlp(make_doc(nlp))])
    monkeypatch.setattr("spacy_genre.decoding.bart.stepper.PackedSteps.max_rows", 1)
    assert kb_ids([nlp(make_doc(nlp))]) == expected


def test_after_an_interruption_in_a_pipe_all_is_as_before(nlp, linker, monkeypatch):
    expected = kb_ids(nlp.pipe(make_docs(nlp), batch_size=2))
    step, steps = PackedSteps.step, iter(range(100))

    def interrupted(*args):
        if next(steps) == 3:
            raise KeyboardInterrupt  # as Ctrl-C does
        return step(*args)

    with monkeypatch.context() as patched:
        patched.setattr(PackedSteps, "step", interrupted)
        docs = make_docs(nlp)
        with pytest.raises(KeyboardInterrupt):
            list(nlp.pipe(docs, batch_size=2))
    assert kb_ids(nlp.pipe(docs, batch_size=2)) == expected
    assert kb_ids(nlp.pipe(make_docs(nlp))) == expected


# Ordinary and extraordinary text


def test_no_entities_and_no_text(nlp):
    assert kb_ids(nlp.pipe(make_docs(nlp)[2:4])) == [[], []]
    assert nlp.get_pipe("genre_linker").predict([]) == []


def test_entities_that_were_never_set(nlp):
    with pytest.warns(UserWarning, match="'ner'.*or 'entity_ruler'"):
        nlp("Einstein was a physicist.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp("")
        nlp(make_doc(nlp, "Nothing here.", []))


def test_an_entity_longer_than_the_model_can_read(nlp):
    text = "word " * 600 + "and Chicago"
    doc = make_doc(nlp, text, [(0, 600, "ORG"), (601, 602, "GPE")])
    assert kb_ids([nlp(doc)]) == [["NIL", "Chicago"]]


def test_an_entity_that_the_tokenizer_does_not_see(nlp):
    doc = Doc(nlp.vocab, words=["In", "\u200b", "Chicago"])
    doc.ents = [Span(doc, 1, 2, "GPE"), Span(doc, 2, 3, "GPE")]
    assert kb_ids([nlp(doc)]) == [["NIL", "Chicago"]]


def test_a_very_long_doc(nlp):
    words = ["filler"] * 100_000
    words[0] = words[50_000] = words[-1] = "Chicago"
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [Span(doc, i, i + 1, "GPE") for i in (0, 50_000, 99_999)]
    assert kb_ids([nlp(doc)]) == [["Chicago"] * 3]


@pytest.mark.parametrize(
    "text", ["(Chicago)", '"Chicago"', "Chicago\n\n\n", "\nChicago", "🎉Chicago"]
)
def test_what_stands_around_an_entity(nlp, text):
    start = text.index("Chicago")
    doc = nlp.make_doc(f"We saw {text} today")
    span = doc.char_span(7 + start, 14 + start, label="GPE", alignment_mode="expand")
    doc.ents = [span]
    assert kb_ids([nlp(doc)]) == [["Chicago"]]


def test_the_text_of_special_tokens_is_ordinary_text(nlp):
    doc = make_doc(nlp, "[SEP] [END_ENT] Chicago </s> [START_ENT] [PAD]", [])
    at = [token.text for token in doc].index("Chicago")
    doc.ents = [Span(doc, at, at + 1, "GPE")]
    assert nlp(doc).ents[0].kb_id_ in NAMES


# Bad input


def test_an_empty_title_set(nlp, linker, tokenizer):
    linker.titles = TitleSet.build([], tokenizer)
    with pytest.raises(ValueError, match="title set is empty"):
        nlp(make_doc(nlp))


def test_a_title_set_of_another_tokenizer(linker, hf_tokenizer):
    before = linker.titles
    other = TitleSet.build(["Paris"], NameTokenizer(hf_tokenizer, bos=False))
    with pytest.raises(ValueError, match="another tokenizer"):
        linker.titles = other
    with pytest.raises(ValueError, match="must be a TitleSet"):
        linker.titles = ["Paris"]
    assert linker.titles is before


def test_a_title_set_that_is_not_there(tmp_path):
    nlp = spacy.blank("en")
    path = str(tmp_path / "missing")
    config = {"titles": {"@misc": "spacy_genre.TitleSet.v1", "path": path}}
    nlp.add_pipe("genre_linker", config=config)
    with pytest.raises(FileNotFoundError, match=r"missing.*titles build"):
        nlp(make_doc(nlp))


def test_names_longer_than_the_model_can_write(tmp_path, hf_tokenizer):
    model = make_bart(30528, 0)  # writes 256 tokens at most
    model.save_pretrained(tmp_path)
    hf_tokenizer.save_pretrained(tmp_path)
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker", config={"model": {"name": str(tmp_path)}})
    linker.titles = TitleSet.build(["word " * 300], hf_tokenizer)
    with pytest.raises(ValueError, match=r"301 tokens.*only 255"):
        nlp(make_doc(nlp))


def test_broken_weights(nlp, linker):
    with torch.no_grad():
        linker.shim.transformer.final_logits_bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        nlp(make_doc(nlp))


def test_the_error_handler_gets_failing_docs(nlp, linker, tokenizer):
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, err: failed.extend(docs))
    good = linker.titles
    linker.titles = TitleSet.build([], tokenizer)
    assert list(nlp.pipe([make_doc(nlp)])) == []
    assert len(failed) == 1
    linker.titles = good
    assert kb_ids(nlp.pipe([make_doc(nlp)])) == [EXPECTED]


def test_a_damaged_pipeline_changes_nothing(nlp, linker, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    path = tmp_path / "nlp" / "genre_linker" / "titles.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    before = linker.titles, linker.shim.transformer
    with pytest.raises(ValueError, match="not a title set, or it is cut"):
        linker.from_disk(tmp_path / "nlp" / "genre_linker", exclude=["vocab"])
    assert (linker.titles, linker.shim.transformer) == before
    with pytest.raises(ValueError, match=r"can't be unpacked|not a title set"):
        linker.from_bytes(srsly.msgpack_dumps({"cfg": b"{}", "model": b"\xc1", "titles": b""}))
    assert (linker.titles, linker.shim.transformer) == before
    for data in (b"junk" * 10, srsly.msgpack_dumps({}), nlp.to_bytes()):
        with pytest.raises(ValueError, match="M008"):
            linker.from_bytes(data)


def test_a_saved_title_set_with_a_hole_is_refused(nlp, linker, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    path = tmp_path / "nlp" / "genre_linker" / "titles.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-200] + bytes(200))
    with pytest.raises(ValueError, match="its checksum is wrong"):
        spacy.load(tmp_path / "nlp")


# Training and evaluation


def gold(nlp, kb_ids=tuple(EXPECTED)):
    doc = nlp.make_doc(TEXT)
    doc.ents = [
        Span(doc, start, end, label, kb_id=kb_id)
        for (start, end, label), kb_id in zip(ENTS, kb_ids, strict=True)
    ]
    return Example(nlp.make_doc(TEXT), doc)


def test_evaluate(nlp, linker):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the pipeline itself has no entities
        scores = nlp.evaluate([gold(nlp)])
        assert scores["nel_micro_f"] == scores["nel_micro_p"] == scores["nel_micro_r"] == 1.0
        half = nlp.evaluate([gold(nlp, ("Albert Einstein", "Paris", "Apple"))])
        assert half["nel_micro_f"] == pytest.approx(1 / 3)
        assert half["nel_f_per_type"]["PERSON"]["f"] == 1.0


def test_update_lowers_the_loss_and_changes_what_is_linked(nlp, linker):
    examples = [gold(nlp, ("Paris", "Chicago", "Apple"))]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.0003
    losses = [nlp.update(examples, sgd=optimizer)["genre_linker"] for _ in range(25)]
    assert losses[-1] < losses[0] / 3  # label smoothing leaves some
    assert np.isfinite(losses).all()
    assert kb_ids([nlp(make_doc(nlp))]) == [["Paris", "Chicago", "Apple"]]


def test_update_learns_from_ids_and_redirects(nlp, linker):
    assert linker._gold_name("Einstein") == "Albert Einstein"
    linker.kb_id = "id"
    assert linker._gold_name("Q0") == "Albert Einstein"
    assert linker._gold_name("NIL") is linker._gold_name("") is linker._gold_name("Q99") is None


def test_links_that_lead_nowhere_are_an_error_of_initialize(nlp):
    message = r"D031.*none of the 2 gold kb_ids .*'Nobody', 'Nothing'.* kb_id is 'title'"
    with pytest.raises(ValueError, match=message):
        nlp.initialize(lambda: [gold(nlp, ("Nobody", "Nothing", "NIL"))])
    with pytest.raises(ValueError, match=r"D031.*'Q0'.* kb_id is 'title'"):
        nlp.initialize(lambda: [gold(nlp, ("Q0", "Q0", "Q0"))])
    unlinked = gold(nlp, ("", "", ""))
    with pytest.warns(UserWarning, match=r"W011.* 3 entities .*frozen_components"):
        nlp.initialize(lambda: [unlinked])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = nlp.make_doc("Nothing here.")
        nlp.initialize(lambda: [Example(empty, empty)] * 10 + [gold(nlp)])
        nlp.initialize()


def test_a_training_without_pairs_stops(nlp):
    """spaCy would report a loss of 0.00 to the end."""
    optimizer = nlp.initialize()
    unlinked = [gold(nlp, ("", "NIL", "Nobody"))] * 500
    assert nlp.update(unlinked, sgd=optimizer)["genre_linker"] == 0.0
    with pytest.raises(ValueError, match=r"D032.* last 1000 texts .*'title'.*frozen_components"):
        nlp.update(unlinked, sgd=optimizer)
    nlp.initialize()
    for _ in range(3):  # texts with something to learn in between
        nlp.update([*unlinked, gold(nlp)], sgd=optimizer)


# Registration


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_importing_the_package_does_not_import_torch():
    heavy = "('torch', 'spacy', 'transformers')"
    code = f"import spacy_genre, sys; print([m for m in {heavy} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_nothing_needs_to_be_imported():
    code = "import spacy; nlp = spacy.blank('en'); print(nlp.add_pipe('genre_linker').name)"
    assert run(code).strip() == "genre_linker"


FORKED = """
import spacy

nlp = spacy.blank("en")
nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Chicago"}])
nlp.add_pipe("genre_linker")
nlp("Chicago")
print([doc.ents[0].kb_id_ for doc in nlp.pipe(["In Chicago."] * 2, n_process=2, batch_size=1)])
"""


def test_processes_have_nothing_to_complain_of():
    # tokenizers does, for each, if it has started threads before.
    assert run(FORKED).strip() == "['Chicago', 'Chicago']"
