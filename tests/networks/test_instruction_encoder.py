from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from navagent.networks.instruction_encoder import InstructionEncoder

WORDS, LONGEST = 6, 5


def encoder() -> InstructionEncoder:
    torch.manual_seed(0)
    return InstructionEncoder(spaces.Box(0, WORDS - 1, (LONGEST,), np.int32), 8).double()


INSTRUCTIONS = st.lists(
    st.lists(st.integers(1, WORDS - 1), max_size=LONGEST).map(lambda row: row + [0] * (LONGEST - len(row))),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(batches=st.lists(INSTRUCTIONS, min_size=1, max_size=4))
def test_what_is_kept_is_what_is_read_anew(batches: list[list[list[int]]]) -> None:
    kept, fresh = encoder(), encoder()
    for batch in batches:
        tokens = torch.tensor(batch)
        states, there = fresh.words(tokens)
        with torch.no_grad():
            found, found_there = kept.words(tokens)
            assert torch.allclose(kept(tokens), fresh(tokens), atol=1e-12)
        assert torch.equal(found_there, there)
        assert torch.allclose(found[there], states[there], atol=1e-12)


def test_a_changed_weight_is_noticed() -> None:
    changing, tokens = encoder(), torch.tensor([[1, 2, 3, 0, 0]])
    optimizer = torch.optim.SGD(changing.parameters(), 0.5)
    with torch.no_grad():
        before = changing(tokens)
    torch.autograd.backward(changing(tokens).sum())
    optimizer.step()
    with torch.no_grad():
        after = changing(tokens)
    assert not torch.allclose(before, after)
    assert torch.allclose(after, changing(tokens).detach(), atol=1e-12)
