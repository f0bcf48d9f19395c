"""The ways to attend and to normalise that are fast, beside the obvious ones."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings

from spacy_genre.decoding.bart.attention import BLOCK_SIZES, RowGrid, attend, attention_blocks
from spacy_genre.decoding.logprobs import PIECE, LogProbs

CPU, HEADS, HEAD = torch.device("cpu"), 2, 8
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=2 * BLOCK_SIZES[1])


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(0, 5), st.sampled_from([torch.float32, torch.bfloat16]))
def test_inputs_in_blocks_look_at_themselves_alone(lengths, n_extra, dtype):
    torch.manual_seed(0)
    n = sum(lengths)
    qkv = torch.randn(n + n_extra, 3 * HEADS * HEAD).to(dtype)
    parts = attention_blocks(np.asarray(lengths), n_extra, HEADS, CPU, dtype)
    found = torch.cat([part.attend(qkv, HEADS) for part in parts])
    assert found.shape == (n + n_extra, HEADS * HEAD)
    start = 0
    for length in lengths:
        rows = qkv[start : start + length].float().unflatten(-1, (3, HEADS, HEAD))
        q, k, v = rows.permute(1, 2, 0, 3)
        expected = (q @ k.transpose(1, 2)).softmax(-1) @ v
        own = found[start : start + length].float()
        tolerance = 1e-5 if dtype == torch.float32 else 0.05
        assert torch.allclose(own, expected.transpose(0, 1).flatten(1), atol=tolerance)
        start += length


@pytest.mark.parametrize("n_queries", [1, 5, 16, 17, 40])
def test_many_queries_find_what_few_find(n_queries):
    torch.manual_seed(0)
    keys, values = torch.randn(2, 3, HEADS, 20, HEAD)
    q = torch.randn(3, n_queries, HEADS * HEAD)
    mask = torch.zeros(3, 1, n_queries, 20).masked_fill_(
        torch.rand(3, 1, n_queries, 20) < 0.3, -9e9
    )
    expected = F.scaled_dot_product_attention(
        q.unflatten(-1, (HEADS, HEAD)).transpose(1, 2), keys, values, attn_mask=mask, scale=1.0
    )
    found = attend(q, keys, values, mask)
    assert torch.allclose(found, expected.transpose(1, 2).flatten(2), atol=1e-5)


def test_a_grid_spreads_rows_and_collects_them():
    grid = RowGrid(np.asarray([0, 1, 3]), (2, 3), CPU, n_extra=1)
    rows = torch.arange(4.0)[:, None]
    table = grid.pad(rows)
    assert table.shape == (2, 3, 1)
    assert grid.unpad(table).flatten().tolist()[:3] == [0, 1, 2]
    assert grid.with_extra_rows(np.asarray([7, 8, 9])).tolist() == [7, 8, 9, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_log_probabilities_are_those_of_the_log_softmax(dtype):
    torch.manual_seed(0)
    size = 70_000
    logits = torch.randn(2 * (PIECE // size) + 1, size).mul_(5).to(dtype)
    logits[:, :9] = -torch.inf  # as a bias may forbid tokens
    expected = logits.float().log_softmax(-1)
    found = LogProbs(logits)
    rows, tokens = np.asarray([0, 3, len(logits) - 1]), np.asarray([20, 4000, size - 1])
    assert torch.allclose(found.at(rows, tokens), expected[rows, tokens], atol=1e-5)
    some = np.arange(9, 3000)
    best, at = found.best(rows, some, 4)
    top = expected[rows][:, some].topk(4)
    assert torch.allclose(best, top.values, atol=1e-5)
    assert torch.allclose(expected[rows[:, None], some[at]], top.values, atol=1e-5)
    assert (found.at(rows, np.zeros(3, np.int64)) == -torch.inf).all()
