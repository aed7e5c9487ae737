"""`navagent decompose` as a user runs it, with the rules and with a model behind a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envs.houses.annotations import load_sub_tasks
from envs.houses.dataset import make_data
from envs.houses.splits import plan_splits
from tests.chat_server import ChatServer, Request, Step, Text
from tests.command_line import run_navagent


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("houses")
    make_data(root, plan_splits(0, 0, 2, paths=2))
    return root


def measured(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_the_rules_know_the_houses_words(houses: Path, tmp_path: Path) -> None:
    done = run_navagent("decompose", "--llm", "OfflineChat", data=houses, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Sub-tasks by offline-rules on houses val_unseen, 12 instructions" in done.stdout
    assert "100.00 %" in done.stdout
    assert "No language model" in done.stdout


def mistaken(request: Request) -> Step:
    """Turn the first sub-task's landmark of every right answer into the whole instruction."""
    instruction = request.last.removeprefix("Instruction: ")
    return Text(json.dumps({"sub_tasks": [{"action": "Exit", "landmark": instruction, "text": instruction}]}))


def test_a_models_mistakes_and_costs_are_told(houses: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("local: {input: 10, output: 30}\n")
    model = ("--llm", "OpenAIChat", "--llm.model", "local", "--prices", "prices.yaml", "--cache", "cache")
    with ChatServer(mistaken) as server:
        command = ("decompose", *model, "--json", "--out", "found.jsonl")
        first = measured(
            run_navagent(*command, data=houses, cwd=tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-x")
        )
        again = measured(
            run_navagent(*command, data=houses, cwd=tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-x")
        )
        assert len(server.requests) == 12
    truth = load_sub_tasks("val_unseen", str(houses))
    expected = sum((tasks[0].action == "Exit") / len(tasks) for tasks in truth.values()) / len(truth)
    assert first["metrics"] == pytest.approx({"exact_match": 0, "action_accuracy": expected, "landmark_f1": 0})
    assert first["usage"]["cost_usd"] == pytest.approx((1200 * 10 + 240 * 30) / 1e6)
    assert again["metrics"] == first["metrics"]
    assert (again["usage"]["cached"], again["usage"]["cost_usd"]) == (12, 0)
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert {line["episode_id"] for line in lines} == set(truth)
    assert all([task["action"] for task in line["found"]] == ["Exit"] for line in lines)


def test_a_sample_is_counted_and_a_useless_model_falls_back(houses: Path, tmp_path: Path) -> None:
    with ChatServer([Text("I would rather not.")]) as server:
        model = ("--llm", "OpenAIChat", "--llm.model", "local", "--cache", "off", "--max_retries", "1")
        done = run_navagent(
            *("decompose", *model, "--episodes", "4", "--json"),
            data=houses,
            cwd=tmp_path,
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="sk-x",
        )
    summary = measured(done)
    assert (summary["n"], summary["fallbacks"], summary["rejected_replies"]) == (4, 4, 8)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Give --llm"),
        (("--llm", "OfflineChat", "--split", "test"), "is missing: make it with `navagent houses make FOLDER`"),
        (("--llm", "OfflineChat", "--splt", "x"), "Did you mean '--split'? `navagent decompose --help`"),
        (("--llm", "OfflineChat", "--episodes", "99"), "not between 1 and the split's 12"),
        (("--llm", "OfflineChat", "--out", "nowhere/x.jsonl"), "nowhere/x.jsonl: No such file"),
    ],
)
def test_mistakes_are_one_sentence(options: tuple[str, ...], said: str, houses: Path, tmp_path: Path) -> None:
    done = run_navagent("decompose", *options, data=houses, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_encoder_that_cannot_be_loaded_is_one_sentence(houses: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    encoder = ("--encoder", "SentenceEncoder", "--encoder.path", "nowhere")
    done = run_navagent("decompose", "--llm", "OfflineChat", *encoder, data=houses, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().endswith(
        "navagent decompose: nowhere holds no checkpoint: give the folder of a sentence encoder, with config.json."
    )
