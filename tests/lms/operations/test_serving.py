import subprocess
import sys

# In a process of its own: takes 64 MB in small pieces, and keeps the last.
KEEPS_FREED_PIECES = """
import ctypes
from lms.operations.serving import give_back

def held():
    with open("/proc/self/statm") as fields:
        return int(fields.read().split()[1]) * 4096 // 1_000_000

malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
pieces = [malloc(4096) for _ in range(16_000)]
for piece in pieces:
    ctypes.memset(ctypes.c_void_p(piece), 1, 4096)
for piece in pieces[:-1]:
    free(piece)
before = held()
give_back()
print(before - held())
"""


def test_memory_that_is_free_is_given_back():
    done = subprocess.run(
        [sys.executable, "-c", KEEPS_FREED_PIECES],
        capture_output=True,
        text=True,
        check=True,
    )

    assert int(done.stdout) > 50
