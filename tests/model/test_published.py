"""The published checkpoints, in their true format, from the files to links. The reference is what
the authors' code does: inputs are plain text, prefix trees `[2] + encode(name)[1:]`, `generate`."""

import math
import shutil

import pytest
import spacy
import torch
from helpers.published import ENGLISH, LARGE, write_checkpoint
from helpers.reference import generate, path_score
from spacy.tokens import Span
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from spacy_genre import TitleSet
from spacy_genre.model import loading
from spacy_genre.model.loading import load_name_tokenizer, load_pretrained
from spacy_genre.model.published import CHECKPOINTS
from spacy_genre.model.settings import GenreSettings

NAMES = ["Germany", "Germans", "German Empire", "Albert Einstein", "Ulm", "Ångström"]
NAMES += ["New York New York New York"]  # repeats an n-gram
MULTILINGUAL = ["Albert Einstein >> it", "Deutschland >> de", "Germany >> en", "東京 >> ja"]
MODELS = [*ENGLISH, "mgenre-wiki"]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """The checkpoints in a cache of the hub, by name."""
    cache = tmp_path_factory.mktemp("hub")
    english = write_checkpoint(cache / f"models--facebook--{ENGLISH[0]}/snapshots/abc", ENGLISH[0])
    folders = {ENGLISH[0]: english}
    for name in ENGLISH[1:]:
        snapshot = cache / f"models--facebook--{name}/snapshots/abc"
        folders[name] = shutil.copytree(english, snapshot)
    name = MODELS[-1]
    folders[name] = write_checkpoint(cache / f"models--facebook--{name}/snapshots/abc", name)
    return folders


@pytest.fixture
def hub(folders, monkeypatch):
    """The hub's cache has the checkpoints."""
    monkeypatch.setattr(
        loading, "snapshot_download", lambda name, **_: str(folders[name.split("/")[1]])
    )


def make_nlp(factory, name, names):
    nlp = spacy.blank("en")
    component = nlp.add_pipe(factory, config={"model": {"name": name}})
    if names:
        component.titles = TitleSet.build(names, load_name_tokenizer(name))
    return nlp


def reference(folder, text, names, num_beams=5):
    """[(name, score)] as the authors' code gives them."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    encoded = {tuple(tokenizer.encode(name)[1:-1]): name for name in names}
    found = generate(model, tokenizer(text)["input_ids"], list(encoded), num_beams)
    return [(encoded[tuple(tokens)], score) for tokens, score in found]


def assert_same(candidates, expected):
    found = {candidate.title: candidate.score for candidate in candidates}
    assert found == pytest.approx(dict(expected), abs=1e-4)


def link(nlp, words, start, end):
    doc = nlp.make_doc(words)
    doc.ents = [Span(doc, start, end, label="MISC")]
    return nlp(doc).ents[0]


@pytest.mark.parametrize("name", ENGLISH[:2])
def test_linking_equals_the_authors_code(hub, folders, name):
    nlp = make_nlp("genre_linker", f"facebook/{name}", NAMES)
    ent = link(nlp, "Einstein was a German physicist.", 3, 4)
    text = "Einstein was a [START_ENT] German [END_ENT] physicist."
    expected = reference(folders[name], text, NAMES)
    assert len(expected) == 5
    assert_same(ent._.genre_candidates, expected)
    assert ent.kb_id_ == expected[0][0]


def test_mgenre_equals_the_authors_code(hub, folders):
    name = "mgenre-wiki"
    nlp = make_nlp("genre_linker", f"facebook/{name}", MULTILINGUAL)
    ent = link(nlp, "Einstein era un fisico tedesco.", 0, 1)
    text = "[START] Einstein [END] era un fisico tedesco."
    assert_same(ent._.genre_candidates, reference(folders[name], text, MULTILINGUAL))


IDS = ["Q937", "Q183", "Q183", "Q1490"]


def test_names_of_an_entity_are_added_up(hub, folders):
    """As the authors' `marginalize`: the log-sum-exp of logprob / length ** 0.5."""
    nlp = make_nlp("genre_linker", "facebook/mgenre-wiki", [])
    linker = nlp.get_pipe("genre_linker")
    linker.titles = TitleSet.build(MULTILINGUAL, linker.tokenizer, ids=IDS)
    linker.kb_id = "id"
    ent = link(nlp, "Einstein era un fisico tedesco.", 0, 1)

    tokenizer = AutoTokenizer.from_pretrained(folders["mgenre-wiki"])
    model = AutoModelForSeq2SeqLM.from_pretrained(folders["mgenre-wiki"]).eval()
    ids = tokenizer("[START] Einstein [END] era un fisico tedesco.")["input_ids"]
    names = [tokenizer.encode(name)[1:-1] for name in MULTILINGUAL]
    scores = torch.tensor([path_score(model, ids, name, 0.5) for name in names])
    expected = {
        kb_id: float(scores[[i for i, other in enumerate(IDS) if other == kb_id]].logsumexp(0))
        for kb_id in set(IDS)
    }
    candidates = ent._.genre_candidates
    assert [c.kb_id for c in candidates] == sorted(expected, key=expected.get, reverse=True)
    total = float(scores.logsumexp(0))
    found = {c.kb_id: math.log(c.probability) + total for c in candidates}
    assert found == pytest.approx(expected, abs=1e-4)
    assert ent.kb_id_ == candidates[0].kb_id


