"""A local checkpoint that answers chat messages: any causal language model or image-text-to-text model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import PIL.Image
import torch
import transformers

from navagent.batching import Batcher, in_halves
from navagent.checkpoints import (
    DType,
    choose_device,
    find_checkpoint,
    fingerprint,
    load_config,
    load_model,
    load_processor,
)
from navagent.contracts import ChatModel
from navagent.errors import ChatError, ChatSetupError, ConfigError, ContextLengthError
from navagent.images import decode
from navagent.llm.decoding import Accept, Adjust, Line
from navagent.llm.grammar import Grammars
from navagent.llm.json_text import find_json
from navagent.types import Message, Reply

Conversation = list[dict[str, Any]]

_PROBE: tuple[Message, ...] = (Message("system", "You steer a robot."), Message("user", "Where to?"))


@dataclass(frozen=True)
class _Request:
    """One answer asked for.

    Attributes:
        conversation: The messages as the chat template takes them.
        schema: The JSON schema to enforce.
        sampling: temperature, top_p, stop, max_tokens.
        seed: Of this answer's own noise; None draws one.
    """

    conversation: Conversation
    schema: Mapping[str, Any] | None
    sampling: Mapping[str, Any]
    seed: int | None


@dataclass(frozen=True)
class _Answer:
    text: str
    input_tokens: int
    output_tokens: int


class TransformersChat(ChatModel):
    """A chat checkpoint in this process.

    The calls of concurrent episodes are gathered into one forward pass (`--workers` many at most). A batch is padded on
    the left and masked, so at temperature 0 a message is answered as if it were alone, but for the rounding of sums,
    whose order may change with the size of a batch (in float32 seen in no test; in bfloat16 near ties). Sampling
    parameters come with each call; of the checkpoint's own `generation_config.json` only the tokens that end a reply
    are taken. Without a temperature, replies are greedy. Control tokens inside messages are encoded as plain text, so
    that no caption can open a turn of its own.

    Args:
        model: The checkpoint's folder, or its name on the Hugging Face hub.
        device: auto (the first GPU, else the CPU), cpu, cuda, cuda:1, mps.
        dtype: Of the weights; auto is float32 on the CPU and the checkpoint's own elsewhere.
        max_tokens: Most tokens of one reply, thinking included.
        max_batch: Replies that are generated at once.
        constrained: Enforce the JSON schemas that planners ask for, by llguidance. A model that thinks aloud first
            cannot then: it writes the JSON at once.

    Raises:
        ChatSetupError: The checkpoint is absent, damaged, of another kind or without a chat template, or the device or
            llguidance is not there.
    """

    is_free = True

    def __init__(
        self,
        model: str,
        device: str = "auto",
        dtype: DType = "auto",
        max_tokens: int = 1024,
        max_batch: int = 16,
        constrained: bool = True,
    ) -> None:
        if max_tokens < 1 or max_batch < 1:
            raise ChatSetupError(f"max_tokens and max_batch must be at least 1, not {max_tokens} and {max_batch}.")
        try:
            self._load(model, device, dtype)
        except ConfigError as error:
            raise ChatSetupError(str(error)) from error
        self.name = model.rstrip("/").rsplit("/", 1)[-1]
        self.most_output_tokens = max_tokens
        self._merge_system = self._probe_template(model)
        self._ends = _ends(self._model, self._tokenizer)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.convert_ids_to_tokens(self._ends[0])
        # Repetition penalties and the like would act on every call unseen.
        self._model.generation_config = transformers.GenerationConfig(
            eos_token_id=self._ends, pad_token_id=self._tokenizer.pad_token_id
        )
        text = self._model.config.get_text_config()
        self._context: int = min(text.max_position_embeddings, self._tokenizer.model_max_length)
        self._grammars = Grammars(self._tokenizer, text.vocab_size, self._ends) if constrained else None
        self._batcher: Batcher[_Request, _Answer] = Batcher(self._generate, max_batch)

    def _load(self, model: str, device: str, dtype: DType) -> None:
        place, folder = choose_device(device), find_checkpoint(model)
        self.sees_images = type(load_config(folder)) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        if self.sees_images:
            self._model = load_model(transformers.AutoModelForImageTextToText, folder, place, dtype)
            self._processor = load_processor(folder)
            self._tokenizer = self._processor.tokenizer
        else:
            self._model = load_model(transformers.AutoModelForCausalLM, folder, place, dtype)
            self._processor = self._tokenizer = _load_tokenizer(folder)
        self._tokenizer.padding_side = "left"
        self.identity = (
            f"checkpoint {fingerprint(folder)}, {self._model.dtype}, transformers {transformers.__version__}"
        )

    def _probe_template(self, model: str) -> bool:
        """Return whether the template takes no system message, so that it goes to the top of the user's.

        Raises:
            ChatSetupError: There is no template, or it fails.
        """
        if not self._processor.chat_template:
            raise ChatSetupError(
                f"{model} has no chat template: choose a checkpoint tuned for chat (often named Instruct)."
            )
        problem = ""
        for merge in (False, True):
            try:
                self._processor.apply_chat_template(self._conversation(_PROBE, merge), tokenize=False)
            except (jinja2.TemplateError, TypeError) as error:
                problem = str(error)
            else:
                return merge
        raise ChatSetupError(f"The chat template of {model} fails on a plain question ({problem}).")

    def chat(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        **sampling: Any,
    ) -> Reply:
        """Answer.

        Raises:
            ContextLengthError: The request is longer than the model's context.
            ChatSetupError: The model does not see the pictures sent, or does not know a sampling parameter.
            ChatError: A picture cannot be read, the schema cannot be enforced, or the memory does not suffice.
        """
        started = time.monotonic()
        self._check(messages, sampling)
        try:
            conversation = self._conversation(messages, self._merge_system)
        except ValueError as error:
            raise ChatError(f"{self.name}: {error}.") from error
        if schema is not None and self._grammars is not None:
            self._grammars.matcher(schema)  # refused here, a schema breaks its own call and not the batch
        seed = sampling.pop("seed", None)
        seeds = [None if seed is None else seed * 1_000_003 + i for i in range(n)]
        answers = self._batcher([_Request(conversation, schema, sampling, each) for each in seeds])
        texts = tuple(answer.text for answer in answers)
        required = schema.get("required", ()) if schema is not None else ()
        return Reply(
            texts=texts,
            parsed=tuple(find_json(text, required) if schema is not None else None for text in texts),
            model=self.name,
            input_tokens=answers[0].input_tokens,
            output_tokens=sum(answer.output_tokens for answer in answers),
            cost_usd=0.0,
            latency_s=time.monotonic() - started,
        )

    def _check(self, messages: Sequence[Message], sampling: Mapping[str, Any]) -> None:
        unknown = sorted(set(sampling) - {"temperature", "max_tokens", "top_p", "seed", "stop"})
        if unknown:
            raise ChatSetupError(f"{self.name}: a local checkpoint knows no sampling parameter '{unknown[0]}'.")
        if not self.sees_images and any(message.images for message in messages):
            raise ChatSetupError(f"{self.name} sees no pictures: use --policy.view text, or a vision checkpoint.")

    def _conversation(self, messages: Sequence[Message], merge_system: bool) -> Conversation:
        """Return messages as the template takes them: plain text, or parts for a model that sees."""
        if merge_system and len(messages) > 1 and messages[0].role == "system":
            first = Message("user", f"{messages[0].content}\n\n{messages[1].content}", messages[1].images)
            messages = [first, *messages[2:]]
        if not self.sees_images:
            return [{"role": message.role, "content": message.content} for message in messages]
        return [{"role": message.role, "content": _parts(message)} for message in messages]

    # -------------------------------------------------------------------------------------------- one batch
    def _generate(self, requests: Sequence[_Request]) -> list[_Answer | Exception]:
        """Answer requests together, in smaller batches where the memory does not hold them all."""
        answers = in_halves(self._together, requests, torch.OutOfMemoryError)
        return [self._too_large() if isinstance(each, torch.OutOfMemoryError) else each for each in answers]

    def _together(self, requests: Sequence[_Request]) -> list[_Answer | Exception]:
        """Answer requests together; those too long for the context get an error each, the others go on without them."""
        inputs = self._encode([request.conversation for request in requests])
        lengths: list[int] = inputs["attention_mask"].sum(1).tolist()
        if max(lengths) >= self._context:
            short = [request for request, length in zip(requests, lengths, strict=True) if length < self._context]
            answers = iter(self._together(short) if short else [])
            return [self._too_long(length) if length >= self._context else next(answers) for length in lengths]
        lines = [self._line(*pair) for pair in zip(requests, lengths, strict=True)]
        self._run(inputs, lines)
        return [_Answer(line.text(), length, len(line.tokens)) for line, length in zip(lines, lengths, strict=True)]

    def _encode(self, conversations: list[Conversation]) -> Any:
        batch: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
        how = {"processor_kwargs": {**batch, "padding_side": "left"}} if self.sees_images else batch
        return self._processor.apply_chat_template(
            conversations,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            sanitize_control_tokens=True,
            **how,
        ).to(self._model.device)

    def _line(self, request: _Request, length: int) -> Line:
        sampling, stop = request.sampling, request.sampling.get("stop") or ()
        generator = torch.Generator()
        if request.seed is None:
            generator.seed()
        else:
            generator.manual_seed(request.seed % 2**63)
        enforced = self._grammars is not None and request.schema is not None
        return Line(
            most=min(sampling.get("max_tokens") or self.most_output_tokens, self._context - length),
            ends=self._ends,
            decode=lambda tokens: str(self._tokenizer.decode(tokens, skip_special_tokens=True)),
            matcher=self._grammars.matcher(request.schema) if enforced else None,  # type: ignore[union-attr, arg-type]
            temperature=float(sampling.get("temperature") or 0.0),
            top_p=float(1.0 if sampling.get("top_p") is None else sampling["top_p"]),
            generator=generator,
            stops=(stop,) if isinstance(stop, str) else tuple(stop),
        )

    @torch.inference_mode()
    def _run(self, inputs: Any, lines: Sequence[Line]) -> None:
        self._model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=max(line.most for line in lines),
            logits_processor=transformers.LogitsProcessorList([Adjust(lines)]),
            stopping_criteria=transformers.StoppingCriteriaList([Accept(lines)]),
        )

    def _too_large(self) -> ChatError:
        return ChatError(f"{self.name}: the memory of {self._model.device} does not hold even one reply.")

    def _too_long(self, length: int) -> ContextLengthError:
        return ContextLengthError(f"{self.name}: the request has {length:,} tokens, its context {self._context:,}.")


def _parts(message: Message) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for image in message.images:
        if image.label:
            parts.append({"type": "text", "text": image.label})
        picture: PIL.Image.Image = decode(image)
        parts.append({"type": "image", "image": picture})
    return parts


def _load_tokenizer(folder: Any) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError, KeyError, TypeError, ImportError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ConfigError(f"{folder} holds no tokenizer that can be read ({lines[0][:200]}).") from error


def _ends(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end a reply: those of the checkpoint's generation settings, and the tokenizer's."""
    named = model.generation_config.eos_token_id
    ends = [named] if isinstance(named, int) else list(named or ())
    ends += [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    if not ends:
        raise ChatSetupError("The checkpoint names no token that ends a reply (eos_token): add it to its tokenizer.")
    return list(dict.fromkeys(ends))
