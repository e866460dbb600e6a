"""botocore's models of the services: what each operation takes and gives. Loaded when the first real client comes."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from actors.protocols.aws import rest

if TYPE_CHECKING:
    from botocore.model import OperationModel


class Model:
    """One service: its operations, and for REST services how these are called."""

    def __init__(self, service: str) -> None:
        loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
        description: dict[str, Any] = loader.load_service_model(service, "service-2")
        self.service = ServiceModel(description, service)
        self.protocol = str(self.service.protocol)
        self.target_prefix = str(self.service.metadata.get("targetPrefix", ""))
        self.routes = rest.routes(self.service) if self.protocol == "rest-xml" else []
        self._operations = frozenset(self.service.operation_names)
        self.operation = cache(partial(self._operation))

    def _operation(self, name: str) -> "OperationModel | None":
        return self.service.operation_model(name) if name in self._operations else None


@cache
def model(service: str) -> Model:
    """The model of a service by botocore's name of it (`elbv2`)."""
    return Model(service)
