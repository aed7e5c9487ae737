"""OpenAIChat against a second real server: `transformers serve` with a tiny random checkpoint made on the spot.

Slow set: needs `pip install torch==2.13.0 "transformers[serving]"`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from navagent.llm.openai_chat import OpenAIChat
from navagent.types import Message
from tests.command_line import CHECKOUT, run_navagent

pytestmark = pytest.mark.slow

TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def _make_checkpoint(folder: Path) -> Path:
    """Save a random two-layer Llama with a byte-level tokenizer."""
    tokenizers = pytest.importorskip("tokenizers")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    bytes_only = tokenizers.Tokenizer(tokenizers.models.BPE())
    bytes_only.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<eos>"]
    )
    bytes_only.train_from_iterator(["walk to the kitchen and stop by the door"], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bytes_only, eos_token="<eos>", pad_token="<eos>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Start the server; give its address and the model's name."""
    checkpoint = str(_make_checkpoint(tmp_path_factory.mktemp("tiny_llama")))
    pytest.importorskip("fastapi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", checkpoint, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = tmp_path_factory.mktemp("log") / "server.txt"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1", checkpoint
        finally:
            process.terminate()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"the server did not start: {log.read_text()}")


def test_a_local_checkpoint_answers(server: tuple[str, str]) -> None:
    address, checkpoint = server
    chat = OpenAIChat(checkpoint, base_url=address, max_tokens=12)
    first = chat.chat([Message("user", "Where to?")], temperature=0.0)
    assert first.input_tokens > 0
    assert 0 < first.output_tokens <= 12
    assert first.text == chat.chat([Message("user", "Where to?")], temperature=0.0).text


def test_an_evaluation_runs_on_a_local_checkpoint(server: tuple[str, str], tiny_data: Path, tmp_path: Path) -> None:
    """A random model talks nonsense, so every decision falls back, is counted, and the run ends well."""
    address, checkpoint = server
    options = ("--config", str(CHECKOUT / "configs" / "r2r_navgpt.yaml"), "--policy.llm", "OpenAIChat")
    model = ("--policy.llm.model", checkpoint, "--policy.llm.base_url", address, "--policy.llm.max_tokens", "16")
    rest = ("--episodes", "3", "--workers", "2", "--cache", str(tmp_path / "cache"), "--name", "x")
    done = run_navagent("eval", *options, *model, *rest, data=tiny_data, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs" / "x" / "summary.json").read_text())
    assert (summary["n"], summary["errors"]["count"], summary["fallbacks"]) == (3, 0, 3)
    assert summary["rejected_replies"] == summary["usage"]["calls"] == 9
    assert not summary["stand_in"]
    assert "cost unknown" in done.stdout
