"""Wide gamut and HDR in an ordinary sRGB file, by a small network.

    base = gamutmlp.reduce(wide, "prophoto")              # 8-bit sRGB, clipped
    net = gamutmlp.train(base, wide, "prophoto")          # learns what was lost; bytes(net): at most 4 KB
    file = gamutmlp.embed(png_bytes, net)                 # ... into a PNG or JPEG file of base

    net = gamutmlp.open(file)
    net.check(base)                                       # are these still its pixels?
    wide = net.decode(base)                               # 16 bit, in the original's space

Pictures are arrays of height x width x 3 (or 4: the fourth is alpha), of uint8, uint16, float16 or float32. They are
used where they lie, without a copy; rows may be apart, so crops and flips of rows are fine, but a row's samples must be
side by side (numpy.ascontiguousarray makes it so). Spaces have the names of the command-line tool: "srgb", "p3",
"adobergb", "prophoto", "rec2020", "rec2020pq", "rec2020hlg", "rec709", "aces", "acescg", "sycc" and, for light
itself, such as "prophoto-linear". Calls give the GIL back; threads=0 means one a processor, and the number changes no
result."""
from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

import numpy as np

from ._library import ffi, lib

__all__ = [
    "Error", "Net", "TrainReport", "convert", "embed", "extract", "open", "out_of_gamut", "reduce", "strip", "train",
    "train_hdr", "version",
]

Array = np.ndarray
Bytes = Union[bytes, bytearray, memoryview]
_TYPES = {"uint8": 1, "uint16": 2, "float16": 3, "float32": 4}
_PRESETS = {"default": 0, "paper": 1, "fast": 2, "high": 3, "max": 4}
_METHODS = {"auto": 0, "difference": 2, "gain": 3, "gamma": 4, "direct": 5}
_METHOD_NAMES = {0: "none", 1: "residual", 2: "difference", 3: "gain", 4: "gamma", 5: "direct"}
_ADAPTATIONS = {"bradford": 0, "cat02": 1}
_SYCC: int = lib.gmlp_space_from_name(b"sycc")
_OVERLAP_WORK: Any = 10000  # numpy's steps; rows that lie side by side take a few


def version() -> str:
    """Of the library."""
    v = lib.gmlp_version()
    return f"{v // 10000}.{v // 100 % 100}.{v % 100}"


def _string(text: Any) -> str:
    return str(ffi.string(text), "utf-8")


class Error(Exception):
    """What the library refuses, or what failed. code: the number of its gmlp_result."""

    def __init__(self, code: int, detail: str = "") -> None:
        text = _string(lib.gmlp_result_string(code))
        super().__init__(f"{text}: {detail}" if detail else text)
        self.code = code


def _done(result: int, err: Any = None) -> None:
    if result == 2:
        raise MemoryError(_string(lib.gmlp_result_string(result)))
    if result:
        there = err is not None and err.text != ffi.NULL
        raise Error(result, f"{_string(err.text)}, at byte {err.offset}" if there else "")


def _choice(table: dict[str, int], name: str, what: str) -> int:
    if name not in table:
        raise ValueError(f"{what} {name!r} is none of {', '.join(table)}")
    return table[name]


def _space(name: str, what: str = "space") -> int:
    if not isinstance(name, str):
        raise TypeError(f"{what} is {name!r}, not a str")
    space: int = 0 if "\0" in name else lib.gmlp_space_from_name(name.encode())
    if not space:
        raise ValueError(f"{what} {name!r} is not a colour space")
    return space


def _bytes(data: Bytes, what: str) -> Any:
    """The memory of data, which must outlive it."""
    try:
        return ffi.from_buffer(data)
    except TypeError:
        raise TypeError(f"{what} is {type(data).__name__}, not bytes") from None


def _set(opts: Any, **fields: Any) -> None:
    for name, value in fields.items():
        try:
            setattr(opts, name, value)
        except (TypeError, OverflowError) as e:
            raise type(e)(f"{name} {value!r}: {e}") from None


