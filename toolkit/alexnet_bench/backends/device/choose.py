"""Which package gives the device: what is installed, or the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alexnet_bench.backends.device import cuda_python, pycuda_device
from alexnet_bench.backends.device.protocol import Device
from alexnet_bench.core.errors import MissingRuntimeError
from alexnet_bench.core.packages import install_line
from alexnet_bench.core.text import printable

AUTO = "auto"
APIS: Mapping[str, Callable[[], Device]] = {
    cuda_python.NAME: cuda_python.CudaPython,
    pycuda_device.NAME: pycuda_device.PyCuda,
}
"""In the order in which they are tried."""
_INSTALL = {
    cuda_python.NAME: 'pip install "cuda-python>=12.8"',
    pycuda_device.NAME: f"{install_line('pycuda')}    (source only: it needs a CUDA toolkit)",
}


def installed() -> tuple[str, ...]:
    """The packages that are here, in the order in which they are tried; none is imported."""
    here = {cuda_python.NAME: cuda_python.module_name() is not None, pycuda_device.NAME: pycuda_device.is_installed()}
    return tuple(name for name in APIS if here[name])


def missing() -> str:
    """Why no device can be used for want of a package, "" when one is here."""
    return "" if installed() else f"neither {' nor '.join(APIS)} is installed: {_INSTALL[cuda_python.NAME]}"


def open_device(api: str = AUTO) -> Device:
    """The first device of this machine.

    Args:
        api: one of `APIS`, or AUTO for the first that is installed.

    Raises:
        MissingRuntimeError: it is not installed, or cannot be imported; the hint is the pip line.
        BackendRefusal: there is no device, or no driver.
    """
    here = installed()
    if api == AUTO and not here:
        raise MissingRuntimeError(f"neither {' nor '.join(APIS)} is installed", _INSTALL[cuda_python.NAME])
    name = here[0] if api == AUTO else api
    if name not in here:
        raise MissingRuntimeError(f"{name} is not installed", _INSTALL[name])
    try:
        return APIS[name]()
    except ImportError as error:
        reason = printable(f"{type(error).__name__}: {error}", 400)
        raise MissingRuntimeError(f"{name} is installed, but cannot be imported: {reason}", _INSTALL[name]) from None
