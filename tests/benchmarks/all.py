"""`make benchmark`: the figures that the README quotes, each beside a named alternative measured in the same run.

Needs NAVAGENT_DATA. Timing decides nothing here; read the table.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from envs.r2r.dataset import load_r2r
from envs.r2r.env import R2R
from envs.r2r.submission import read_submission
from eval.rules import R2R as RULES
from eval.run_directory import RunDirectory
from eval.runner import evaluate
from eval.sampling import choose_episodes
from eval.scoring import score_predictions
from navagent.contracts import ChatModel, Policy
from navagent.data import data_root
from navagent.llm.openai_chat import OpenAIChat
from navagent.perception.navgpt_texts import NavGPTTexts
from navagent.types import Message, Reply
from policies.baselines import Random
from policies.navgpt import NavGPT
from tests.benchmarks import networkx_scorer
from tests.command_line import CHECKOUT, navagent_command

REPEATS = 5


def median_seconds(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median wall time of a function."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def command_seconds(command: Sequence[str], repeats: int = REPEATS) -> float:
    """Return the median wall time of a command, start-up included."""
    return median_seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=CHECKOUT), repeats)


def line(what: str, figure: str, beside: str = "") -> None:
    """Print one row."""
    print(f"{what:<62} {figure:>20}  {beside}", flush=True)


# ---------------------------------------------------------------------------------------------- start-up
def startup() -> None:
    """Imports, help, size of the installation."""
    bare = command_seconds([sys.executable, "-c", "pass"])
    imported = command_seconds([sys.executable, "-c", "import navagent"])
    shown = command_seconds(navagent_command("--help"))
    line("import navagent (target under 0.2 s)", f"{imported:.3f} s", f"bare Python {bare:.3f} s")
    line("navagent --help (target under 0.5 s)", f"{shown:.3f} s")


def installed_size() -> None:
    """Size of a fresh core installation, without torch."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        before = _megabytes(Path(folder))
        pip = [str(Path(folder, "bin", "python")), "-m", "pip", "install", "-q", "-c", "constraints.txt", "."]
        subprocess.run(pip, check=True, capture_output=True, cwd=CHECKOUT)
        line(
            "core install, numba included (target under 600 MB)",
            f"{_megabytes(Path(folder)) - before:.0f} MB",
            "without pip itself",
        )


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


# ----------------------------------------------------------------------------------------------- scoring
def scoring(data: Path) -> None:
    """`navagent score` of a whole split against networkx."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "submission.json")
        _write_random_walks(data, file)

        def ours() -> None:
            split = load_r2r("val_unseen", str(data))
            score_predictions(RULES, list(read_submission(file, split).trajectories.values()), [])

        line(
            "navagent score of 2,349 predictions (target under 2 s)",
            f"{command_seconds(navagent_command('score', str(file), '--split', 'val_unseen', '--json')):.2f} s",
            "start-up included",
        )
        gc.disable()  # as `navagent score` does; the rivals profit too
        seconds = median_seconds(ours)
        table = median_seconds(lambda: networkx_scorer.score(file, data, "val_unseen"))
        queried = median_seconds(lambda: networkx_scorer.score(file, data, "val_unseen", table=False), repeats=1)
        gc.enable()
        line("  the same in one process, with intervals", f"{seconds:.3f} s")
        line("  networkx, one query per distance, no intervals", f"{queried:.1f} s", f"{queried / seconds:.0f} x ours")
        line(
            "  networkx, table of all distances first, no intervals", f"{table:.3f} s", f"{table / seconds:.1f} x ours"
        )


def _write_random_walks(data: Path, file: Path) -> None:
    env = R2R("val_unseen", str(data))
    results = _play(env, Random(), workers=1)[1]
    walks = [{"instr_id": r.episode_id, "trajectory": [[p[0], p[4], p[5]] for p in r.trajectory]} for r in results]
    file.write_text(json.dumps(walks))


# ------------------------------------------------------------------------------------------------ running
class InstantChat(ChatModel):
    """Walks to the first navigable viewpoint, at once."""

    name = identity = "instant"
    is_language_model = False

    def chat(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, n: int = 1, **sampling: Any
    ) -> Reply:
        """Answer in ReAct text."""
        viewpoint = messages[-1].content.split("Navigable: ")[1].split(":")[0]
        text = f"Thought: the first one.\nAction: move\nAction Input: {viewpoint}"
        return Reply((text,), (None,), self.name, 0, 0, 0.0)


def _play(env: R2R, policy: Policy, workers: int, count: int | None = None) -> tuple[float, list[Any]]:
    """Return seconds and results of a run."""
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder))
        episodes = choose_episodes(env.episodes, count, seed=0)
        start = time.perf_counter()
        outcome = evaluate(env, policy, episodes, directory, workers=workers)
        seconds = time.perf_counter() - start
        assert outcome.complete, outcome.reason
        return seconds, list(directory.results())


def running(data: Path) -> None:
    """What the runner itself costs."""
    env, texts = R2R("val_unseen", str(data)), NavGPTTexts(str(data))
    seconds, results = _play(env, Random(), workers=1)
    line("Random on val_unseen (target 300 episodes/s)", f"{len(results) / seconds:,.0f} episodes/s", "one worker")
    seconds, results = _play(env, NavGPT(InstantChat(), texts), workers=32, count=600)
    decisions = sum(result.decisions for result in results)
    line("NavGPT, instant model, 32 workers (target under 3 ms)", f"{1000 * seconds / decisions:.2f} ms/decision")


def waiting(data: Path, latency_s: float = 0.5, workers: int = 64) -> None:
    """How well waiting for a server is overlapped."""
    env, texts = R2R("val_unseen", str(data)), NavGPTTexts(str(data))
    command = [sys.executable, "-m", "tests.chat_server", "--latency", str(latency_s), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[-1]
        model = OpenAIChat("local", base_url=f"http://127.0.0.1:{port}/v1")
        seconds, results = _play(env, NavGPT(model, texts), workers, count=workers * 4)
        server.terminate()
    decisions, ideal = sum(result.decisions for result in results), workers / latency_s
    share = decisions / seconds / ideal
    line(
        f"{workers} workers, {latency_s} s per reply (target 90 % of the ideal)",
        f"{decisions / seconds:.0f} decisions/s",
        f"{100 * share:.0f} % of {ideal:.0f}; one worker at most {1 / latency_s:.0f}",
    )


def main() -> None:
    """Print all figures."""
    data = data_root(None).resolve()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, medians of {REPEATS} unless said otherwise\n")
    startup()
    scoring(data)
    running(data)
    waiting(data)
    installed_size()


if __name__ == "__main__":
    main()
