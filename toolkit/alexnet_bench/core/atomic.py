"""Writing files so that a killed run leaves the last good one.

A symbolic link is followed: `latest.json` stays a link, and the file that it names is replaced. Devices and pipes
(/dev/stdout, /dev/null) cannot be replaced, only written to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet_bench.core.errors import AlexnetBenchError, OutputError, folder_gone
from alexnet_bench.core.file_locks import lock_alone
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import another_cache

_ELSEWHERE = "choose another place for the output"
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
"""Where these lead, even to a file, somebody holds it open: to replace the file would take it away from them."""
_NAME_KEPT = 32
"""Characters of the target's name in the temporary one, which must not become too long for the file system."""
_YOUNG_S = 60.0


def check_writable(path: Path) -> None:
    """Raises OutputError when `path` cannot be written, before minutes of work are spent on its content."""
    if _is_special(path):
        _check_access(path)
        return
    target = _target(path)
    if target.is_dir():
        raise OutputError(f"{_shown(path)} is a folder", "give the name of a file")
    if not target.parent.is_dir():
        folder = target.parent if path.is_symlink() else path.parent
        raise OutputError(f"the folder {_shown(folder)} does not exist", f"mkdir -p {_shown(folder)}")
    if target.exists():
        _check_access(target)
    # Only trying shows whether the folder takes a new file: permissions, read-only mounts and quotas all refuse.
    handle, temporary = _temporary(target)
    os.close(handle)
    temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` in one step.

    Raises:
        OutputError: the place cannot be written.
    """
    with _replacing(path) as written:
        written.write_bytes(content)


def copy_file(source: Path, path: Path) -> None:
    """As `write_bytes`, with the content of another file, whatever its size.

    Raises:
        OutputError: the place cannot be written, or the other file not be read.
    """
    with _replacing(path) as written:
        shutil.copyfile(source, written)


def write_cached(path: Path, content: bytes) -> None:
    """As `write_bytes`, for a file that nobody asked for by its name.

    Raises:
        OutputError: the cache cannot be written.
    """
    try:
        write_bytes(path, content)
    except OutputError as error:
        raise OutputError(error.message, f"make room, or {another_cache()}") from None


def sweep(folder: Path) -> None:
    """Removes what killed processes left in a folder of ours, where hidden files are of `write_bytes`, or locks.

    A file is left alone while somebody holds it, which a lock tells, and when it may be too young to be locked.
    """
    for path in folder.glob(".*"):
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > _YOUNG_S:
                _unlink_abandoned(path)
        except OSError:  # gone meanwhile, or not ours
            continue


def _unlink_abandoned(path: Path) -> None:
    """Removes a file that nobody holds a lock of; it is locked until it is gone, so that nobody gets one meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if lock_alone(handle):
            path.unlink()
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Creates a folder of the cache, and those above it, where they are not there yet.

    Raises:
        OutputError: the place cannot hold one.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {printable(str(path))} cannot be made: {error.strerror}", another_cache()
        ) from None


def _target(path: Path) -> Path:
    """What is really written: the end of a chain of links."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to Python 3.12
        raise _refused(path, error) from None


def _is_special(path: Path) -> bool:
    if str(path).startswith(_STREAMS):
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be entered, a null
        raise _refused(path, error) from None
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write to that takes the place of `path` in the end; what cannot be replaced is that file itself."""
    if _is_special(path):
        try:
            yield path
        except OSError as error:
            raise _refused(path, error) from error
        return
    check_writable(path)
    target = _target(path)
    handle, temporary = _temporary(target)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        os.close(handle)  # with its lock
        temporary.unlink(missing_ok=True)


def _check_access(target: Path) -> None:
    if not os.access(target, os.W_OK):
        raise OutputError(f"{_shown(target)} is not writable", _ELSEWHERE)


def _temporary(target: Path) -> tuple[int, Path]:
    """A new file beside the target, where a rename stays within the file system."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:_NAME_KEPT]}.")
    except OSError as error:
        raise _refused(target, error) from error
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle, Path(name)


def _refused(path: Path, error: Exception) -> AlexnetBenchError:
    gone = None if path.is_absolute() else folder_gone(error)
    if gone is not None:
        return gone
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutputError(f"{_shown(path)} cannot be written: {reason}", _ELSEWHERE)


def _shown(path: Path) -> str:
    """A path as far as a message has room for it."""
    return printable(str(path), 200)


def _umask() -> int:
    """The process's umask, which mkstemp does not follow; Linux gives no way to read it without setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current
