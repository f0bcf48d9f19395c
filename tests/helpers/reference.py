"""The slow and obvious way: transformers' own `generate` with a dict of prefixes, one input at a
time."""

from collections import defaultdict

import torch
from transformers.utils import logging

logging.set_verbosity_error()  # transformers warns of options that a single beam doesn't use


def dict_trie(sequences, start, eos):
    """prefix -> tokens that may follow, as the paper's code has it."""
    follow = defaultdict(set)
    for seq in sequences:
        full = (start, *seq, eos)
        for i in range(1, len(full)):
            follow[full[:i]].add(full[i])
    return follow


def path_score(model, ids, tokens, length_penalty):
    """The score of one name, by reading it at once."""
    config = model.config
    start = torch.tensor([[config.decoder_start_token_id, *tokens]])
    labels = torch.tensor([*tokens, config.eos_token_id])
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=start).logits[0]
    logprob = logits.log_softmax(-1).gather(1, labels[:, None]).sum()
    return float(logprob) / len(labels) ** length_penalty


def generate(model, ids, sequences, num_beams, **options):
    """[(tokens, score)] of one input, best first, where only some sequences are allowed."""
    config = model.config
    follow = dict_trie(sequences, config.decoder_start_token_id, config.eos_token_id)
    length = max(map(len, sequences)) + 1
    return generate_allowed(
        model, ids, lambda sent: follow.get(sent, ()), num_beams, length, **options
    )


def generate_allowed(
    model, ids, allowed, num_beams, max_length, length_penalty=1.0, early_stopping=False
):
    """[(tokens, score)] of one input, best first.

    allowed: The tokens that may follow a tuple of tokens, which begins with the start token.
    max_length (int): The most generated tokens, with the end token.
    """
    config = model.config
    with torch.inference_mode():
        output = model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            num_beams=num_beams,
            num_return_sequences=num_beams,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
            min_length=0,
            max_new_tokens=max_length,
            no_repeat_ngram_size=0,
            forced_bos_token_id=None,
            forced_eos_token_id=None,
            # A finished beam has nothing to follow, and an empty list raises.
            prefix_allowed_tokens_fn=lambda _, sent: (
                sorted(allowed(tuple(sent.tolist()))) or [config.pad_token_id]
            ),
            output_scores=True,
            return_dict_in_generate=True,
        )
    if num_beams == 1:  # greedy, and without scores
        tokens = output.sequences[0].tolist()[1:]
        tokens = tokens[: tokens.index(config.eos_token_id)]
        return [(tokens, path_score(model, ids, tokens, length_penalty))]
    found = []
    for row, score in zip(output.sequences.tolist(), output.sequences_scores.tolist(), strict=True):
        tokens = row[1:]
        if config.eos_token_id in tokens:
            tokens = tokens[: tokens.index(config.eos_token_id)]
        # Below are copies of dead beams, which transformers carries along at -1e9.
        if score > -1e6:
            found.append((tokens, score))
    return found
