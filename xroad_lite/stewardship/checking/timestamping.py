"""Checks the time-stamping authorities that the instance names; asks none of them."""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import INSTANCE, Reading


def check_timestamping(reading: Reading) -> Iterator[Finding]:
    """Their certificates are there, none is named twice, and a limit can be kept."""
    if reading.instance is None:
        return
    met: set[str] = set()
    for index, one in enumerate(reading.instance.timestamping):
        at = ("timestamping", index)
        if one.certificate not in reading.files:
            yield Finding(
                INSTANCE,
                "registry.missing_file",
                f"timestamping: there is no {one.certificate[:120]} in the source",
                hint="put the authority's root there, in PEM",
                at=(*at, "certificate"),
            )
        if one.url in met:
            message = f"the authority {one.url} is named twice"
            yield Finding(INSTANCE, "registry.duplicate", message, "warning", at=(*at, "url"))
        met.add(one.url)
    if reading.instance.stamp_within is not None and not reading.instance.timestamping:
        yield Finding(
            INSTANCE,
            "registry.no_stamps",
            "stamp_within is set, and no authority is named: every node would soon stop sending",
            hint="name one below timestamping, or take the limit out",
            at=("stamp_within",),
        )
