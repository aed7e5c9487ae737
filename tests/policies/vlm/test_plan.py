"""Plans: what the language model writes, and that frames are read under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

transformers = pytest.importorskip("transformers", reason='needs transformers: pip install "navagent[vision]"')

from policies.vlm.architecture import Language  # noqa: E402
from policies.vlm.plan import NOTHING, packed, unpacked  # noqa: E402
from policies.vlm.policy import VLMPolicy  # noqa: E402
from tests.policies.vlm.made_up import WORDS, build, observed  # noqa: E402
from tests.tiny_models import make_llama  # noqa: E402

PLANNED: dict[str, Any] = {"connector__kind": "qformer", "connector__layers": 2, "plan__tokens": 5}


@given(tokens=st.lists(st.integers(NOTHING, 2_000_000), min_size=1, max_size=4))
@settings(max_examples=30)
def test_a_state_in_half_precision_holds_plans_exactly(tokens: list[int]) -> None:
    plans = torch.tensor([tokens, tokens[::-1]])
    assert torch.equal(unpacked(packed(plans).to(torch.bfloat16)), plans)
    assert not packed(torch.full((1, 2), NOTHING)).any()


def test_a_plan_is_what_transformers_own_generation_writes(tmp_path: Path) -> None:
    """Greedily, from the same instruction, first view and prompt, by the same model loaded apart from the policy."""
    folder = make_llama(tmp_path)
    network = build(language=Language(str(folder)), **PLANNED)
    assert isinstance(network, VLMPolicy)
    assert network.plan is not None
    begins = torch.ones(1, 3, dtype=torch.bool)
    seen = {name: values[0] for name, values in observed(begins).items()}
    _, _, state = network.step(seen, torch.zeros(3, dtype=torch.int64), network.new_state(3), begins[0])
    plans = unpacked(state[:, -2 - 15 : -2])
    model = transformers.LlamaForCausalLM.from_pretrained(folder).eval()
    assert network.words is not None
    words, lengths = network.words(seen["instruction"])
    looked = network.connector(network.tower(seen))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for agent in range(3):
        words_of_plan = [token for token in plans[agent].tolist() if token != NOTHING]
        assert network.written(state[agent]) == tokenizer.decode(words_of_plan).strip()
        prompt = torch.cat([words[agent, : lengths[agent]], torch.tensor([], dtype=torch.int64)])
        text, asked = (model.get_input_embeddings()(part) for part in (prompt, network.plan.prompt))
        given = torch.cat([text, looked[agent], asked])[None]
        made = model.generate(
            inputs_embeds=given, attention_mask=torch.ones(given.shape[:2]), max_new_tokens=5, do_sample=False
        )[0]
        ended = (made == model.config.eos_token_id).cumsum(0).bool()
        assert plans[agent, : len(made)].tolist() == torch.where(ended, NOTHING, made).tolist()
        assert (plans[agent, len(made) :] == NOTHING).all()


def test_frames_are_read_under_the_plan() -> None:
    """Another plan in the state, all else alike, gives other actions; and nobody learns from the output layer."""
    network = build(**PLANNED)
    begins = torch.tensor([[True]])
    seen, last = observed(begins), torch.zeros(1, 1, dtype=torch.int64)
    now = {name: values[0] for name, values in seen.items()}
    _, _, state = network.step(now, last[0], network.new_state(1), begins[0])
    other = state.clone()
    other[:, -2 - 15 : -2] = packed(torch.tensor([[1, 2, 3, 4, 5]]))
    later = torch.tensor([[False]])
    found = [network(seen, last, kept, later)[0] for kept in (state, other)]
    assert not torch.allclose(found[0], found[1], atol=1e-4)
    found[0].sum().backward()
    unlearned = {name for name, weights in network.named_parameters() if weights.requires_grad and weights.grad is None}
    assert {name.split(".")[0] for name in unlearned} <= {"value"}


def test_a_plan_without_a_tokenizer_is_in_the_environments_words() -> None:
    network = build(**PLANNED)
    begins = torch.ones(1, 2, dtype=torch.bool)
    seen = {name: values[0] for name, values in observed(begins).items()}
    _, _, state = network.step(seen, torch.zeros(2, dtype=torch.int64), network.new_state(2), begins[0])
    for agent in range(2):
        tokens = unpacked(state[agent, None, -2 - 15 : -2])[0].tolist()
        assert network.written(state[agent]) == " ".join(WORDS[token] for token in tokens if token != NOTHING)
    assert build().written(build().new_state(1)[0]) == ""
