"""Passwords: which ones are taken, and how they are kept (OWASP ASVS 5.0, 6.2; argon2id).

Length counts, not the kinds of characters; what is tried first by whoever guesses is refused.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from streamvision.core.errors import ConfigError, StateError
from streamvision.core.words import counted

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARACTERS = 8
MAX_CHARACTERS = 256
MEMORY_KIB = 19 * 1024
"""OWASP's smallest for two passes: two at a time must fit beside the pictures of a small device."""
PASSES = 2
AT_A_TIME = 2
"""Hashes that are computed at the same time; others wait, so that many sign-ins cannot fill the memory."""
WAIT_S = 10.0
COMMON = frozenset(
    re.findall(
        r"\w+",
        """
password passwort passw0rd letmein welcome willkommen iloveyou sunshine princess football baseball superman batman
dragon monkey master shadow michael jennifer charlie trustno qwertyuiop asdfghjkl zxcvbnm qwerty azerty qwertz
starwars whatever computer internet jordan hunter killer pepper ginger cookie summer winter secret admin
administrator changeme default guest login root system test user service security camera cameras webcam hikvision
dahua streamvision streaming video supervisor operator installer liverpool chelsea arsenal barcelona samsung google
facebook abcd abcdef abcdefg hello freedom nothing access mustang michelle daniel ashley jessica nicole andrew
matthew joshua soccer hockey flower orange banana chocolate blink nirvana metallica pokemon naruto matrix merlin
january february march april may june july august september october november december monday tuesday wednesday
thursday friday saturday sunday spring autumn christmas halloween birthday alexander alexandra alejandro alejandra
anderson andrea angelica angelina anthony barbara benjamin brandon brittany campbell caroline carolina catherine
charlotte christian christina christine christopher cristina cynthia danielle dominique elizabeth emmanuel fernando
fernanda francisco frederic gabriel gabriela hamilton heather isabella jasmine jeremiah jonathan katherine kathleen
kimberly kristina lawrence leonardo margaret martinez mercedes mitchell natalie nicholas patricia patrick rebecca
richard samantha santiago scarlett sebastian stephanie thompson valentina vanessa veronica victoria vincent virginia
wilhelm william williams elephant dolphin dolphins kangaroo hedgehog dragonfly butterfly goldfish scorpion wolverine
panther panthers tiger eagle falcon phoenix unicorn basketball volleyball softball swimming marathon champion
champions lakers cowboys yankees patriots steelers warriors manchester juventus realmadrid bayern borussia celtic
rangers startrek stargate skywalker darthvader jamesbond harrypotter spiderman catwoman garfield godzilla simpsons
scoobydoo tinkerbell cinderella hellokitty spongebob nintendo playstation warcraft minecraft fortnite blizzard
assassin terminator gandalf beautiful blessing bubbles business champagne cheyenne cocacola confused corvette
creative darkness diamond diamonds director enterprise everything excalibur fireball firebird forever friends
friendship gangster goodluck gorgeous guinness heaven hollywood icecream jesuschrist justdoit kittycat lollipop
lovely loverboy marlboro microsoft midnight millennium moonlight motorola mountain pineapple precious predator
rainbow remember revolution rockstar sapphire shopping sexygirl skittles snickers snowball snowflake something
starlight strawberry sunflower superstar sweetheart sweetness swordfish teddybear thankyou treasure truelove
twilight ultimate vacation valentine whocares babygirl bestfriend princesa teamo fuckyou bullshit asshole pussycat
ilovegod ihateyou imissyou iloveu berlin boston brooklyn california chicago colorado dallas florida germany hamburg
hongkong london michigan montreal newyork paris portugal scotland texas toronto ferrari porsche yamaha toyota
""",
    )
)
"""Words that people put digits and signs around."""
_LOOKALIKES = str.maketrans("0134578@$!|", "oleastbasil")
_ROWS = (
    "1234567890",
    "0987654321",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "q1w2e3r4t5y6",
)
"""Ways over a keyboard."""
_turns = threading.BoundedSemaphore(AT_A_TIME)


def check_password(password: str, *, user: str) -> str:
    """Return a password in the form in which it is kept.

    Raises:
        ConfigError: when it is too short or too long, or one of those that are tried first.
    """
    normal = normalised(password)
    if not _is_text(normal):
        raise ConfigError("the password holds half a character (a lone surrogate); give one of whole characters")
    if not MIN_CHARACTERS <= len(normal) <= MAX_CHARACTERS:
        raise ConfigError(
            f"the password has {counted(len(normal), 'characters')}; give one of {MIN_CHARACTERS} to {MAX_CHARACTERS}, "
            "such as some words in a row"
        )
    if _is_common(normal.casefold(), user.casefold()):
        raise ConfigError(
            "the password is one of those that are tried first; give another, such as some words in a row"
        )
    return normal


def normalised(password: str) -> str:
    """Return a password as every keyboard and system gives it (Unicode NFC; RFC 8265)."""
    return unicodedata.normalize("NFC", password[: 2 * MAX_CHARACTERS])


def hash_password(normal: str) -> str:
    """Return what is kept of a password; takes some ten milliseconds.

    Raises:
        StateError: when too many are computed at the moment.
    """
    with _Turn():
        return _hasher().hash(normal)


def is_password(normal: str, kept: str | None) -> bool:
    """Return whether a password is the one that is kept; just as slow where nothing is kept.

    Raises:
        StateError: when too many are computed at the moment.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    with _Turn():
        nobodys = _nobodys()
        try:
            given = normal.encode("utf-8", "surrogatepass")  # of what is no text, which nobody's password is
            return _hasher().verify(nobodys if kept is None else kept, given) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Return whether a password was hashed with other parameters than those of today."""
    return _hasher().check_needs_rehash(kept)


class _Turn:
    def __enter__(self) -> None:
        if not _turns.acquire(timeout=WAIT_S):
            raise StateError("too many people sign in at the moment; try again in some seconds")

    def __exit__(self, *_: object) -> None:
        _turns.release()


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")


def _is_text(password: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in password)


def _is_common(password: str, user: str) -> bool:
    letters = re.sub(r"[\W\d_]+", "", password)
    plain = re.sub(r"[\W\d_]+", "", re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password).translate(_LOOKALIKES))
    words = {letters, plain, password.translate(_LOOKALIKES)}
    return (
        not words.isdisjoint({*COMMON, user})
        or (len(user) > 3 and password.replace(user, "") in ("", *"0123456789"))
        or (not letters and len(password) < 12)  # dates, telephone numbers
        or _is_repeated(password)
        or any(password in row * 2 or password in (row * 2)[::-1] for row in _ROWS)
    )


def _is_repeated(password: str) -> bool:
    """Return whether it is a piece of up to four characters, again and again."""
    return any(password == (password[:size] * len(password))[: len(password)] for size in range(1, 5))