def _view(pixels: Array, space: int, what: str, write: bool = False) -> Any:
    """A gmlp_image of the array's own memory, which must outlive it."""
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"{what} is not a numpy array")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or not pixels.size:
        raise ValueError(f"{what} has shape {pixels.shape}, not (height, width, 3 or 4)")
    if pixels.dtype.name not in _TYPES or not pixels.dtype.isnative:
        raise TypeError(f"{what} has samples of {pixels.dtype}, not of {', '.join(_TYPES)}")
    if max(pixels.shape) > 65535:
        raise ValueError(f"{what} has more than 65535 rows or columns")
    if pixels.strides[2] != pixels.itemsize or pixels.strides[1] != pixels.itemsize * pixels.shape[2]:
        raise ValueError(f"{what}: the samples of a row are not side by side: numpy.ascontiguousarray makes it so")
    if pixels.shape[0] > 1 and abs(pixels.strides[0]) < pixels.shape[1] * pixels.strides[1]:  # 0 would mean no gap
        raise ValueError(f"{what}: rows share their memory (numpy.broadcast_to): numpy.ascontiguousarray parts them")
    if space == _SYCC and pixels.dtype != np.uint8:
        raise ValueError(f"{what} has samples of {pixels.dtype}: 'sycc' has 8 bits only")
    if write and not pixels.flags.writeable:
        raise ValueError(f"{what} cannot be written")
    image = ffi.new("gmlp_image *")
    image.data = ffi.cast("void *", pixels.ctypes.data)
    image.height, image.width, image.channels = pixels.shape
    image.stride = pixels.strides[0] if pixels.shape[0] > 1 else 0
    image.type = _TYPES[pixels.dtype.name]
    image.space = space
    return image


def _overlap(a: Array, b: Array) -> bool:
    try:
        return np.shares_memory(a, b, max_work=_OVERLAP_WORK)
    except RuntimeError:  # too hard to tell
        return True


class _Pool:
    """The threads of one call."""

    def __init__(self, threads: int) -> None:
        try:
            self.pool = lib.pool_create(threads)
        except (TypeError, OverflowError) as e:
            raise type(e)(f"threads {threads!r}: {e}") from None
        if self.pool == ffi.NULL:
            raise MemoryError("no threads")

    def __enter__(self) -> Any:
        return lib.pool_threads(self.pool)

    def __exit__(self, *_: Any) -> None:
        lib.pool_free(self.pool)


def _convert_opts(adaptation: str, white_nits: float, round_down: bool, threads: Any) -> Any:
    opts = ffi.new("gmlp_convert_opts *")
    _set(opts, adaptation=_choice(_ADAPTATIONS, adaptation, "adaptation"), white_nits=white_nits, round_down=round_down,
         threads=threads)
    return opts


def reduce(wide: Array, space: str, *, base_space: str = "srgb", adaptation: str = "bradford", round_down: bool = False,
           threads: int = 0) -> Array:
    """The base of a wide-gamut picture: linear sRGB, clipped to [0,1], as 8-bit codes (base_space "sycc": unclipped, as
    Y'CbCr). Light above 1 is clamped. round_down: codes are rounded down, as the paper's program does."""
    image = _view(wide, _space(space), "wide")
    base = np.empty(wide.shape[:2] + (3,), np.uint8)
    with _Pool(threads) as t:
        opts = _convert_opts(adaptation, 0, round_down, t)
        _done(lib.gmlp_reduce(image, _view(base, _space(base_space, "base_space"), "base"), opts, ffi.NULL))
    return base


def out_of_gamut(wide: Array, space: str, *, adaptation: str = "bradford", threads: int = 0) -> Array:
    """height x width of bool: the pixels that sRGB cannot hold, by the paper's rule."""
    mask = np.empty(wide.shape[:2], np.uint8)
    image = _view(wide, _space(space), "wide")
    with _Pool(threads) as t:
        _done(lib.gmlp_out_of_gamut_mask(image, ffi.cast("uint8_t *", mask.ctypes.data),
                                         _convert_opts(adaptation, 0, False, t)))
    return mask.view(np.bool_)


