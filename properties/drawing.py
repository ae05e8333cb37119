"""How Hypothesis draws here: from the seed and the property's name alone, unless earlier failures are to be asked first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.internal.conjecture import providers

from bnspec.properties.stage import current

SETTINGS = settings(
    deadline=None,
    database=None,
    derandomize=False,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    print_blob=False,
)
"""How Hypothesis runs here: the same seed gives the same cases, and a slow implementation is no fault of health."""

CAMPAIGN_PHASES = (Phase.explicit, Phase.generate)
"""Without shrinking."""


REDIS = ("redis://", "rediss://", "unix://")
"""How a place begins that is a Redis server, for the failures of a whole team."""

REMEMBERED = timedelta(days=30)
"""How long Redis keeps a failure that nobody has met again."""


class Remembered(ExampleDatabase):
    """The failures of earlier runs in a directory or a Redis server, of Hypothesis' own kinds, each target and dtype apart.

    Apart, because Hypothesis forgets an example that no longer fails, and what passes in float64 may still fail in float32.
    """

    def __init__(self, target: str, place: str) -> None:
        super().__init__()
        self._target = target
        self._kept = _in_redis(place) if place.startswith(REDIS) else DirectoryBasedExampleDatabase(place)

    def save(self, key: bytes, value: bytes) -> None:
        """Remember an example of a property."""
        self._kept.save(self._apart(key), value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """The examples of a property that failed."""
        return self._kept.fetch(self._apart(key))

    def delete(self, key: bytes, value: bytes) -> None:
        """Forget one."""
        self._kept.delete(self._apart(key), value)

    def _apart(self, key: bytes) -> bytes:
        return f"{self._target} {current().dtype} ".encode() + key


def without_password(url: str) -> str:
    """The address of a server as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _in_redis(url: str) -> ExampleDatabase:
    from hypothesis.extra.redis import RedisExampleDatabase
    from redis import Redis

    return RedisExampleDatabase(Redis.from_url(url), expire_after=REMEMBERED, key_prefix=b"bnspec-examples:")


def settings_of(*, campaign: bool, database: Remembered | None, guided: bool = False, reuse: bool = True) -> settings:
    """The settings of a run, but for the number of examples.

    `guided`: half of the cases follow what the law calls a target;  `reuse`: what failed in earlier runs is asked first.
    """
    phases = CAMPAIGN_PHASES if campaign else SETTINGS.phases
    phases = (*phases, Phase.target) if guided else phases
    if database is None:
        return settings(SETTINGS, phases=phases)
    return settings(SETTINGS, phases=(*phases, Phase.reuse) if reuse else phases, database=database)


@contextmanager
def only_from_the_seed() -> Iterator[None]:
    """Keep Hypothesis from drawing numbers that it finds in the source of loaded modules.

    It does so for modules outside of site-packages: a working copy and an installed bnspec, or a run after another one that
    loaded more, would be asked other cases for one seed. It has no setting for that, so the function that looks is exchanged
    for a while, and with it what was remembered of its answers. A Hypothesis without that function is left as it is.
    """
    look = getattr(providers, "_get_local_constants", None)
    if look is None:
        yield
        return
    from hypothesis.internal.constants_ast import Constants

    cache, nothing = providers.CONSTANTS_CACHE, Constants()
    providers._get_local_constants = lambda: nothing
    providers.CONSTANTS_CACHE = type(cache)(cache.max_size)
    try:
        yield
    finally:
        providers._get_local_constants, providers.CONSTANTS_CACHE = look, cache
