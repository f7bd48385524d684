"""A node's view of one registry: what it adopted, logged, and still has to fetch.

Does not decide what a missing snapshot means: check 2 does. An origin on the web is asked in a
thread of its own, so that a slow one holds up nobody's messages. A node's own registry must be
there when it starts; that of a trusted instance may come later.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import times
from xroad_lite.errors import RegistryError, XRoadError
from xroad_lite.messagelog import Store, entries
from xroad_lite.registry import KnownSnapshots, RegistryClient, Snapshot, State
from xroad_lite.registry.succession import check_succeeds
from xroad_lite.registry.trusted import TrustedInstance

_META, _META_ROOT = "registry", "registry_root"
_ASK_AGAIN_SECONDS = 60.0
_REMEMBERED_NAMES = 1000


@dataclass(slots=True)
class _Errand:
    """One visit to the registry: what is wanted there, and what came of it."""

    at: float
    names: list[str]
    present: State | None
    state: State | None = None
    problem: str | None = None
    found: dict[str, Snapshot | None] = field(default_factory=dict)
    published: dict[int, float] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)


class RegistryView:
    """Adopts newer snapshots, each with an entry in the log, and fetches the ones peers name."""

    def __init__(
        self,
        client: RegistryClient,
        store: Store,
        now: float,
        trusted: TrustedInstance | None = None,
    ) -> None:
        """``trusted`` is whose registry it is, of which nothing need be there yet; None for the
        node's own: ``RegistryError`` when it cannot be had.
        """
        self._client = client
        self._store = store
        self._trusted = trusted
        of = "" if trusted is None else f"@{client.mirror.path.name}"
        self._meta, self._meta_root = f"{_META}{of}", f"{_META_ROOT}{of}"
        self._asked: dict[str, float] = {}
        self._wanted: list[str] = []
        self._errand: _Errand | None = None
        self._state: State | None = None
        self._known: KnownSnapshots | None = None
        self.asked = now
        """When it was last looked at, or tried to be, Unix seconds."""
        self.problem: str | None = None
        """Why the registry could not be refreshed, for people; None when all is well."""
        kept = client.kept()
        if kept is not None or trusted is None:
            self._begin(kept or client.update(now, None), now, again=kept is not None)
        if kept is not None or trusted is not None:
            self.refresh(now)

    def _begin(self, state: State, now: float, *, again: bool) -> None:
        self._check_instance(state.snapshot)
        self._check_adopted(state)
        known = KnownSnapshots(state.snapshot, again=again, read=self._read_again, refreshed=now)
        self._client.keep(state)
        self._state, self._known = state, known
        known.renew(state.fresh_until)
        self._log(state.snapshot, now)

    @property
    def known(self) -> KnownSnapshots:
        """All that is known of it; ``RegistryError`` while nothing is."""
        if self._known is None:
            raise RegistryError("registry.out_of_reach", self.problem or "it was not fetched yet")
        return self._known

    @property
    def ready(self) -> bool:
        """Whether anything is known of it."""
        return self._known is not None

    @property
    def remote(self) -> bool:
        """Whether it is asked over the web."""
        return self._client.remote

    @property
    def current(self) -> Snapshot:
        """The newest snapshot adopted here."""
        return self.known.current

    def status(self, now: float) -> dict[str, Any]:
        """What people and monitoring want to know of it."""
        grace = times.duration(self.current.instance.grace)
        lapsed = [str(one) for one in self.current.edition.roles if now > one.expires]
        return {
            "registry": self.current.name,
            "registry_root": self.current.edition.root,
            "registry_until": times.to_text(self.known.fresh_until),
            "registry_grace_until": times.to_text(self.known.fresh_until + grace),
            "registry_lapsed": lapsed,
            "registry_problem": self.problem,
        }

    def complaint(self, now: float) -> str | None:
        """One line for people when something of it does not hold; None when all is well."""
        fresh_until = self.known.fresh_until
        if now > fresh_until:
            ends = fresh_until + times.duration(self.current.instance.grace)
            what = "going on in grace until" if now <= ends else "nothing is decided since"
            why = f" ({self.problem})" if self.problem else ""
            return (
                f"the registry expired at {times.to_text(fresh_until)}: "
                f"{what} {times.to_text(ends)}{why}"
            )
        lapsed = [str(one) for one in self.current.edition.roles if now > one.expires]
        return self.problem or "; ".join(lapsed) or None

    def refresh(self, now: float) -> bool:
        """Ask for the newest snapshot, and adopt it once it is here; what fails stays as it was.

        True when a newer one was adopted.
        """
        if self._errand is None:
            self.asked = now
            self._errand = _Errand(now, self._wanted, self._state)
            self._wanted = []
            if self._client.remote:
                threading.Thread(
                    target=self._run, args=(self._errand,), name="registry", daemon=True
                ).start()
            else:
                self._run(self._errand)
        return self.collect()

    def collect(self) -> bool:
        """Take in what the last visit to the registry brought, if it has come back."""
        errand = self._errand
        if errand is None or not errand.done.is_set():
            return False
        self._errand = None
        adopted = self._take(errand)
        self.problem = errand.problem
        for name, snapshot in errand.found.items():
            self._take_earlier(name, snapshot)
        if self._known is not None:
            for version, published in errand.published.items():
                self._known.note(version, published)
        return adopted

    def settle(self, seconds: float) -> bool:
        """Wait so long at the most for a visit that is under way; then as ``collect``."""
        if self._errand is not None:
            self._errand.done.wait(seconds)
        return self.collect()

    def fetch(self, name: str, now: float) -> bool:
        """Look for the snapshot ``VERSION:DIGEST``; True when now it is known what it is.

        What the registry does not have yet is asked for once a minute at the most.
        """
        if now < self._asked.get(name, 0.0) + _ASK_AGAIN_SECONDS:
            return False
        if len(self._asked) >= _REMEMBERED_NAMES:
            self._asked.clear()
        self._asked[name] = now
        self._wanted.append(name)
        self.refresh(now)
        known = self._known
        return known is not None and (known.get(name) is not None or known.never_published(name))

    def _run(self, errand: _Errand) -> None:
        try:
            errand.state = state = self._client.update(errand.at, errand.present)
            for name in errand.names:
                self._look_up(name, state, errand)
        except XRoadError as error:  # whatever a document holds, it is a faulty registry
            errand.problem = str(error)
        except Exception as error:  # noqa: BLE001  said, and tried again: a thread has no caller
            errand.problem = f"registry.bug: {type(error).__name__}: {error}"
        finally:
            errand.done.set()

    def _look_up(self, name: str, state: State, errand: _Errand) -> None:
        """Whether an earlier snapshot was published; a later one may be, one day."""
        if int(name.partition(":")[0]) > state.head.version or name == state.snapshot.name:
            return
        instance = state.snapshot.instance
        since = errand.at - times.duration(instance.max_age) - times.duration(instance.lag)
        errand.found[name], history = self._client.find(name, state, since)
        errand.published |= history.published()

    def _take(self, errand: _Errand) -> bool:
        state = errand.state
        if state is None:
            return False
        adopts = self._known is None or state.snapshot is not self.current
        try:
            if self._known is None:
                self._begin(state, errand.at, again=False)
            elif adopts:
                self._adopt(state)
        except XRoadError as error:
            self._client.refuse(state.head, error)
            errand.problem = str(error)
            return False
        self.known.renew(state.fresh_until)
        self.known.refreshed = errand.at
        self._client.keep(state)
        self._state = state
        self._log(self.current, errand.at)
        return adopts

    def _adopt(self, state: State) -> None:
        snapshot, before = state.snapshot, self._state
        assert before is not None
        self._check_instance(snapshot)
        if snapshot.edition.root > self.current.edition.root:
            check_succeeds(snapshot, self.current)
            # A stolen key may have written what was before.
            self._known = KnownSnapshots(snapshot, read=self._read_again)
        else:
            self.known.adopt(snapshot)
            for version, published in self._client.published(state, before).items():
                self.known.note(version, published)

    def _take_earlier(self, name: str, snapshot: Snapshot | None) -> None:
        if self._known is None:
            return
        if snapshot is None:
            self._known.note_never(name)
            return
        try:
            self._known.add(snapshot)
        except XRoadError as error:
            self.problem = str(error)

    def _read_again(self, name: str) -> Snapshot | None:
        return self._client.again(name, self._state)

    def _check_instance(self, snapshot: Snapshot) -> None:
        """A registry that is trusted as one instance's is not another's, and has not its names."""
        if self._trusted is None:
            return
        got, wanted = snapshot.instance, self._trusted
        if (got.instance, got.base) != (wanted.instance, wanted.base):
            raise RegistryError(
                "registry.other_instance",
                f"the registry says that it is {got.instance}, {got.base}: "
                f"{wanted.instance}, {wanted.base} is trusted",
                hint="ask its lead agency; or end the trust: xroad-lite registry trust remove",
            )

    def _check_adopted(self, state: State) -> None:
        """What this node's log says that it adopted, the registry still has."""
        adopted = self._store.meta(self._meta)
        if adopted is None or adopted == state.snapshot.name:
            return
        if state.head.root > int(self._store.meta(self._meta_root) or "0"):
            return
        if state.head.version < int(adopted.partition(":")[0]):
            raise RegistryError(
                "registry.rollback",
                f"the registry is at snapshot {state.head.version}: this node had already "
                f"adopted {adopted}",
                hint="it may be an old mirror: name another address, or ask the lead agency",
            )
        if self._client.find(adopted, state, 0.0)[0] is None:
            raise RegistryError(
                "registry.forked",
                f"{state.snapshot.name} does not follow {adopted}, which was adopted here",
                hint="ask the lead agency: its snapshot key may be stolen",
            )

    def _log(self, snapshot: Snapshot, now: float) -> None:
        if self._store.meta(self._meta) == snapshot.name:
            return
        root = snapshot.edition.root
        instance = None if self._trusted is None else self._trusted.instance
        with self._store.transaction():
            self._store.append(entries.snapshot(now, snapshot.name, root, instance))
            self._store.set_meta(self._meta, snapshot.name)
            self._store.set_meta(self._meta_root, str(root))