def convert(pixels: Array, space: str, to: str, dtype: Any = None, *, adaptation: str = "bradford",
            white_nits: float = 0.0, round_down: bool = False, threads: int = 0) -> Array:
    """The picture in another space and, with dtype, of other samples: "sycc" has those of uint8 only."""
    image = _view(pixels, _space(space), "pixels")
    out = np.empty(pixels.shape, pixels.dtype if dtype is None else dtype)
    with _Pool(threads) as t:
        _done(lib.gmlp_convert(image, _view(out, _space(to, "to"), "the result"),
                               _convert_opts(adaptation, white_nits, round_down, t)))
    return out


@dataclass(frozen=True)
class TrainReport:
    """out_of_gamut, saturated, samples: pixels; loss: mean squared error of the last step's batch."""

    out_of_gamut: int
    saturated: int
    samples: int
    iterations: int
    loss: float
    psnr_og: float


class Net:
    """A trained network, and all that decoding needs besides the base's pixels. train, train_hdr, open and
    Net(blob) make one; bytes(net) is the blob."""

    report: Optional[TrainReport] = None
    _followed = False

    def __init__(self, blob: Bytes) -> None:
        self._net = ffi.gc(ffi.new("gmlp_net *"), lib.gmlp_net_free)
        err = ffi.new("gmlp_error *")
        data = _bytes(blob, "blob")
        _done(lib.gmlp_blob_read(data, len(data), ffi.NULL, self._net, err), err)

    @classmethod
    def _trained(cls, net: Any, report: TrainReport) -> Net:
        self = cls.__new__(cls)
        self._net = net
        self.report = report
        return self

    def __reduce__(self) -> tuple[Any, ...]:  # for copy and pickle
        return type(self), (bytes(self),), {name: value for name, value in vars(self).items() if name != "_net"}

    def __bytes__(self) -> bytes:
        size = ffi.new("size_t *")
        room = lib.gmlp_blob_size(self._net)
        bytes_ = ffi.new("uint8_t[]", room)
        _done(lib.gmlp_blob_write(self._net, bytes_, room, size))
        return bytes(ffi.buffer(bytes_, size[0]))

    @property
    def method(self) -> str:
        """ "none" (nothing was out of gamut), "residual", or of HDR "difference", "gain", "gamma", "direct"."""
        return _METHOD_NAMES[self._net.method]

    @property
    def wide_space(self) -> str:
        """Of the original."""
        return _string(lib.gmlp_space_name(self._net.wide_space))

    @property
    def base_space(self) -> str:
        return _string(lib.gmlp_space_name(self._net.base_space))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in the file."""
        return int(self._net.base_width), int(self._net.base_height)

    @property
    def neurons(self) -> int:
        """In each of the two hidden layers."""
        return int(self._net.mlp.width)

    @property
    def weights(self) -> Array:
        """A copy: W1, b1, W2, b2, W3, b3, one after the other."""
        if self._net.weights == ffi.NULL:
            return np.empty(0, np.float32)
        n = lib.gmlp_mlp_weights(ffi.addressof(self._net.mlp))
        return np.frombuffer(ffi.buffer(self._net.weights, 4 * n), np.float32).copy()

    def check(self, base: Array) -> None:
        """Raises Error unless base shows the pixels that the network belongs to."""
        _done(lib.gmlp_net_check(self._net, _view(base, self._net.base_space, "base")))

    def follow(self, base: Array) -> None:
        """base is the network's picture, turned, mirrored, resized or cropped by a program that knows nothing of it:
        finds out how, and the network then belongs to it. Error if it is none of this. bytes(net) forgets that a
        resized base wants its own decoding, as it forgets report; copy and pickle keep them."""
        edit = ffi.new("gmlp_edit *")
        _done(lib.gmlp_find_edit(self._net, _view(base, self._net.base_space, "base"), ffi.NULL, edit))
        lib.gmlp_net_follow(self._net, edit)
        self._followed = True

    def decode(self, base: Array, space: Optional[str] = None, dtype: Any = np.uint16, *, out: Optional[Array] = None,
               headroom: float = 0.0, white_nits: float = 0.0, lost: float = 0.0, threads: int = 0) -> Array:
        """The wide-gamut or HDR picture, in space (that of the original), in out or a new array of dtype. headroom:
        stops that the display has above white, for HDR; 0: all that there is. lost: after follow(), what codes of a
        picture that was resized lost on the mean, 0 to 1; 0.5 in a PNG that ImageMagick 6 resized, as that cuts them."""
        image = _view(base, self._net.base_space, "base")
        wide = np.empty(base.shape[:2] + (3,), dtype) if out is None else out
        target = _view(wide, self._net.wide_space if space is None else _space(space), "out", write=True)
        if wide.shape[:2] != base.shape[:2]:
            raise ValueError(f"out has shape {wide.shape}, base {base.shape}")
        if _overlap(base, wide):
            raise ValueError("out shares memory with base, or may")
        if not 0 <= lost <= 1:
            raise ValueError(f"lost is {lost}, not 0 to 1")
        if (base.shape[1], base.shape[0]) != self.size and self.method != "none":
            raise Error(14, f"{base.shape[1]} x {base.shape[0]}, not {self.size[0]} x {self.size[1]}")
        with _Pool(threads) as t:
            opts = ffi.new("gmlp_decode_opts *")
            opts.threads = t
            _set(opts.decoder, headroom=headroom, white_nits=white_nits)
            if self._followed:
                _done(lib.gmlp_decode_resized(self._net, image, target, lost, opts))
            else:
                _done(lib.gmlp_decode(self._net, image, target, opts))
        return wide


class _Watch:
    """What C calls back, and what that raised."""

    def __init__(self, call: Optional[Callable[..., Any]]) -> None:
        self.call = call
        self.raised: Optional[BaseException] = None

    def done(self, result: int, err: Any = None) -> None:
        if self.raised is not None:
            raise self.raised
        _done(result, err)


def _progressed(user: Any, step: int, steps: int) -> int:
    call = ffi.from_handle(user).call
    answer = None if call is None else call(step, steps)
    return int(isinstance(answer, (bool, np.bool_)) and not answer)


def _write(user: Any, data: Any, size: int) -> int:
    ffi.from_handle(user).call(bytes(ffi.buffer(data, size)))
    return 0


def _raised(_: Any, e: BaseException, trace: Any) -> None:
    """Back to the caller of train or embed, not through C. No try in the functions above does: a signal's handler, such
    as that of Ctrl-C, runs and raises before their first line."""
    ffi.from_handle(trace.tb_frame.f_locals["user"]).raised = e


ffi.def_extern("gamutmlp_progress", error=1, onerror=_raised)(_progressed)
ffi.def_extern("gamutmlp_write", error=1, onerror=_raised)(_write)


def _train(call: Any, base: Array, base_space: str, original: Array, space: str, method: int, preset: str, budget: int,
           width: int, iterations: int, batch: int, seed: int, target_psnr: float, clip_margin: int, white_nits: float,
           adaptation: str, start: Optional[Net], progress: Optional[Callable[[int, int], Any]], threads: int) -> Net:
    images = _view(base, _space(base_space, "base_space"), "base"), _view(original, _space(space), "the original")
    opts = ffi.new("gmlp_train_opts *")
    _set(opts, preset=_choice(_PRESETS, preset, "preset"), method=method, budget=budget, width=width,
         iterations=iterations, batch=batch, seed=seed, target_psnr=target_psnr, clip_margin=clip_margin,
         white_nits=white_nits, adaptation=_choice(_ADAPTATIONS, adaptation, "adaptation"))
    if start is not None:
        if not isinstance(start, Net):
            raise TypeError(f"start is {type(start).__name__}, not a Net")
        opts.start = start._net
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is {type(progress).__name__}, which cannot be called")
    net = ffi.gc(ffi.new("gmlp_net *"), lib.gmlp_net_free)
    report = ffi.new("gmlp_train_report *")
    watch = _Watch(progress)
    handle = ffi.new_handle(watch)
    if progress is not None or threading.current_thread() is threading.main_thread():  # where Ctrl-C is heard
        opts.progress, opts.progress_user = lib.gamutmlp_progress, handle
    with _Pool(threads) as t:
        opts.threads = t
        result = call(images[0], images[1], opts, net, report)
    watch.done(result)
    return Net._trained(net, TrainReport(report.out_of_gamut, report.saturated, report.samples, report.iterations,
                                         report.loss, report.psnr_og))


def train(base: Array, wide: Array, space: str, *, base_space: str = "srgb", preset: str = "default", budget: int = 0,
          width: int = 0, iterations: int = 0, batch: int = 0, seed: int = 0, target_psnr: float = 0.0,
          clip_margin: int = 0, adaptation: str = "bradford", start: Optional[Net] = None,
          progress: Optional[Callable[[int, int], Any]] = None, threads: int = 0) -> Net:
    """A network that gives wide back from base, the pixels as a decoder will see them (of a JPEG, the decoded ones).
    Zero means the preset's number. progress(step, steps) is called before each step; False from it cancels. Ctrl-C ends
    training between two steps, with progress or without."""
    return _train(lib.gmlp_train, base, base_space, wide, space, 0, preset, budget, width, iterations, batch, seed,
                  target_psnr, clip_margin, 0.0, adaptation, start, progress, threads)


def train_hdr(base: Array, hdr: Array, space: str, *, base_space: str = "srgb", method: str = "auto",
              preset: str = "default", budget: int = 0, width: int = 0, iterations: int = 0, batch: int = 0, seed: int = 0,
              white_nits: float = 0.0, adaptation: str = "bradford", start: Optional[Net] = None,
              progress: Optional[Callable[[int, int], Any]] = None, threads: int = 0) -> Net:
    """A network that gives the HDR rendition back from an SDR one, base, whose white is hdr's linear 1.0."""
    return _train(lib.gmlp_train_hdr, base, base_space, hdr, space, _choice(_METHODS, method, "method"), preset, budget,
                  width, iterations, batch, seed, 0.0, 0, white_nits, adaptation, start, progress, threads)


