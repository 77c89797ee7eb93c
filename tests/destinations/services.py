"""The fake services of every destination: ``FAKE`` of each folder's module ``service``.

If a destination has several ways to deliver, they are in ``FAKES``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from gtm_events.aws import ServiceEndpoint
from tests import destinations

if TYPE_CHECKING:
    from tests.destinations.fake import BatchFake


def _found() -> tuple[type[BatchFake], ...]:
    folders = [module.name for module in iter_modules(destinations.__path__) if module.ispkg]
    modules = [import_module(f"{destinations.__name__}.{name}.service") for name in sorted(folders)]
    return tuple(fake for module in modules for fake in getattr(module, "FAKES", (module.FAKE,)))


SERVICES: Final = _found()

AWS_SERVICES: Final = tuple(
    service for service in SERVICES if isinstance(service.endpoint, ServiceEndpoint)
)
