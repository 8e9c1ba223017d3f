"""What the machine decides: device, precision, attention implementation; each with its reason."""

import atexit
import sys
from dataclasses import dataclass, replace
from typing import Any

import torch

from pet_mtl.console import started_together
from pet_mtl.errors import PetMtlError

CPU_PIECE = 2048  # tokens
SET = "as set"
# Families that fail under autocast to bf16, and where: transformers' DeBERTa masks with the least
# number of fp32; torch's Fourier transforms, which FNet is made of, know no bf16, and autocast
# spares them on a CPU alone.
_FAILS_IN_BF16 = {"deberta": ("cpu", "cuda"), "fnet": ("cuda",)}


@dataclass(frozen=True)
class Choice:
    """An automatic choice and why it was made."""

    value: str
    reason: str


def choose_precision(wanted: str, device: torch.device) -> Choice:
    """Choose `bf16` (autocast over fp32 weights) or `fp32`."""
    if wanted != "auto":
        return Choice(wanted, SET)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return Choice("bf16", "the GPU has it") if fast else Choice("fp32", "the GPU has no bf16")
    if device.type == "cpu":
        if torch.cpu._is_amx_tile_supported():
            return Choice("bf16", "the CPU has AMX")
        if torch.cpu._is_avx512_bf16_supported():
            return Choice("bf16", "the CPU has AVX-512 BF16")
        return Choice("fp32", "the CPU has no bf16 matrix unit")
    return Choice("fp32", f"not tried on {device.type}")


def choose_attention(wanted: str, device: torch.device) -> Choice:
    """Choose transformers' `eager` or `sdpa` attention."""
    if wanted != "auto":
        return Choice(wanted, SET)
    if device.type == "cpu":
        return Choice("eager", "sdpa's backward is slower on short rows on a CPU")
    return Choice("sdpa", "fused kernels on the GPU")


def joined(kind: Any, **options: Any) -> Any:
    """Return accelerate's state of the processes that were started together.

    Args:
        kind: `Accelerator` or `PartialState`.
        options: of its constructor.

    Raises:
        PetMtlError: they cannot work together here.
    """
    together = started_together()
    # Unasked, accelerate takes processes without a GPU for strangers: each would do all the work.
    state = kind(cpu=together > 1 and not torch.cuda.is_available(), **options)
    if state.num_processes != together:
        raise PetMtlError(
            f"{together} processes were started, but {state.num_processes} can work together here",
            hint="start one, or start them with `torchrun`",
        )
    if together > 1:
        atexit.register(_leave)
    return state


def _leave() -> None:
    """Leave the other processes while Python is whole: a thread of theirs that still lets go of a
    tensor after that aborts the process ("terminate called without an active exception")."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def training_accelerator() -> Any:
    """Return accelerate's `Accelerator` of the processes that train together.

    Raises:
        PetMtlError: see `joined`.
    """
    from accelerate import Accelerator
    from accelerate.state import is_initialized
    from accelerate.utils import DistributedDataParallelKwargs

    # The number format is the `Machine`'s, and steps are cut by ourselves: what `accelerate launch`
    # sets for both would scale the losses. A state that others made before cannot be changed.
    plain = {} if is_initialized() else {"mixed_precision": "no"}
    accelerator = joined(
        Accelerator,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        **plain,
    )
    accelerator.gradient_accumulation_steps = 1
    accelerator.scaler = None
    return accelerator


@dataclass(frozen=True)
class Machine:
    """Where and how a model runs.

    Attributes:
        device: of the parameters and batches.
        precision: `bf16` or `fp32`, with its reason.
        attention: `eager` or `sdpa`, with its reason.
    """

    device: torch.device
    precision: Choice
    attention: Choice

    @classmethod
    def choose(
        cls, precision: str = "auto", attention: str = "auto", device: torch.device | None = None
    ) -> "Machine":
        """Choose what is not set; the device is the GPU where there is one."""
        device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(device, choose_precision(precision, device), choose_attention(attention, device))

    def for_model(self, mlm: Any) -> "Machine":
        """Return how a model that was loaded runs: in fp32 where its family fails in bf16, with
        eager attention where it has no other.

        Raises:
            PetMtlError: bf16 was set, and fails.
        """
        family, precision, attention = mlm.config.model_type, self.precision, self.attention
        if precision.value == "bf16" and self.device.type in _FAILS_IN_BF16.get(family, ()):
            if precision.reason == SET:
                raise PetMtlError(
                    f"models of the family `{family}` cannot run in bf16",
                    where="`precision: bf16`",
                    hint="set `precision` to `fp32`, or to `auto`",
                )
            precision = Choice("fp32", f"`{family}` fails in bf16")
        if attention.value == "sdpa" and mlm.config._attn_implementation != "sdpa":
            asked = "sdpa is set, but " if attention.reason == SET else ""
            attention = Choice("eager", f"{asked}`{family}` has no sdpa")
        return replace(self, precision=precision, attention=attention)

    def autocast(self) -> torch.autocast:
        """Return the context that a forward pass runs in."""
        # Without torch's cache of casts: it is the whole process's, and emptied by whichever thread
        # leaves such a context first, so that what gradients are added up in would be chance.
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.precision.value == "bf16",
            cache_enabled=False,
        )

    def pieces(self, tokens: int) -> int:
        """Return in how many pieces so many tokens are computed: on a CPU large ones gain little
        and take memory."""
        return max(1, round(tokens / CPU_PIECE)) if self.device.type == "cpu" else 1

    def __str__(self) -> str:
        return (
            f"{self.device.type}, {self.precision.value} ({self.precision.reason}), "
            f"{self.attention.value} attention ({self.attention.reason})"
        )

    def peak_memory_gb(self) -> float:
        """Return the most memory that was in use: of the GPU, or of the process; 0 where the system
        does not tell (Windows)."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 1e9
        try:
            import resource
        except ImportError:
            return 0.0
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9
