"""Random checkpoints of real architectures, a few kilobytes each, saved as `save_pretrained` saves the real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

TURN = "<turn>"
"""The token that opens a turn; only the template may write it."""

TEMPLATE = (
    "{% for m in messages %}" + TURN + "{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}{% if add_generation_prompt %}" + TURN + "assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}" + TEMPLATE

torch.set_num_threads(1)  # tiny matrices gain nothing from more, and tests run side by side

SIDE = 28
"""Pixels of the pictures that the vision models take."""


def make_tokenizer(more: Sequence[str] = ()) -> Any:
    """Return a byte-level tokenizer of ASCII: what a random model writes with it is no broken UTF-8."""
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    special = ["<eos>", "<pad>", "<image>", TURN, *more]
    alphabet = [*map(chr, range(33, 127)), "Ġ", "Ċ"]  # the last two stand for space and line end
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    inner.train_from_iterator(["walk to the kitchen and stop by the door"], trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>")


def _text_config(tokenizer: Any, context: int = 4096) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer) + 5,  # real checkpoints, too, score more tokens than there are
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 14,
}


def _save(folder: Path, model: type[Any], config: Any, *parts: Any) -> Path:
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    made = model(config)
    for name, weights in made.named_parameters():
        if weights.dim() > 1 and "embed" not in name:
            weights.data.mul_(40 if "projector" in name else 4)  # else every input gives nearly the same output
    made.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def make_llama(folder: Path, template: str | None = TEMPLATE, context: int = 4096) -> Path:
    """Save a chat model of text."""
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    config = transformers.LlamaConfig(**_text_config(tokenizer, context))
    return _save(folder, transformers.LlamaForCausalLM, config, tokenizer)


def make_llava(folder: Path) -> Path:
    """Save a chat model of text and pictures."""
    tokenizer = make_tokenizer()
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = transformers.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "projection_dim": 32, **_VISION},
        text_config={"model_type": "llama", **_text_config(tokenizer)},
        image_token_index=image,
        vision_feature_layer=-1,
    )
    pictures = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    processor = transformers.LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    return _save(folder, transformers.LlavaForConditionalGeneration, config, processor)


def damage(file: Path, **changes: Any) -> None:
    """Change entries of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def make_qwen(folder: Path) -> Path:
    """Save a model whose processor also takes videos, for which transformers asks for torchvision."""
    names = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    tokenizer = make_tokenizer(names)
    image, video, start, end = (tokenizer.convert_tokens_to_ids(name) for name in names)
    tokenizer.chat_template = TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = transformers.Qwen2VLConfig(
        text_config={**_text_config(tokenizer), "rope_parameters": rope},
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    pictures = transformers.Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56})
    return _save(folder, transformers.Qwen2VLForConditionalGeneration, config, tokenizer, pictures)
