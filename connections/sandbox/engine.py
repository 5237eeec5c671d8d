"""QuickJS as the child uses it: contexts by the wheel's own binding, bytecode by the C API in the same library.

Reading source is most of what a short run costs, so each source is compiled once and loaded as bytecode into every
fresh context. The binding has no call for that; its library exports the C API (quickjs.h), and a context object of the
binding begins with the two pointers that the C API wants. `Engine` refuses to start when either is not as expected.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from typing import Any, Final

STACK_BYTES: Final = 1024 * 1024

_COMPILE_ONLY: Final = 1 << 5
_BYTECODE: Final = 1 << 0
_WITHOUT_SOURCE: Final = 1 << 4
_TAG_EXCEPTION: Final = 6
# struct {PyObject_HEAD; JSRuntime *runtime; JSContext *context; ...}
_OBJECT_HEAD: Final = 2 * ctypes.sizeof(ctypes.c_void_p)


class EngineUnfit(Exception):
    """The installed library is not the one that this release is made for."""


class Exhausted(Exception):
    """The context ran out of memory while bytecode was loaded."""


class NotAFunction(Exception):
    """A script that was to make a function and no more did something else, and that threw."""


class _Value(ctypes.Structure):
    """JSValue on 64-bit machines."""

    _fields_ = [("payload", ctypes.c_uint64), ("tag", ctypes.c_int64)]


class Engine:
    """`StackOverflow` and `Failure` are what a context's `eval` and its functions raise."""

    def __init__(self, path: str) -> None:
        """`path` is the extension module's file: no folder of packages needs to be on the child's path."""
        if ctypes.sizeof(ctypes.c_void_p) != 8:
            raise EngineUnfit("the sandbox needs a 64-bit machine")
        spec = importlib.util.spec_from_file_location("_quickjs", path)
        if spec is None or spec.loader is None:
            raise EngineUnfit(f"there is no JavaScript engine at {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._module: Any = module
        self._library = _declare(ctypes.CDLL(path))
        self.StackOverflow: type[Exception] = module.StackOverflow
        self.Failure: type[Exception] = module.JSException
        self._examine()

    def context(self, memory_bytes: int, host: Callable[..., str | None]) -> Any:
        """A runtime and context of their own; `host` is the global `__host` in it."""
        context = self._module.Context()
        context.set_memory_limit(memory_bytes)
        context.set_max_stack_size(STACK_BYTES)
        context.add_callable("__host", host)
        return context

    def compile(self, context: Any, source: str, name: str, *, keeps_source: bool = True) -> bytes | None:
        """Bytecode of a script, which any context can run; None when it is not JavaScript.

        Without its source it loads faster, and functions cannot be shown as text.
        """
        pointer = _context_of(context)
        text = source.encode()
        compiled = self._library.JS_Eval(pointer, text, len(text), name.encode(), _COMPILE_ONLY)
        if compiled.tag == _TAG_EXCEPTION:
            self._forget_exception(pointer)
            return None
        size = ctypes.c_size_t()
        written = self._library.JS_WriteObject(
            pointer, ctypes.byref(size), compiled, _BYTECODE if keeps_source else _BYTECODE | _WITHOUT_SOURCE
        )
        self._library.JS_FreeValue(pointer, compiled)
        if not written:
            raise Exhausted
        try:
            return ctypes.string_at(written, size.value)
        finally:
            self._library.js_free(pointer, written)

    def run(self, context: Any, bytecode: bytes) -> None:
        """Evaluates a compiled script that ends in a number, so that there is no result to release.

        Raises Exhausted, NotAFunction.
        """
        pointer = _context_of(context)
        script = self._library.JS_ReadObject(pointer, bytecode, len(bytecode), _BYTECODE)
        if script.tag == _TAG_EXCEPTION:
            self._forget_exception(pointer)
            raise Exhausted
        if self._library.JS_EvalFunction(pointer, script).tag == _TAG_EXCEPTION:
            self._forget_exception(pointer)
            raise NotAFunction

    def _forget_exception(self, pointer: int) -> None:
        self._library.JS_FreeValue(pointer, self._library.JS_GetException(pointer))

    def _examine(self) -> None:
        context = self.context(1 << 22, lambda *_: None)
        runtime, pointer = _pointers(context)
        if not runtime or not pointer or self._library.JS_GetRuntime(pointer) != runtime:
            raise EngineUnfit("the JavaScript engine's contexts are not laid out as expected")
        bytecode = self.compile(context, "answer = 6 * 7; 0", "examination.js")
        if bytecode is None or self.compile(context, "answer = ;", "examination.js") is not None:
            raise EngineUnfit("the JavaScript engine does not compile as expected")
        self.run(context, bytecode)
        if context.eval("answer") != 42:
            raise EngineUnfit("the JavaScript engine does not run bytecode as expected")


def _pointers(context: Any) -> tuple[int, int]:
    runtime, pointer = (ctypes.c_uint64 * 2).from_address(id(context) + _OBJECT_HEAD)
    return runtime, pointer


def _context_of(context: Any) -> int:
    return _pointers(context)[1]


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, size, text, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "JS_GetRuntime": (pointer, [pointer]),
        "JS_Eval": (_Value, [pointer, text, size, text, number]),
        "JS_WriteObject": (pointer, [pointer, ctypes.POINTER(size), _Value, number]),
        "JS_ReadObject": (_Value, [pointer, text, size, number]),
        "JS_EvalFunction": (_Value, [pointer, _Value]),
        "JS_GetException": (_Value, [pointer]),
        "JS_FreeValue": (None, [pointer, _Value]),
        "js_free": (None, [pointer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        if not hasattr(library, name):
            raise EngineUnfit(f"the JavaScript engine does not offer {name}")
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
