"""DiscussNav's last discussion: which of several predictions to follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from policies.experts import TEXT, Consultation, line
from policies.prompts import render
from policies.situation import Choice

JUDGEMENTS = 3
"""How often the public code asks its judge (`test_decisions`)."""

Groups: TypeAlias = Mapping[str, Sequence[Choice]]
"""Predictions by action, at least one each."""


class Tester(ABC):
    """Chooses between predictions."""

    @abstractmethod
    def choose(self, groups: Groups, consultation: Consultation) -> Choice:
        """Return the choice to follow, whose action is one of the groups'."""


class MajorityVote(Tester):
    """Takes the action that most predictions share, of several such the first; no call."""

    def choose(self, groups: Groups, consultation: Consultation) -> Choice:
        """Return the first choice of the largest group."""
        return max(groups.values(), key=len)[0]


class DecisionTesting(Tester):
    """The paper's expert: fuses each group's thoughts into one; a judge chooses between groups from those.

    One group is taken at once. The judge is no vote: it may side with the smaller group. After three judgements that
    cannot be used the largest group is taken; the public code breaks there.
    """

    def choose(self, groups: Groups, consultation: Consultation) -> Choice:
        """Return the judge's choice with its group's fused thought."""
        fused = {action: _fuse(group, consultation) for action, group in groups.items()}
        if len(fused) == 1:
            return next(iter(fused.values()))
        return self._judge(fused, consultation) or fused[MajorityVote().choose(groups, consultation).action]

    def _judge(self, fused: Mapping[str, Choice], consultation: Consultation) -> Choice | None:
        proposals = [f"Thought for {action}: {choice.thought}" for action, choice in fused.items()]
        prompt = render(
            "discussnav_judge",
            instruction=line(consultation.situation.instruction),
            surroundings=consultation.situation.ways_on,
            proposals="\n".join(proposals),
        )
        fields = {"thought": TEXT, "action": {"type": "string", "enum": list(fused)}}
        for _ in range(JUDGEMENTS):
            said = consultation.ask("judge", prompt, fields, temperature=0.0)
            action = line(said.get("action"))
            if action in fused:
                return fused[action]
            if said:
                consultation.asker.complain(f"judge: '{action[:80]}' is none of the predictions")
        return None


def _fuse(group: Sequence[Choice], consultation: Consultation) -> Choice:
    """Return the group's action with one thought for all; the first one's if the model gives none."""
    first = group[0]
    thoughts = "\n".join(f"Thought {number}: {choice.thought}" for number, choice in enumerate(group, start=1))
    said = consultation.ask_text("fuse thoughts", render("discussnav_fuse", thoughts=thoughts), "thought")
    return Choice(first.action, said or first.thought, first.plan)
