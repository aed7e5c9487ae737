from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from navagent.train.advantages import advantages


def by_definition(
    rewards: list[float], values: list[float], ended: list[bool], last_value: float, gamma: float, tau: float
) -> list[float]:
    """The sum of discounted surprises up to the episode's end, term by term (the paper's equation 16)."""
    after = [*values[1:], last_value]
    found = []
    for t in range(len(rewards)):
        total, k = 0.0, t
        while True:
            follows = 0.0 if ended[k] else after[k]
            total += (gamma * tau) ** (k - t) * (rewards[k] + gamma * follows - values[k])
            if ended[k] or k == len(rewards) - 1:
                break
            k += 1
        found.append(total)
    return found


numbers = st.floats(-10, 10)


@settings(deadline=None)
@given(
    steps=st.lists(st.tuples(numbers, numbers, st.booleans()), min_size=1, max_size=12),
    last_value=numbers,
    gamma=st.floats(0, 1),
    tau=st.floats(0, 1),
)
def test_advantages_are_what_the_definition_says(
    steps: list[tuple[float, float, bool]], last_value: float, gamma: float, tau: float
) -> None:
    rewards, values, ended = (list(part) for part in zip(*steps, strict=True))
    one, other = (torch.tensor(part, dtype=torch.float64)[:, None] for part in (rewards, values))
    last = torch.tensor([last_value], dtype=torch.float64)
    found = advantages(one, other, torch.tensor(ended)[:, None], last, gamma, tau)
    expected = by_definition(rewards, values, ended, last_value, gamma, tau)
    assert torch.allclose(found[:, 0], torch.tensor(expected, dtype=torch.float64), atol=1e-9)