def test_retrieval_equals_the_authors_code(hub, folders):
    nlp = make_nlp("genre_retriever", "facebook/genre-kilt", NAMES)
    doc = nlp("Einstein was a German physicist.")
    num_beams = nlp.get_pipe("genre_retriever").num_beams
    assert_same(doc._.genre_pages, reference(folders["genre-kilt"], doc.text, NAMES, num_beams))


@pytest.mark.parametrize("name", MODELS)
def test_settings_by_name(hub, folders, name, tmp_path):
    model = load_pretrained(f"facebook/{name}").transformer
    settings = GenreSettings.from_config(model.config)
    assert not settings.name_bos
    assert (settings.start_delimiter == "[START]") == (name == "mgenre-wiki")
    assert settings.tasks == (("linking", "retrieval") if "kilt" in name else ("linking",))
    # A copy under its name has them, too; one under another name is any BART.
    copy = shutil.copytree(folders[name], tmp_path / name)
    config = load_pretrained(str(copy)).transformer.config
    assert GenreSettings.from_config(config) == settings
    other = load_pretrained(str(copy.rename(tmp_path / "other"))).transformer.config
    assert GenreSettings.from_config(other).tasks is None


def test_only_the_authors_checkpoints_have_these_settings(folders, tmp_path):
    folder = tmp_path / "models--somebody--genre-kilt/snapshots/abc"
    shutil.copytree(folders["genre-kilt"], folder)
    config = load_pretrained(str(folder)).transformer.config
    assert GenreSettings.from_config(config).tasks is None
    assert "genre-kilt" in CHECKPOINTS


@pytest.mark.parametrize("name", MODELS)
def test_settings_of_generation_are_reset(hub, name):
    model = load_pretrained(f"facebook/{name}").transformer
    for settings in (model.generation_config, model.config):
        assert getattr(settings, "min_length", 0) == 0
        assert getattr(settings, "no_repeat_ngram_size", 0) == 0
        assert getattr(settings, "forced_bos_token_id", None) is None
        assert getattr(settings, "forced_eos_token_id", None) is None
    assert model.generation_config.decoder_start_token_id == 2


@pytest.mark.parametrize("name", [ENGLISH[0], "mgenre-wiki"])
def test_a_saved_pipeline_gives_the_same(hub, name, tmp_path):
    names = MULTILINGUAL if name == "mgenre-wiki" else NAMES
    nlp = make_nlp("genre_linker", f"facebook/{name}", names)
    before = link(nlp, "Einstein was a German physicist.", 3, 4)
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    after = link(again, "Einstein was a German physicist.", 3, 4)
    assert after._.genre_candidates == before._.genre_candidates
    settings = again.get_pipe("genre_linker").shim.settings
    assert not settings.name_bos
    assert settings.tasks == ("linking",)


def test_a_tokenizer_of_another_model(folders, tmp_path):
    folder = shutil.copytree(folders[ENGLISH[0]], tmp_path / "model")
    for file in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (folder / file).unlink()
    embedded = loading.EMBEDDED
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(embedded / file, folder)
    with pytest.raises(ValueError, match=r"(?s)M003.*M009.*belongs to another model"):
        load_pretrained(str(folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["genre-linking-blink", "mgenre-wiki"])
def test_the_true_shapes(name, tmp_path):
    """BART-large and mBART-large, with their true numbers of embeddings."""
    vocab_size = 256_001 if name == "mgenre-wiki" else 50_264
    folder = write_checkpoint(tmp_path / name, name, LARGE, vocab_size)
    names, start, end = (
        (MULTILINGUAL, "[START]", "[END]")
        if name == "mgenre-wiki"
        else (NAMES, "[START_ENT]", "[END_ENT]")
    )
    nlp = make_nlp("genre_linker", str(folder), names)
    nlp.get_pipe("genre_linker").dtype = "float32"
    ent = link(nlp, "Einstein was a German physicist.", 3, 4)
    expected = reference(folder, f"Einstein was a {start} German {end} physicist.", names)
    assert_same(ent._.genre_candidates, expected)


# Scores in the README of the authors' repository.
DOCUMENTED = {
    "genre-linking-aidayago2": (
        "Einstein was a German physicist.",
        (3, 4),
        {"Germany": -0.1856, "Germans": -0.5461, "German Empire": -2.1858},
    ),
    "mgenre-wiki": (
        "Einstein era un fisico tedesco.",
        (0, 1),
        {"Albert Einstein >> it": -0.0808, "Einstein >> it": -1.5765},
    ),
}


@pytest.mark.network
@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_real_checkpoints_give_the_documented_scores(name):
    text, (start, end), scores = DOCUMENTED[name]
    nlp = make_nlp("genre_linker", f"facebook/{name}", [*scores])
    nlp.get_pipe("genre_linker").dtype = "float32"
    found = {c.title: c.score for c in link(nlp, text, start, end)._.genre_candidates}
    assert found == pytest.approx(scores, abs=0.02)


@pytest.mark.network
def test_the_real_retriever_gives_the_documented_score():
    names = ["Albert Einstein", "Werner Bruschke"]
    nlp = make_nlp("genre_retriever", "facebook/genre-kilt", names)
    nlp.get_pipe("genre_retriever").dtype = "float32"
    best = nlp("Einstein was a German physicist.")._.genre_pages[0]
    assert best.title == "Albert Einstein"
    assert best.score == pytest.approx(-0.0708, abs=0.02)
