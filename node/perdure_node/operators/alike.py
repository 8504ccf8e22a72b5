"""Names and types as people see them: what cannot be seen tells nothing apart, and letters of two scripts may look like one.

The letters are those of Cyrillic, Greek, Armenian, Coptic, Cherokee, Lisu and Canadian syllabics, and odd Latin ones, that stand for a plain
Latin letter (the pairs are among those of Unicode Technical Standard 39). More scripts have such letters, and scripts other than Latin have pairs of
their own (docs/adr/0025); a site sees its own operators' names.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Unicode's Default_Ignorable_Code_Point, and the empty braille pattern: they leave no mark at all
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Cyrillic, Greek, Armenian, Latin, Coptic; each letter above the one that it looks like
_SMALL: Final = str.maketrans(
    "асеорухіјѕԁԛԝһӏгпькҽѵѡꙇαγικνορυχηϲϳσօսոհցզյքգաıɑɡƅꬲꬵꞙᶃɩɪᴏᴑꬽꭇꭈꞟꭎꭒʋɯɣᶌʏỿꭚⲥⲟⲣⲅ",
    "aceopyxijsdqwhlrnbkevwiayikvopuxncjoounhgqjfqwiagbeffgiiooorruuuuwyyyyycopr",
)
# the same; then Latin small capitals, and scripts with one case, or whose small letters become capitals first: Cherokee, Lisu, Canadian syllabics
_CAPITAL: Final = str.maketrans(
    "АВЕКМНОРСТХУІЈЅԚԜԌӀҮ" + "Ѵ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "ϜϺϹͿ" + "ՕՍՏԼ" + "ꞴꞘꞲƖƦꞳ" + "ⲤⲎⲔⲒⳐⲘⲚⲞⲢⲦⲬⲨ"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ" + "ᎪᏴᏟᎠᎬᏀᏳᎻᎥᎫᏦᏞᎷᏢᎡᏒᏕᏚᎢᏙᎳᏔᎩᎽᏃ" + "ꓮꓐꓚꓓꓰꓝꓖꓧꓙꓗꓲꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ" + "ᗅᗷᗞᗪᖴᕼᒍᒪᗰᑭᖇᑌᐯ",
    "ABEKMHOPCTXYIJSQWGIY" + "V" + "ABEZHIKMNOPTYX" + "FMCJ" + "OUSL" + "BFJLRX" + "CHKILMNOPTXY"
    "ABCDEFGHIJKLMNOPRSTUVWYZ" + "ABCDEGGHIJKLMPRRSSTVWWYYZ" + "ABCDEFGHJKILMNOPRSTUVWXYZ" + "ABDDFHJLMPRUV",
)


# a type is looked at for each record, and there are few
@lru_cache(maxsize=1024)
def looks(text: str) -> str:
    """A text as people tell texts apart: two that differ in capitals, encoding, spaces or what cannot be seen alone are one."""
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold())
    return " ".join(_UNSEEN.sub("", folded).split())


# who recorded and who confirms are the same two people for many records
@lru_cache(maxsize=1024)
def look_alike(one: str, other: str) -> bool:
    """Whether two names are one as `looks` has it, or with letters of another script, in small letters or in capitals."""
    return any(mine == theirs for mine, theirs in zip(_shapes(one), _shapes(other), strict=True))


def begins_alike(text: str, begin: str) -> bool:
    """The same of how a text begins."""
    if text.isascii() and begin.isascii():
        # nearly all are, and the tables have nothing for them
        return " ".join(text.casefold().split()).startswith(begin.casefold())
    return any(mine.startswith(theirs) for mine, theirs in zip(_shapes(text), _shapes(begin), strict=True))


def _shapes(name: str) -> tuple[str, str]:
    # apart from their marks, or a letter with two dots would be in neither table
    plain = unicodedata.normalize("NFKD", looks(name))
    return plain.translate(_SMALL), plain.upper().translate(_CAPITAL)
