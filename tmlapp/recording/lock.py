"""The lock that a writer holds on its `.part`, so that nobody repairs a file that is still being written.

It lies on the open file itself: the system lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":  # pragma: no cover - the tests run on Linux
    import msvcrt
    import os

    # Locks are mandatory there, so the locked byte lies far behind any data.
    _FAR = 1 << 60

    def try_lock(fd: int) -> bool:
        """Take the lock on an open file; False if another open file holds it."""
        at = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(fd, at, os.SEEK_SET)
        return True

    def lock(fd: int) -> None:
        """Take the lock on an open file as soon as nobody else holds it; OSError after ten seconds."""
        at = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_LOCK, 1)
        finally:
            os.lseek(fd, at, os.SEEK_SET)

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Take the lock on an open file; False if another open file holds it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(fd: int) -> None:
        """Take the lock on an open file as soon as nobody else holds it."""
        fcntl.flock(fd, fcntl.LOCK_EX)
