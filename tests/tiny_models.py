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
        weights.data.mul_(_stronger(name) if weights.dim() > 1 else 1)
    made.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def _stronger(name: str) -> float:
    """Return a factor for a matrix of weights: as they are drawn, every input gives nearly the same output."""
    if "box_head" in name:
        return 0.05  # while OWLv2's boxes would be slivers
    return 1 if "embed" in name else 40 if "project" in name else 4


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


# ------------------------------------------------------------------------------------------------------ vision models
def _blip_parts() -> tuple[Any, dict[str, Any], Any]:
    """Return tokenizer, the two vision parts' settings and image processor of BLIP-2 and InstructBLIP."""
    tokenizer = make_tokenizer()
    qformer = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    vision = {**_VISION, "initializer_range": 0.02}  # the default, 1e-10, sees nothing
    parts = {"vision_config": vision, "qformer_config": qformer, "num_query_tokens": 4}
    return tokenizer, parts, transformers.BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})


def make_blip2(folder: Path) -> Path:
    """Save a captioner without instructions, OPT inside."""
    tokenizer, parts, pictures = _blip_parts()
    text = {"model_type": "opt", "ffn_dim": 64, "word_embed_proj_dim": 32, **_text_config(tokenizer)}
    config = transformers.Blip2Config(
        text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"), **parts
    )
    processor = transformers.Blip2Processor(pictures, tokenizer, num_query_tokens=4)
    return _save(folder, transformers.Blip2ForConditionalGeneration, config, processor)


def make_instructblip(folder: Path) -> Path:
    """Save a captioner that is asked, T5 inside."""
    tokenizer, parts, pictures = _blip_parts()
    text = {
        "model_type": "t5",
        "vocab_size": len(tokenizer) + 5,
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
    }
    config = transformers.InstructBlipConfig(
        text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"), **parts
    )
    processor = transformers.InstructBlipProcessor(pictures, tokenizer, make_tokenizer(), num_query_tokens=4)
    return _save(folder, transformers.InstructBlipForConditionalGeneration, config, processor)


def _two_towers(tokenizer: Any, context: int) -> dict[str, Any]:
    text = {key: _text_config(tokenizer)[key] for key in ("vocab_size", "hidden_size", "intermediate_size")}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": context}
    ends = {name: tokenizer.eos_token_id for name in ("eos_token_id", "bos_token_id")}
    return {"text_config": {**text, **ends, "pad_token_id": tokenizer.pad_token_id}, "vision_config": _VISION}


def make_clip(folder: Path) -> Path:
    """Save CLIP."""
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 40
    config = transformers.CLIPConfig(projection_dim=16, **_two_towers(tokenizer, 40))
    pictures = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    return _save(folder, transformers.CLIPModel, config, transformers.CLIPProcessor(pictures, tokenizer))


def make_siglip(folder: Path) -> Path:
    """Save SigLIP."""
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 40
    config = transformers.SiglipConfig(**_two_towers(tokenizer, 40))
    pictures = transformers.SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return _save(folder, transformers.SiglipModel, config, transformers.SiglipProcessor(pictures, tokenizer))


def make_owlv2(folder: Path) -> Path:
    """Save an open-vocabulary detector with a box for each of the 16 patches of a 56 x 56 picture."""
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 40
    towers = _two_towers(tokenizer, 40)
    towers["vision_config"] = {**_VISION, "image_size": 56}
    config = transformers.Owlv2Config(projection_dim=32, **towers)
    pictures = transformers.Owlv2ImageProcessorPil(size={"height": 56, "width": 56})
    return _save(folder, transformers.Owlv2ForObjectDetection, config, transformers.Owlv2Processor(pictures, tokenizer))


def make_grounding_dino(folder: Path) -> Path:
    """Save an open-vocabulary detector whose tokenizer has BERT's special tokens where the model looks for them."""
    words = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    words += ["lamp", "sofa", "table", "coffee", "door"]
    free = iter(words + [f"[unused{i}]" for i in range(1100)])
    fixed = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    vocabulary = {fixed[i] if i in fixed else next(free): i for i in range(1100)}
    inner = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)]
    )
    special = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, **{f"{name}_token": token for name, token in special.items()}
    )
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    swin = {"embed_dim": 16, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2], "window_size": 2, "image_size": 64}
    config = transformers.GroundingDinoConfig(
        backbone_config={"model_type": "swin", "out_indices": [2, 3, 4], **swin},
        text_config={"model_type": "bert", "vocab_size": 1100, "max_position_embeddings": 64, **size},
        num_queries=6,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_text_len=64,
    )
    pictures = transformers.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    processor = transformers.GroundingDinoProcessor(pictures, tokenizer)
    return _save(folder, transformers.GroundingDinoForObjectDetection, config, processor)
