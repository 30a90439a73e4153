"""The probes, in the order in which they are asked."""

from . import instances, automatic_release, interfaces, scaling, release, trail, credentials  # noqa: F401 They register themselves.
