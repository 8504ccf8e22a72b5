"""Which bytes of a PDF a signature covers, as its byte range says and as the file has it (ISO 32000-1, section 12.8.1).

pyHanko compares lengths alone where a range seems to reach the end of the file. Whoever writes the signature dictionary anew behind
the signed part can make them fit, with a value as long as all that he added, so what is left out is looked at here.
"""

import re
from collections.abc import Sequence
from typing import BinaryIO, Final

# the last place at which a reader looks for where a PDF's objects are (ISO 32000-1, section 7.5.5), and what may be behind it
_END: Final = re.compile(rb"startxref\s+\d+\s+%%EOF[\s\0]*\Z")
_TAIL: Final = 4096


def leaves_out_itself(stream: BinaryIO, byte_range: Sequence[object], value: bytes) -> bool:
    """Whether a range is the file from its first byte on, but for the signature's own ``value`` in hexadecimal."""
    numbers = [each for each in byte_range if isinstance(each, int) and each >= 0]
    if len(numbers) != 4 or len(byte_range) != 4:
        return False
    begin, length, after, _ = numbers
    if begin != 0 or after != length + 2 * len(value) + 2:
        return False
    stream.seek(length)
    left_out = stream.read(after - length)
    try:
        return (
            left_out[:1] + left_out[-1:] == b"<>" and bytes.fromhex(left_out[1:-1].decode("ascii")) == value
        )
    except ValueError:
        return False


def ends_as_it_should(stream: BinaryIO) -> bool:
    """Whether nothing follows a PDF's last version but blanks: what does belongs to none, and readers that repair files show it."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    begin = tail.rfind(b"startxref")
    return begin >= 0 and _END.match(tail, begin) is not None
