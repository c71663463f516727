"""Where a run computes, in which arithmetic, and how its processes agree."""

import atexit
import contextlib
import ctypes
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from corpora.errors import UserError
from training.config import ModelConfig, TrainConfig

# malloc.h: M_MMAP_MAX none, M_TRIM_THRESHOLD and M_TOP_PAD in bytes
_KEEP_FREED = ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20))


@dataclass(frozen=True)
class Device:
    """One process's place in a run: its device, its arithmetic, its rank among `size` processes."""

    device: torch.device
    precision: str  # fp32, bf16 or fp16
    rank: int = 0
    size: int = 1

    @property
    def name(self) -> str:
        """Describe the hardware for a run record."""
        if self.device.type == "cuda":
            own = torch.cuda.get_device_name(self.device)
        else:
            capability = torch.backends.cpu.get_cpu_capability()
            own = f"{torch.get_num_threads()} CPU threads ({platform.machine()}, {capability})"
        return own if self.size == 1 else f"{self.size} x {own}"

    def arithmetic(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the forward pass runs."""
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=self.precision != "fp32")

    def agree(self, numbers: list[int]) -> list[int]:
        """Return the first process's `numbers` in every process."""
        if self.size == 1:
            return numbers
        told = torch.tensor(numbers, device=self.device)
        distributed.broadcast(told, 0)
        return [int(number) for number in told]

    def unanimous(self, number: int) -> bool:
        """Return whether every process has the same `number`; all of them get the same answer."""
        if self.size == 1:
            return True
        ends = torch.tensor([number, -number], device=self.device)
        distributed.all_reduce(ends, distributed.ReduceOp.MAX)
        return int(ends[0]) == -int(ends[1])

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Make every process's gradients the mean over all processes, in one exchange."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients]) / self.size
        distributed.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def choose(config: TrainConfig, model: ModelConfig) -> Device:
    """Resolve `auto`, and join the other processes where torchrun has started several."""
    kind = config.device
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("device = cuda, but torch sees no CUDA GPU here. Use device = cpu or auto.")
    rank, size = _join(kind)
    if config.batch % size:
        raise UserError(f"A batch of {config.batch} streams cannot be shared by {size} processes; use a multiple.")
    device = torch.device(kind, rank % torch.cuda.device_count()) if kind == "cuda" else torch.device("cpu")
    precision = config.precision if config.precision != "auto" else _fastest(device, model)
    if precision == "fp16" and device.type == "cpu" and model.kind == "lstm":
        raise UserError("precision = fp16: torch trains no LSTM in it on a CPU. Use bf16, fp32 or auto.")
    return Device(device, precision, rank, size)


def alone() -> bool:
    """Return whether this is the only process of a run."""
    return not distributed.is_torchelastic_launched()


def _join(kind: str) -> tuple[int, int]:
    if alone():
        return 0, 1
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
        if kind == "cpu":  # gloo's threads, if left to the interpreter's end, abort about every second process
            atexit.register(distributed.destroy_process_group)
    return distributed.get_rank(), distributed.get_world_size()


def _fastest(device: torch.device, model: ModelConfig) -> str:
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    # Measured at 512 units x 2: 14,000 characters a second in bf16 where fp32 gave 7,200, but only where the
    # processor multiplies bf16 itself and only for the LSTM, which oneDNN runs as one fused layer.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16" if native and model.kind == "lstm" and model.units >= 64 else "fp32"


def prepare_processor(threads: int | None, processes: int = 1) -> None:
    """Let torch use `threads` CPU threads, or one process's share of those there are, and keep the memory it frees."""
    torch.set_num_threads(threads or max(len(os.sched_getaffinity(0)) // processes, 1))
    # glibc hands large blocks back to the system at once and faults their pages in anew at the next step: 55,000 faults
    # a step at 512 units x 2, and 20 to 25 % of the speed. Kept, they cost nothing but the peak stays.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        for option, value in _KEEP_FREED:
            mallopt(option, value)