def _written(call: Callable[[Any, Any], int]) -> bytes:
    parts: list[bytes] = []
    watch = _Watch(parts.append)
    handle = ffi.new_handle(watch)
    writer = ffi.new("gmlp_writer *", (handle, lib.gamutmlp_write))
    err = ffi.new("gmlp_error *")
    watch.done(call(writer, err), err)
    return b"".join(parts)


def embed(file: Bytes, net: Union[Net, Bytes], *, leave_untagged: Optional[bool] = None) -> bytes:
    """The JPEG or PNG file with the network in its metadata, in place of one that it may have. A file that does not say
    what its colours are is tagged as sRGB; leave_untagged: it stays untagged; None: if the network's base is in another
    space, as the tool does."""
    data = _bytes(file, "file")
    blob = bytes(net if isinstance(net, Net) else ffi.buffer(_bytes(net, "net")))
    if leave_untagged is None:
        leave_untagged = Net(blob).base_space not in ("srgb", "sycc")
    opts = ffi.new("gmlp_embed_opts *", {"leave_untagged": bool(leave_untagged)})
    return _written(lambda writer, err: lib.gmlp_embed(data, len(data), blob, len(blob), opts, writer, err))


def strip(file: Bytes) -> bytes:
    """The file without a network; all else stays."""
    data = _bytes(file, "file")
    return _written(lambda writer, err: lib.gmlp_strip(data, len(data), writer, err))


def extract(file: Bytes) -> bytes:
    """The network of a JPEG or PNG file, as a blob."""
    data = _bytes(file, "file")
    blob, size, err = ffi.new("void **"), ffi.new("size_t *"), ffi.new("gmlp_error *")
    _done(lib.gmlp_extract(data, len(data), ffi.NULL, blob, size, err), err)
    try:
        return bytes(ffi.buffer(blob[0], size[0]))
    finally:
        lib.gmlp_bytes_free(blob[0], size[0], ffi.NULL)


def open(file: Bytes) -> Net:
    """The network of a JPEG or PNG file. net.check tells whether pixels are its own."""
    return Net(extract(file))
