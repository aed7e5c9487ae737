"""`navagent eval` with a model behind a real server: cost, cache, budget, keys, faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat_server import ChatServer, first_viewpoint
from tests.command_line import CHECKOUT, run_navagent

KEY = "sk-a-key-that-must-not-leak"
PRICES = "local: {input: 10, output: 30}\n"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(first_viewpoint) as running:
        yield running


def _eval(server: ChatServer, data: Path, cwd: Path, *options: str) -> Any:
    (cwd / "prices.yaml").write_text(PRICES)
    config = ("--config", str(CHECKOUT / "configs" / "r2r_navgpt.yaml"), "--policy.max_steps", "4")
    model = ("--policy.llm", "OpenAIChat", "--policy.llm.model", "local", "--policy.llm.max_tokens", "100")
    place = ("--prices", "prices.yaml", "--cache", "cache", "--name", "x", *options)
    return run_navagent(
        "eval", *config, *model, *place, data=data, cwd=cwd, OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY
    )


def _summary(cwd: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((cwd / "runs" / "x" / "summary.json").read_text())
    return summary


def test_costs_and_models_reach_the_summary(server: ChatServer, tiny_data: Path, tmp_path: Path) -> None:
    done = _eval(server, tiny_data, tmp_path, "--episodes", "6")
    assert done.returncode == 0, done.stderr
    usage = _summary(tmp_path)["usage"]
    assert usage["calls"] == len(server.requests) == 24
    assert usage["cost_usd"] == pytest.approx((usage["input_tokens"] * 10 + usage["output_tokens"] * 30) / 1e6)
    paid = [json.loads(line) for line in (tmp_path / "runs" / "x" / "calls.jsonl").read_text().splitlines()]
    assert sum(call["cost_usd"] for call in paid) == pytest.approx(usage["cost_usd"])
    assert _summary(tmp_path)["paid_usd"] == pytest.approx(usage["cost_usd"])
    assert f"${usage['cost_usd']:.2f} paid in all" in done.stdout


def test_a_second_run_is_answered_from_the_cache(server: ChatServer, tiny_data: Path, tmp_path: Path) -> None:
    _eval(server, tiny_data, tmp_path, "--episodes", "6")
    first, asked = _summary(tmp_path), len(server.requests)
    _eval(server, tiny_data, tmp_path, "--episodes", "6", "--name", "y")
    second = json.loads((tmp_path / "runs" / "y" / "summary.json").read_text())
    assert len(server.requests) == asked
    assert second["metrics"] == first["metrics"]
    assert (second["usage"]["cached"], second["usage"]["cost_usd"]) == (24, 0.0)


def test_a_budget_stops_the_run_and_a_larger_one_finishes_it(
    server: ChatServer, tiny_data: Path, tmp_path: Path
) -> None:
    whole = _eval(server, tiny_data, tmp_path, "--cache", "off", "--name", "whole")
    assert whole.returncode == 0, whole.stderr
    cost = json.loads((tmp_path / "runs" / "whole" / "summary.json").read_text())["usage"]["cost_usd"]
    budget = cost / 2
    stopped = _eval(server, tiny_data, tmp_path, "--budget-usd", str(budget), "--workers", "2")
    assert stopped.returncode == 3, stopped.stderr
    assert "Stopped: The budget of $" in stopped.stdout
    assert "Go on with the same command" in stopped.stdout
    part = _summary(tmp_path)
    assert 0 < part["n"] < 30
    assert _spent(tmp_path) <= budget
    finished = _eval(server, tiny_data, tmp_path, "--budget-usd", str(cost * 2))
    assert finished.returncode == 0, finished.stderr
    assert _spent(tmp_path) == pytest.approx(cost)  # replies in flight at the stop were kept: nothing is paid twice
    assert _summary(tmp_path)["paid_usd"] == pytest.approx(cost)
    assert _summary(tmp_path)["n"] == 30


def _spent(cwd: Path) -> float:
    lines = (cwd / "runs" / "x" / "calls.jsonl").read_text().splitlines()
    return float(sum(json.loads(line)["cost_usd"] for line in lines))


def test_a_budget_needs_a_price(server: ChatServer, tiny_data: Path, tmp_path: Path) -> None:
    done = _eval(server, tiny_data, tmp_path, "--budget-usd", "1", "--policy.llm.model", "unheard-of")
    assert done.returncode == 2
    assert "--budget-usd needs a price for model 'unheard-of'" in done.stderr
    assert server.requests == []
    assert not (tmp_path / "runs").exists()


def test_the_key_reaches_the_server_and_nothing_else(server: ChatServer, tiny_data: Path, tmp_path: Path) -> None:
    done = _eval(server, tiny_data, tmp_path, "--episodes", "2")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in done.stdout + done.stderr
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 5
    assert [file for file in written if KEY.encode() in file.read_bytes()] == []


def test_a_server_that_is_down_stops_the_run_and_costs_no_episode(tiny_data: Path, tmp_path: Path) -> None:
    with ChatServer(first_viewpoint) as gone:
        pass
    down = _eval(gone, tiny_data, tmp_path, "--policy.llm.max_retries", "0")
    assert down.returncode == 2
    assert "local: no connection to http://127.0.0.1:" in down.stderr
    assert "the same command begins again" in down.stderr
    assert "Traceback" not in down.stderr
    with ChatServer(first_viewpoint) as back:
        up = _eval(back, tiny_data, tmp_path, "--policy.llm.max_retries", "0")
    assert up.returncode == 0, up.stderr
    assert (_summary(tmp_path)["n"], _summary(tmp_path)["errors"]["count"]) == (30, 0)
