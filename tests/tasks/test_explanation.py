import math

import pytest
import torch
from helpers.docs import NAMES, make_doc
from helpers.models import make_t5
from helpers.reference import dict_trie

from spacy_genre import TokenTrie
from spacy_genre.decoding import TrieConstraint
from spacy_genre.decoding.explanation import explain_sequence
from spacy_genre.tasks.explanation import explain


def token_logprobs(module, ids, tokens):
    """The log-probabilities of all tokens at each step, by reading the sequence at once."""
    sent = [module.config.decoder_start_token_id, *tokens]
    with torch.inference_mode():
        logits = module(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([sent]))
    return logits.logits[0].log_softmax(-1)


def assert_path(path, module, ids, tokens, sequences, n_alternatives):
    config = module.config
    start, eos = config.decoder_start_token_id, config.eos_token_id
    follow = dict_trie(sequences, start, eos)
    expected = token_logprobs(module, ids, tokens)
    assert [step.chosen.token for step in path] == [*tokens, eos]
    for i, (step, logprobs) in enumerate(zip(path, expected, strict=True)):
        allowed = follow[(start, *tokens[:i])]
        assert step.n_allowed == len(allowed)
        assert step.chosen.logprob == pytest.approx(float(logprobs[step.chosen.token]), abs=1e-4)
        others = sorted(allowed - {step.chosen.token}, key=lambda t: -logprobs[t])
        assert [a.token for a in step.alternatives] == others[:n_alternatives]
        for other in step.alternatives:
            assert other.logprob == pytest.approx(float(logprobs[other.token]), abs=1e-4)
            assert other.is_end == (other.token == eos)
        total = float(logprobs[sorted(allowed)].logsumexp(0))
        assert step.allowed_logprob == pytest.approx(total, abs=1e-4)


def test_all_paths_of_a_linker(nlp, linker, titles, tokenizer):
    linker.dtype = "float32"
    span = make_doc(nlp).ents[0]
    (ids,) = linker.encode([span])
    sequences = [tuple(tokens) for tokens in tokenizer.encode(NAMES)]
    module = linker.shim.transformer
    for name, tokens in zip(NAMES, sequences, strict=True):
        constraint = TrieConstraint(titles.trie, 1, module.config.eos_token_id)
        path = explain_sequence(module, ids, constraint, tokens, n_alternatives=3)
        assert_path(path, module, ids, tokens, sequences, 3)
        found = explain(linker, span, name, n_alternatives=3)
        assert found.logprob == pytest.approx(sum(step.chosen.logprob for step in path))
        assert [s.chosen.probability for s in found.steps] == pytest.approx(
            [math.exp(step.chosen.logprob) for step in path]
        )
        assert all(step.allowed_probability <= 1 for step in found.steps)


def test_a_model_that_transformers_decodes(hf_tokenizer):
    module = make_t5(vocab_size=100)
    sequences = [(5, 6), (5, 7, 8), (5, 6, 9), (10,)]
    trie, _ = TokenTrie.build(sequences)
    ids = [3, 4, 5]
    with pytest.warns(UserWarning, match="W003"):
        path = explain_sequence(module, ids, TrieConstraint(trie, 1, 1), (5, 6))
    assert_path(path, module, ids, (5, 6), sequences, 5)


def test_the_explanation_of_a_candidate_has_its_score(nlp, linker):
    linker.dtype = "float32"
    doc = linker(make_doc(nlp))
    for ent in doc.ents:
        for candidate in ent._.genre_candidates[:2]:
            found = explain(linker, ent, candidate.title)
            assert found.logprob == pytest.approx(candidate.logprob, abs=1e-3)
            assert found.score == pytest.approx(candidate.score, abs=1e-4)


def test_texts_of_tokens(nlp, linker):
    linker.titles.add("Einsteinium")
    found = explain(linker, make_doc(nlp).ents[0], "Einsteinium")
    assert "einstein" in found.input.lower()
    steps = found.steps[1:]  # the first is the start of every name
    assert "".join(step.chosen.text for step in steps).lower() == "einsteinium"
    assert steps[0].prefix == ""
    assert [step.chosen.is_end for step in steps] == [False] * (len(steps) - 1) + [True]
    assert found.steps[0].n_allowed == 1


def test_pages_are_explained(page_nlp, retriever):
    retriever.dtype = "float32"
    doc = page_nlp("Who was Einstein?")
    (page, *_) = doc._.genre_pages
    assert explain(retriever, doc[:], page.title).score == pytest.approx(page.score, abs=1e-4)


def test_names_that_cannot_be_generated(nlp, linker):
    span = make_doc(nlp).ents[0]
    with pytest.raises(ValueError, match="'Nothing'"):
        explain(linker, span, "Nothing")
    linker.get_candidates = lambda titles, span: ["Paris"]
    with pytest.raises(ValueError, match="'Chicago'"):
        explain(linker, span, "Chicago")
    assert explain(linker, span, "Paris").steps
    with pytest.raises(ValueError, match="inside of a text"):
        explain(nlp.add_pipe("genre_annotator"), span, "Paris")
